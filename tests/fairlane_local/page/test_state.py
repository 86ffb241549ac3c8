"""State of the page compared with the API of AWS Batch."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from fairlane.scheduler import hours, minutes
from fairlane_local.batch.jobs.queue_jobs import find_queue
from fairlane_local.errors import LocalAwsError
from fairlane_local.page.state import page_state
from tests.fairlane_local.page.story import START, Story, story


@pytest.fixture
def new() -> Iterator[Story]:
    with story() as new:
        yield new


@pytest.fixture
def told(new: Story) -> Story:
    new.tell()
    return new


def queue(name: str) -> dict[str, Any]:
    return next(queue for queue in page_state({})["queues"] if queue["name"] == name)


def shares(name: str) -> dict[str, dict[str, Any]]:
    return {share["share"]: share for share in queue(name)["shares"]}


def test_use_counts_and_front_are_those_of_the_api(told: Story) -> None:
    for state in page_state({})["queues"]:
        snapshot = told.api.call("GetJobQueueSnapshot", {"jobQueue": state["arn"]})
        used = sum(usage["quantity"] for usage in snapshot["queueUtilization"]["totalCapacityUsage"])
        assert sum(capacity["use"] for capacity in state["capacity"]) == used
        front = [job["jobArn"].rpartition("/")[2] for job in snapshot["frontOfQueue"]["jobs"]]
        assert [job["id"] for job in state["front"]] == front[:5]
        _, record = find_queue(state["arn"])
        if record["jobQueueType"] == "SAGEMAKER_TRAINING":
            for count, status in ((state["running"], "RUNNING"), (state["waiting"], "RUNNABLE")):
                request = {"jobQueue": state["arn"], "jobStatus": status}
                assert count == len(told.api.call("ListServiceJobs", request)["jobSummaryList"])


def test_a_share_that_uses_less_lends_what_others_borrow(told: Story) -> None:
    names = ("use", "entitlement", "ceiling", "borrowed", "lent", "running", "waiting")
    rows = {name: tuple(row[key] for key in names) for name, row in shares("training-p4").items()}
    assert rows == {"ProdExp1": (32, 60, 100, 0, 24, 2, 0), "ProdExp2": (64, 40, 100, 24, 0, 8, 1)}
    assert {row["lending"] for row in shares("training-p4").values()} == {"lends and borrows"}
    fair = shares("gpu-g5")
    assert fair["research"]["borrowed"] == pytest.approx(672 - 0.3 * 1152)
    assert sum(row["borrowed"] for row in fair.values()) == pytest.approx(sum(row["lent"] for row in fair.values()))


def test_a_queue_without_shares_has_one_row(told: Story) -> None:
    assert queue("cpu")["shares"] == [
        {"share": "all jobs", "unit": "instances", "use": 4, "ceiling": 10, "running": 2, "waiting": 0}
    ]


def test_jobs_of_an_undeclared_share_are_other_shares(new: Story) -> None:
    new.train("training-g6", "INTERN", "job", 3)
    new.aws.timeline.advance(2)
    assert shares("training-g6")["other shares"] == {
        "share": "other shares",
        "unit": "",
        "use": 3,
        "borrowed": 3,
        "lent": 0,
        "running": 1,
        "waiting": 0,
    }


def test_preemptions_are_listed_as_they_happen(new: Story) -> None:
    assert page_state({})["preemptions"] == []
    for number in (1, 2):
        new.train("training-p5", "ProdExp1", f"borrower-{number}", 10, hours(5))
    new.aws.timeline.advance(minutes(10))
    owner = new.train("training-p5", "ProdExp2", "owner", 8)
    new.aws.timeline.advance(2)
    (preemption,) = page_state({})["preemptions"]
    assert preemption == {
        "time": (START + 600) * 1000,
        "queue": "training-p5",
        "job": preemption["job"] | {"name": "borrower-2", "share": "ProdExp1"},
        "by": {"id": owner.id, "name": "owner", "share": "ProdExp2"},
        "is_stopping": True,
        "reason": "Cross-share preemption triggered to reclaim borrowed capacity",
    }
    new.aws.timeline.advance(30)
    assert not page_state({})["preemptions"][0]["is_stopping"]

    details = page_state({"job": preemption["job"]["id"]})["job"]
    assert [attempt["result"] for attempt in details["attempts"]] == ["preempted"]
    assert details["status"] == "RUNNABLE"


def test_a_job_has_its_attempts_and_the_end_of_its_log(new: Story) -> None:
    job = new.train("cpu", "", "job", 2)
    new.aws.timeline.advance(2)
    new.log(job, *(f"line {number}" for number in range(300)))
    details = page_state({"job": job.id})["job"]
    assert (details["name"], details["queue"], details["status"]) == ("job", "cpu", "RUNNING")
    assert [(line["text"], line["host"]) for line in details["log"][:1]] == [("line 100", "algo-1")]
    assert (len(details["log"]), details["log"][-1]["text"]) == (200, "line 299")
    (attempt,) = details["attempts"]
    assert (attempt["result"], attempt["started"], attempt["reason"]) == ("running", START * 1000, "")


def test_a_container_job_has_a_log(new: Story) -> None:
    job = new.run("research", "container", 96)
    new.aws.timeline.advance(2)
    assert page_state({"job": job.id})["job"]["log"] == []
    new.log(job, "started")
    assert [line["text"] for line in page_state({"job": job.id})["job"]["log"]] == ["started"]
    new.aws.timeline.advance(hours(2))
    (attempt,) = page_state({"job": job.id})["job"]["attempts"]
    assert (attempt["result"], attempt["exit_code"]) == ("succeeded", 0)


def test_jobs_are_filtered_by_status_and_share(told: Story) -> None:
    arn = queue("training-p4")["arn"]

    def names(**filters: str) -> list[str]:
        return [row["name"] for row in page_state({"queue": arn, **filters})["jobs"]["rows"]]

    assert names(share="ProdExp1") == ["search-ranking-2", "search-ranking-1"]
    assert names(status="waiting") == ["vision-sweep-09"]
    assert names(status="ended") == []
    assert len(names()) == page_state({"queue": arn})["jobs"]["total"] == 11
    assert page_state({"queue": arn})["jobs"]["shares"] == ["ProdExp1", "ProdExp2"]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"queue": "none"}, "the local AWS has no queue none"),
        ({"queue": "cpu", "status": "done"}, "status: got 'done', allowed: waiting, running, ended"),
        ({"job": "none"}, "the local AWS has no job none"),
        ({"region": "eu-west-1"}, "account 123456789012 has no queues in eu-west-1"),
    ],
)
def test_an_unknown_name_is_an_error(new: Story, query: dict[str, str], error: str) -> None:
    with pytest.raises(LocalAwsError, match=error):
        page_state(query)


def test_alarms_in_alarm_come_first_and_an_unevaluated_alarm_has_no_state(new: Story) -> None:
    new.alarm("fine", "OK", "below the threshold")
    new.alarm("bad", "ALARM", "above the threshold")
    new.alarm("new", "", "")
    assert [(alarm["name"], alarm["state"]) for alarm in page_state({})["alarms"]] == [
        ("bad", "ALARM"),
        ("fine", "OK"),
        ("new", ""),
    ]


@pytest.mark.slow
def test_the_state_of_5000_jobs_is_small(new: Story) -> None:
    for number in range(5000):
        new.train("training-p4", "ProdExp2", f"job-{number}")
    new.aws.timeline.advance(2)
    state = page_state({"queue": queue("training-p4")["arn"]})
    assert (queue("training-p4")["running"], queue("training-p4")["waiting"]) == (100, 4900)
    assert (len(state["jobs"]["rows"]), state["jobs"]["total"]) == (100, 5000)
    assert len(json.dumps(state)) < 50_000
