"""Verdicts on facts: an account that answers otherwise refutes them, and one that answers nothing leaves them open."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from fairlane_client.verify.findings import CONFIRMED, NOT_SETTLED, REFUTED
from fairlane_client.verify.run import verify
from tests.fairlane_client.faults import client_error
from tests.fairlane_client.verify.fake_account import ACCOUNT_ID, QUEUES, REGION, FakeAccount

FAIR = f"arn:aws:batch:{REGION}:{ACCOUNT_ID}:job-queue/{QUEUES[0]}"


def findings(**answers: Callable[..., Any]) -> Any:
    """Return the findings of a run in an account with other answers to some operations."""
    account = FakeAccount()
    for operation, answer in answers.items():
        setattr(account, f"_{operation}", answer)
    return verify(account.account(), lambda line: None).findings


def messages(details: list[dict[str, Any]], kind: str = "Batch Job State Change") -> Callable[..., Any]:
    """Return a function that returns events once."""
    events = [
        {"id": str(number), "time": f"2026-01-01T00:00:{number:02}Z", "detail-type": kind, "detail": detail}
        for number, detail in enumerate(details)
    ]
    left = [[{"Body": json.dumps(event), "ReceiptHandle": "r"} for event in events], []]
    return lambda **_: {"Messages": left.pop(0) if left else []}


def job(*statuses: str, **members: Any) -> list[dict[str, Any]]:
    base = {"jobId": "j", "jobName": "n", "jobQueue": FAIR, "createdAt": 1_800_000_000_000} | members
    return [base | {"status": status} for status in statuses]


def refuse(**request: Any) -> Any:
    """Refuse all jobs but those that are valid in any case."""
    valid = request.get("shareIdentifier") == "team-a" and "schedulingPriorityOverride" in request
    if valid or not {"shareIdentifier", "schedulingPriorityOverride"} & {*request}:
        return {"jobId": "job-0", "jobName": request["jobName"]}
    raise client_error("ClientException", f"no {request.get('shareIdentifier')} in {ACCOUNT_ID}", 400, "SubmitJob")


def test_refusals_settle_both_kinds_of_facts() -> None:
    found = findings(submit_job=refuse)
    assert [
        found[fact].verdict for fact in ("share-required", "share-fifo", "share-asterisk", "priority-required")
    ] == ([CONFIRMED] * 4)
    for fact in ("share-unlisted", "share-prefix", "share-characters", "priority-without-share"):
        assert found[fact].verdict == REFUTED
    assert found["share-unlisted"].seen == f"no other in {ACCOUNT_ID}"  # the report hides the account


def test_a_queue_that_refuses_valid_jobs_settles_no_submission() -> None:
    def refuse_all(**_: Any) -> None:
        raise client_error("ClientException", "the queue is not VALID", 400, "SubmitJob")

    found = findings(submit_job=refuse_all)
    for fact in ("share-required", "share-fifo", "share-unlisted", "priority-required"):
        reason = "FairShareQueue refuses valid jobs: the queue is not VALID"
        assert (found[fact].verdict, found[fact].seen) == (NOT_SETTLED, reason)


def test_another_error_settles_no_submission() -> None:
    def fail(**_: Any) -> None:
        raise client_error("ServerException", "Failed to create shareIdentifier", 500, "SubmitJob")

    found = findings(submit_job=fail)
    assert (found["share-required"].verdict, found["share-required"].seen) == (
        NOT_SETTLED,
        "SubmitJob: ServerException",
    )
    assert found["share-unlisted"].verdict == NOT_SETTLED


@pytest.mark.parametrize("operation", ["list_jobs", "list_service_jobs"])
def test_a_job_that_is_not_listed_in_time_refutes_the_delay(operation: str) -> None:
    found = findings(**{operation: lambda **_: {"jobSummaryList": []}})
    fact = "listing-delay" if operation == "list_jobs" else "service-listing-delay"
    assert (found[fact].verdict, found[fact].seen) == (REFUTED, "not listed within 60 seconds")


@pytest.mark.parametrize(
    ("details", "fact", "verdict"),
    [
        (job("RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"), "event-order", CONFIRMED),
        (job("RUNNABLE", "RUNNING", "STARTING", "SUCCEEDED"), "event-order", REFUTED),
        (job("RUNNABLE", "STARTING", "SUCCEEDED"), "event-order", REFUTED),
        (job("RUNNABLE", "STARTING"), "event-order", NOT_SETTLED),
        (job("SUBMITTED", "RUNNABLE"), "event-submission", REFUTED),
        (job("RUNNABLE"), "event-submission", CONFIRMED),
        (job("RUNNABLE"), "event-shape", CONFIRMED),
        (job("RUNNABLE", jobStatus="RUNNABLE"), "event-shape", REFUTED),
        (job("RUNNABLE"), "event-share", REFUTED),
        (job("RUNNABLE", shareIdentifier="a", schedulingPriority=1), "event-share", CONFIRMED),
        (job("RUNNABLE", jobQueue="other"), "event-share", NOT_SETTLED),
        (job("SUCCEEDED", startedAt=1_800_000_000_000, stoppedAt=1_800_000_000_000), "event-milliseconds", CONFIRMED),
        (job("SUCCEEDED", startedAt=1_800_000_000, stoppedAt=1_800_000_000), "event-milliseconds", REFUTED),
    ],
)
def test_events_of_jobs(details: list[dict[str, Any]], fact: str, verdict: str) -> None:
    assert findings(receive_message=messages(details))[fact].verdict == verdict


def test_events_that_arrive_late_and_in_another_order_confirm_the_order() -> None:
    """SQS returns a part of its messages, in any order."""
    bodies = [
        {"id": f"{kind}{number}", "time": f"2026-01-01T00:00:0{number}Z", "detail-type": kind, "detail": detail}
        for kind in ("Batch Service Job State Change", "Batch Job State Change")
        for number, detail in enumerate(job("RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"))
    ]
    left = [[bodies[-1], bodies[0]], [], bodies[4:7], []]

    def receive(**_: Any) -> Any:
        found = left.pop(0) if left else []
        return {"Messages": [{"Body": json.dumps(body), "ReceiptHandle": "r"} for body in found]}

    assert findings(receive_message=receive)["event-order"].verdict == CONFIRMED


@pytest.mark.parametrize(
    ("members", "fact", "verdict"),
    [
        ({}, "service-event-shape", CONFIRMED),
        ({"tags": {}}, "service-event-shape", REFUTED),
        ({"serviceRequestPayload": "{}"}, "service-event-shape", REFUTED),
        ({"quotaShareName": "research", "schedulingPriority": 1}, "service-event-share", CONFIRMED),
        ({"quotaShareName": "research"}, "service-event-share", REFUTED),
        ({"schedulingPriority": 1}, "service-event-share", REFUTED),
    ],
)
def test_events_of_service_jobs(members: dict[str, Any], fact: str, verdict: str) -> None:
    events = messages(job("RUNNABLE", **members), "Batch Service Job State Change")
    assert findings(receive_message=events)[fact].verdict == verdict


@pytest.mark.parametrize(
    ("usage", "verdict"),
    [
        ([{"capacityUnit": "ml.m5.large", "quantity": 2.0}], CONFIRMED),
        ([{"capacityUnit": "VCPU", "quantity": 4.0}], REFUTED),
        (None, REFUTED),
    ],
)
def test_units_of_service_jobs(usage: Any, verdict: str) -> None:
    summary = {"status": "RUNNABLE", "capacityUsage": usage}
    listed = {"jobSummaryList": [summary | {"jobId": f"job-{number}"} for number in range(20)]}
    assert findings(list_service_jobs=lambda **_: listed)["service-fair-share-unit"].verdict == verdict


@pytest.mark.parametrize(
    ("status", "reason", "verdict"),
    [
        ("CREATE_COMPLETE", "", CONFIRMED),
        ("FAILED", "The submitted information didn't contain changes.", REFUTED),
        ("FAILED", "No updates are to be performed.", REFUTED),
        ("FAILED", "Internal error", NOT_SETTLED),
        ("CREATE_IN_PROGRESS", "", NOT_SETTLED),
    ],
)
def test_change_sets(status: str, reason: str, verdict: str) -> None:
    answer = {"Status": status, "StatusReason": reason}
    assert findings(describe_change_set=lambda **_: answer)["deletion-policy-update"].verdict == verdict


def test_missing_metrics_settle_no_names_and_other_units_are_refuted() -> None:
    def answer(MetricName: str, **_: Any) -> Any:  # noqa: N803
        return {"Datapoints": [] if MetricName == "JobsSubmitted" else [{"Unit": "Seconds"}]}

    found = findings(get_metric_statistics=answer)
    assert (found["metric-names"].verdict, found["metric-units"].verdict) == (NOT_SETTLED, REFUTED)
    assert "no data of JobsSubmitted:" in found["metric-names"].seen
    found = findings(get_metric_statistics=lambda **_: {"Datapoints": []})
    assert found["metric-units"].seen == "no metric of the queue arrived within 15 minutes"


@pytest.mark.parametrize(
    ("end", "verdict"),
    [("SUCCEEDED", CONFIRMED), ("RUNNING", CONFIRMED), ("RUNNABLE", REFUTED), ("FAILED", NOT_SETTLED)],
)
def test_a_job_in_a_disabled_queue(end: str, verdict: str) -> None:
    disabled: list[str] = []
    order: list[str] = []

    def describe(jobs: list[str]) -> Any:
        order.extend(job for job in jobs if job not in order)
        status = "RUNNING" if jobs[0] == order[0] else end if disabled else "RUNNABLE"
        return {"jobs": [{"status": status}]}

    found = findings(describe_jobs=describe, update_job_queue=lambda state, **_: disabled.append(state))
    assert found["disabled-queue"].verdict == verdict
    assert disabled == ["DISABLED"]
