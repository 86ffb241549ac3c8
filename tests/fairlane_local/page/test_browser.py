"""The page in a browser: what it shows is what the API says, with few and many queues and jobs."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fairlane.scheduler import minutes
from fairlane_local import LocalAws
from fairlane_local.batch.api import BatchApi, batch_api
from fairlane_local.page.access import page_url
from fairlane_local.page.state import page_state
from fairlane_local.server.credentials import get_credentials
from tests import browser
from tests.fairlane_local.page.story import Story, story

LOOKS = [{"width": width, "scheme": scheme} for width in (1280, 1920) for scheme in ("light", "dark")]
Look = dict[str, Any]

pytestmark = browser.NEEDS_CHROMIUM


def browse(aws: LocalAws, folder: Path, looks: list[Look], *, key: str | None = None) -> list[Look]:
    """Return facts about the page for each look, from one browser."""
    url = page_url(aws.port, get_credentials(aws.port).page_key if key is None else key)
    found: list[Look] = browser.browse(url, looks, folder, Path(__file__).with_name("browser.mjs"))
    return found


@pytest.fixture(scope="module")
def browser_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the browser's files, which it extracts once."""
    return tmp_path_factory.mktemp("browser")


@pytest.fixture
def new() -> Iterator[Story]:
    with story() as new:
        yield new


def number(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}".removesuffix(".0")


def shown(state: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the page has to show of the queues of a state."""
    names = ("use", "entitlement", "ceiling", "borrowed", "lent", "running", "waiting")
    return [
        {
            "name": queue["name"],
            "rows": [[row["share"], "", *(number(row.get(name)) for name in names)] for row in queue["shares"]],
            "front": [job["name"] for job in queue["front"]],
        }
        for queue in state["queues"]
    ]


def check(look: Look, state: dict[str, Any]) -> None:
    assert (look["errors"], look["requests"], look["status"]) == ([], [], "")
    assert [{name: queue[name] for name in ("name", "rows", "front")} for queue in look["queues"]] == shown(state)
    assert not look["isWiderThanWindow"]
    assert (look["cut"], look["lowContrast"], look["headersWithoutScope"], look["unlabelled"]) == ([], [], 0, 0)
    assert look["landmarks"] == ["header", "main", "section", "section", "section", "section", "section"]
    levels = look["headings"]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert look["url"].endswith("/fairlane-local/")  # without the key


def add_queues(new: Story, total: int) -> None:
    for index in range(total - len(new.api.batch.queues)):
        add_queue(new.api, f"team-{index:02}-" + "long-name-" * (index % 4))


def add_queue(api: BatchApi, name: str) -> None:
    request = {
        "serviceEnvironmentName": f"{name}-environment",
        "serviceEnvironmentType": "SAGEMAKER_TRAINING",
        "capacityLimits": [{"maxCapacity": 10, "capacityUnit": "NUM_INSTANCES"}],
    }
    environment = api.call("CreateServiceEnvironment", request)["serviceEnvironmentArn"]
    order = [{"order": 1, "serviceEnvironment": environment}]
    queue = {"jobQueueName": name, "jobQueueType": "SAGEMAKER_TRAINING", "priority": 1}
    api.call("CreateJobQueue", queue | {"serviceEnvironmentOrder": order})


@pytest.mark.parametrize("jobs", [0, 5000])
@pytest.mark.parametrize("queues", [6, 30])
def test_the_page_shows_what_the_api_says(new: Story, browser_files: Path, queues: int, jobs: int) -> None:
    add_queues(new, queues)
    if jobs:
        new.tell()
        submitted = sum(1 for _ in new.api.lifecycle.jobs)
        for index in range(jobs - submitted):
            new.train("training-p4", ("ProdExp1", "ProdExp2")[index % 2], f"job-{index:04}", 1 + index % 3)
        new.aws.timeline.advance(minutes(5))
    first = page_state({})["queues"][0]["arn"]
    state = page_state({"queue": first})
    for look in browse(new.aws, browser_files, LOOKS):
        check(look, state)
        rows = [[row["name"], row["share"], row["status"]] for row in state["jobs"]["rows"]]
        assert [row[:3] for row in look["jobs"]] == rows
        assert len(look["preemptions"]) == len(state["preemptions"])
        assert look["alarms"] == ("1 in alarm · 1 no data · 3 OK" if jobs else "No alarm is deployed.")
    if jobs:
        assert look["jobCount"].startswith("The newest 100 of 4,9")


def test_bars_show_the_parts_of_a_share(new: Story, browser_files: Path) -> None:
    new.tell()
    (look,) = browse(new.aws, browser_files, LOOKS[:1])
    lends, borrows = next(queue["bars"] for queue in look["queues"] if queue["name"] == "training-p4")
    assert (lends["own"], lends["lent"], lends["borrowed"], lends["track"]) == (32, 24, 0, 100)
    assert (borrows["own"], borrows["lent"], borrows["borrowed"], borrows["track"]) == (40, 0, 24, 100)
    assert look["preemptions"] == [
        "10:12:00\nvision-sweep-09 of ProdExp2 for search-ranking-1 of ProdExp1\ntraining-p4 · takes back lent capacity"
    ]


def test_colors_follow_the_color_scheme(new: Story, browser_files: Path) -> None:
    light, dark = browse(new.aws, browser_files, LOOKS[:2])
    assert (light["background"], dark["background"]) == ("rgb(242, 243, 243)", "rgb(15, 20, 26)")


def test_a_manual_clock_moves_by_a_button_and_keeps_the_focus(new: Story, browser_files: Path) -> None:
    moved = ["wait", "document.querySelector('#now').textContent === '09:10:00'"]
    steps = [["click", "[data-seconds='600']"], moved]
    (look,) = browse(new.aws, browser_files, [LOOKS[0] | {"steps": steps}])
    assert look["errors"] == []
    assert look["clock"].split("\n") == ["09:10:00", "2026-03-02 UTC", "manual clock", "+1 min", "+10 min", "+1 h"]
    assert new.aws.timeline.second == 600


def test_a_clock_that_runs_pauses_and_goes_on_by_the_keyboard(browser_files: Path) -> None:
    with LocalAws() as aws:
        paused = ["wait", "document.querySelector('#kind').textContent === 'paused, real time'"]
        steps = [["press", "Tab"], ["press", "Enter"], paused]
        (look,) = browse(aws, browser_files, [LOOKS[0] | {"steps": steps}])
        assert look["clock"].split("\n")[2:] == ["paused, real time", "Go on", "+1 min", "+10 min", "+1 h"]
        assert aws.timeline.clock.is_paused
        runs = ["wait", "document.querySelector('#kind').textContent === 'real time'"]
        (look,) = browse(aws, browser_files, [LOOKS[0] | {"steps": [["click", "#pause"], runs]}])
        assert look["clock"].split("\n")[2:] == ["real time", "Pause"]
        assert not aws.timeline.clock.is_paused


def test_texts_of_jobs_are_not_html(new: Story, browser_files: Path) -> None:
    attack = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>"
    job = new.train("training-p4", "ProdExp1", "job")
    new.aws.timeline.advance(2)
    new.log(job, attack)
    new.alarm(attack, "ALARM", attack)
    new.api.call("TerminateServiceJob", {"jobId": job.id, "reason": attack})
    new.aws.timeline.advance(60)
    steps = [["click", "#jobs button"], ["wait", "document.querySelector('#job').open"]]
    (look,) = browse(new.aws, browser_files, [LOOKS[0] | {"steps": steps}])
    assert look["errors"] == []
    assert attack in look["job"]["log"]
    assert look["job"]["attempts"][0][-1] == attack
    assert look["inAlarm"] == [f"In alarm\n{attack}"]


def test_filters_and_a_job_stay_as_they_are_while_the_page_polls(new: Story, browser_files: Path) -> None:
    new.tell()
    polled = [
        "wait",
        "(window.before ??= document.documentElement.dataset.polls) < document.documentElement.dataset.polls - 1",
    ]
    steps = [
        ["select", "[name=share]", "ProdExp1"],
        ["wait", "document.querySelector('#job-count').textContent === '2 jobs'"],
        ["click", "#jobs button"],
        ["wait", "document.querySelector('#job').open"],
        polled,
    ]
    (look,) = browse(new.aws, browser_files, [LOOKS[0] | {"steps": steps}])
    assert look["errors"] == []
    assert [row[0] for row in look["jobs"]] == ["search-ranking-2", "search-ranking-1"]
    assert look["job"]["title"] == "search-ranking-2"
    assert [row[:2] for row in look["job"]["attempts"]] == [["1", "running"]]
    assert "step 380 loss 1.360" in look["job"]["log"]
    assert look["focus"] == "Close"


def test_a_dashboard_is_drawn_in_an_origin_of_its_own(new: Story, browser_files: Path) -> None:
    new.tell()
    steps = [["open", "#dashboards a"], ["wait", "document.documentElement.dataset.drawn"]]
    (look,) = browse(new.aws, browser_files, [LOOKS[0] | {"steps": steps}])
    assert (look["errors"], look["requests"], look["drawn"]) == ([], [], "yes")
    assert "Data: metrics of the local AWS." in look["text"]


def test_another_region_can_be_chosen(new: Story, browser_files: Path) -> None:
    other = batch_api("111122223333", "eu-west-1")
    add_queue(other, "elsewhere")
    steps = [
        ["select", "#location", "111122223333 eu-west-1"],
        ["wait", "document.querySelectorAll('.queue').length === 1"],
        ["wait", "document.querySelector('[name=queue]').selectedOptions[0]?.text === 'elsewhere'"],
    ]
    (look,) = browse(new.aws, browser_files, [LOOKS[0] | {"steps": steps}])
    assert look["errors"] == []
    assert [queue["name"] for queue in look["queues"]] == ["elsewhere"]


def test_a_wrong_key_is_explained(new: Story, browser_files: Path) -> None:
    (look,) = browse(new.aws, browser_files, LOOKS[:1], key="wrong")
    assert look["status"].startswith("This tab has no key of the local AWS that runs now. Run fairlane local start")
    assert look["queues"] == []
