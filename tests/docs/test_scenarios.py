"""Scenario pages: output of the examples, assertions under other strategies, and pictures."""

import re
from functools import partial
from statistics import median
from typing import Any

import pytest

import fairlane.rehearsal
from fairlane import Fifo, Sharing
from fairlane._charts.layout import escape_html
from fairlane.rehearsal import Rehearsal, rehearse
from fairlane.scheduler.options import Strategies, hours, minutes
from tests.docs.pictures import chart_of, html_of
from tests.docs.scenarios import CLUSTER_PAGES, FOLDER, PAGES, Page
from tests.support import REPOSITORY

PICTURES = REPOSITORY / "docs" / "images" / "scenarios"
STRATEGIES: list[dict[str, Any]] = [
    {"head_of_line": "skip"},
    {"share_order": "least-used"},
    {"victims": "newest"},
    {"decay": "none"},
    {"stop_seconds": 0},
    {"stop_seconds": 60},
]
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@pages
def test_a_page_shows_the_output_of_its_example(page: Page) -> None:
    _, printed = page.run()
    assert page.output == printed
    assert 30 <= len(page.text.splitlines()) <= 84


@pages
@pytest.mark.parametrize("strategies", STRATEGIES, ids=str)
def test_assertions_of_the_examples_hold_under_all_strategies(
    page: Page, strategies: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = Strategies(**strategies)
    monkeypatch.setattr(fairlane.rehearsal, "rehearse", partial(rehearse, strategies=chosen))
    if (page.name, chosen.victims) == ("priority-inside-a-share", "newest"):  # documented on the page
        names, _ = page.run(page.code.replace('== ["priority 10"]', '== ["priority 10", "priority 30"]'))
        assert [names["rehearsal"].outcomes[row].runs[0].stop for row in (4, 2)] == [hours(1) + 20, hours(1) + 40]
    else:
        _, printed = page.run()
        if page.name == "one-pool-or-partitions":
            assert printed.splitlines()[:2] == page.output.splitlines()[:2]


@pages
def test_a_page_has_its_pictures(page: Page) -> None:
    shown = re.findall(r'(?:src|srcset)="\.\./images/scenarios/(.*?)"', page.text)
    assert shown == [f"{page.name}-dark.png", f"{page.name}.png"]
    for name in shown:
        assert (PICTURES / name).stat().st_size < 80_000
    assert re.search(r'alt="[^"]{40,}"', page.text)


def test_the_folder_has_no_other_pictures() -> None:
    assert len(list(PICTURES.iterdir())) == 2 * len([*PAGES, *CLUSTER_PAGES])


@pages
def test_a_picture_shows_the_whole_use_of_the_rehearsals(page: Page) -> None:
    rehearsals = page.rehearsals()
    assert 1 <= len(rehearsals) <= 2
    for rehearsal in rehearsals.values():
        chart = chart_of(rehearsal)
        assert chart.figure is not None
        areas = {area["name"]: area["y"] for area in chart.figure["data"]}
        names = [{*rehearsal.shares}, {escape_html(job.name) for job in rehearsal.trace}]
        assert areas.keys() in names
        highest = max(map(sum, zip(*areas.values(), strict=True)))
        assert highest == pytest.approx(rehearsal.total.use.peak, rel=0.05)  # charts with many steps show means


def test_the_pictures_can_be_rendered() -> None:
    name, rehearsal = next(iter(PAGES[0].rehearsals().items()))
    assert "chart-use-0" in html_of({name: chart_of(rehearsal)})


def test_the_index_has_every_page() -> None:
    listed = re.findall(r"\[(.*?)\]\(([\w-]+)\.md\) \|$", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert {name: title for title, name in listed} == {
        page.name: page.text.splitlines()[0][2:] for page in (*PAGES, *CLUSTER_PAGES)
    }


def test_without_checkpoints_the_borrower_loses_the_documented_hours() -> None:
    page = Page("lending-and-taking-back")
    names, _ = page.run(page.code.replace(", checkpoint=minutes(30)", ""))
    assert names["borrower"].lost == 27.5 * 3600
    assert "lose 27.5 instance-hours" in page.text


def test_preemption_inside_a_share_is_off_by_default() -> None:
    page = Page("priority-inside-a-share")
    names, _ = page.run(page.code.replace(", in_share_preemption=preemption)", ")").split("rehearsal =")[0])
    patient = rehearse(names["queue"](None), names["trace"], capacity={names["P4"]: 100})
    assert patient.total.preemptions == 0
    assert patient.outcomes[-1].waited == hours(2)


def test_with_a_long_window_shares_take_turns() -> None:
    page = Page("weights-converge")
    code = page.code.replace('"LOWPRI": 5}', '"LOWPRI": 5}, share_decay_seconds=14400').replace(
        "    assert abs", "    abs"
    )
    names, printed = page.run(code)
    assert "is 144, 52 and 34 then" in re.sub(r"\s+", " ", page.text)
    assert re.findall(r": (\d+) instances", printed) == ["144", "52", "34"]
    low = names["rehearsal"].share("LOWPRI").use
    assert low.integral([(hours(2.25), hours(4.05))]) == 0
    assert 0.45 < max(low.value_at(time) for time in range(hours(4), hours(9), 60)) / 230 < 0.55


def test_all_seeds_of_the_week_have_the_documented_peaks_and_waits() -> None:
    page = Page("one-pool-or-partitions")
    code = page.code.partition("assert ")[0]
    weeks = [page.run(code.replace("generate(19,", f"generate({seed},"))[0] for seed in range(1, 21)]

    def peaks(name: str) -> tuple[str, str, str]:
        values = [week[name].peak_utilization for week in weeks]
        return f"{min(values):.0%}"[:-1], f"{max(values):.0%}"[:-1], f"{median(values):.0%}"[:-1]

    text = re.sub(r"\s+", " ", page.text)
    least, most, middle = peaks("partitions")
    assert f"peaks are {least} to {most} % in partitions, {middle} % in the median" in text
    least, most, middle = peaks("pool")
    assert f"in pools of half {least} to {most} %, {middle} % in the median" in text
    longest = max(week["pool"].total.wait.max for week in weeks)
    assert f"is {longest / 60:.0f} minutes" in text


def test_shares_that_reserve_start_jobs_like_separate_queues() -> None:
    names, _ = Page("one-pool-or-partitions").run()
    together: Rehearsal = names["week"](names["trace"], names["half"], Sharing.RESERVE)
    assert together.total.wait.max > minutes(60)
    starts: dict[str, list[int | None]] = {team: [] for team in names["half"]}
    for job, outcome in zip(together.trace, together.outcomes, strict=True):
        starts[job.share].append(outcome.first_start)
    for team, instances in names["half"].items():
        queue = rehearse(Fifo(), names["alone"][team], capacity=instances)
        assert starts[team] == [outcome.first_start for outcome in queue.outcomes]
