"""Checks of the events of AWS Batch that the queue of the stack has received."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from fairlane_client.verify.account import Account
from fairlane_client.verify.findings import Findings, Unsettled
from fairlane_client.verify.jobs import Jobs

_JOB: Final = "Batch Job State Change"
_SERVICE_JOB: Final = "Batch Service Job State Change"
_ORDER: Final = ["RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"]
_SHAPE: Final = {"jobId", "jobName", "jobQueue", "status", "createdAt"}
_WAIT_SECONDS: Final = 3 * 60
_MILLISECONDS: Final = 10**12
_JOB_FACTS: Final = ("event-shape", "event-share", "event-order", "event-submission", "event-milliseconds")
_SERVICE_FACTS: Final = ("service-event-shape", "service-event-share")


def check_events(account: Account, jobs: Jobs, queue_url: str, findings: Findings) -> None:
    """Receive the events of all jobs, and settle their contents and order."""
    events: dict[str, dict[str, Any]] = {}
    with findings.check(*_JOB_FACTS, *_SERVICE_FACTS):
        for _ in jobs.polls(_WAIT_SECONDS):
            _receive(account, queue_url, events)
            kinds = {event["detail-type"] for event in events.values()}
            if {_JOB, _SERVICE_JOB} <= kinds and {*_ORDER} <= {*_statuses(_succeeded(events.values()))}:
                break
    with findings.check(*_JOB_FACTS):
        details = _details(events.values(), _JOB)
        _check_shape(details, findings)
        with findings.check("event-share"):
            fair = [detail for detail in details if detail["jobQueue"] == jobs.queue("FairShareQueue")]
            _settle_members(findings, "event-share", fair, {"shareIdentifier", "schedulingPriority"})
        _check_order(events.values(), findings)
    with findings.check(*_SERVICE_FACTS):
        _check_service_events(_details(events.values(), _SERVICE_JOB), findings)


def _receive(account: Account, queue_url: str, events: dict[str, dict[str, Any]]) -> None:
    """Add the events that wait in the queue by their ID. EventBridge can deliver an event twice."""
    sqs = account.clients["sqs"]
    request = {"QueueUrl": queue_url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1}  # without it, SQS omits messages
    while messages := sqs.receive_message(**request).get("Messages"):
        for message in messages:
            event = json.loads(message["Body"])
            events[event["id"]] = event
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


def _details(events: Iterable[Mapping[str, Any]], kind: str) -> list[dict[str, Any]]:
    details = [event["detail"] for event in events if event["detail-type"] == kind]
    if not details:
        raise Unsettled(f"no event {kind} arrived")
    return details


def _common(details: list[dict[str, Any]]) -> set[str]:
    """Return the members that all details have."""
    return {member for member in details[0] if all(member in detail for detail in details)}


def _check_shape(details: list[dict[str, Any]], findings: Findings) -> None:
    common, members = _common(details), set().union(*details)
    findings.settle("event-shape", common >= _SHAPE and "jobStatus" not in members, ", ".join(sorted(members)))
    statuses = sorted({str(detail["status"]) for detail in details})
    findings.settle("event-submission", "SUBMITTED" not in statuses, ", ".join(statuses))


def _settle_members(findings: Findings, fact: str, details: list[dict[str, Any]], expected: set[str]) -> None:
    if not details:
        raise Unsettled("no event of such a queue arrived")
    missing = sorted(expected - _common(details))
    findings.settle(fact, not missing, f"missing: {', '.join(missing)}" if missing else ", ".join(sorted(expected)))


def _succeeded(events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the events of a job that succeeded, in the order of their times and of the statuses."""
    by_job: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for event in events:
        if event["detail-type"] == _JOB:
            by_job[event["detail"]["jobId"]].append(event)
    complete = [each for each in by_job.values() if _ORDER[-1] in {event["detail"]["status"] for event in each}]
    ranks = {status: rank for rank, status in enumerate(_ORDER)}
    return (
        sorted(complete[0], key=lambda event: (event["time"], ranks.get(event["detail"]["status"], 0)))
        if complete
        else []
    )


def _statuses(events: Iterable[Mapping[str, Any]]) -> list[str]:
    return [event["detail"]["status"] for event in events]


def _check_order(events: Iterable[Mapping[str, Any]], findings: Findings) -> None:
    job = _succeeded(events)
    if not job:
        raise Unsettled("no event of a job that succeeded arrived")
    statuses = _statuses(job)
    findings.settle("event-order", [each for each in statuses if each in _ORDER] == _ORDER, ", ".join(statuses))
    detail = job[-1]["detail"]
    times = {name: detail.get(name) for name in ("createdAt", "startedAt", "stoppedAt")}
    holds = all(isinstance(time, int) and time > _MILLISECONDS for time in times.values())
    findings.settle("event-milliseconds", holds, str(times))


def _check_service_events(details: list[dict[str, Any]], findings: Findings) -> None:
    members = set().union(*details)
    common = _common(details)
    holds = common >= {"jobName", "jobQueue", "status"} and not members & {"tags", "serviceRequestPayload"}
    findings.settle("service-event-shape", holds, ", ".join(sorted(members)))
    for detail in details:
        detail["share"] = detail.get("quotaShareName") or detail.get("shareIdentifier") or ""
    holds = all(detail["share"] for detail in details) and "schedulingPriority" in common
    findings.settle("service-event-share", holds, ", ".join(sorted(members - {"share"})))
