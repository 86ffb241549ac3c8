"""Checks of what AWS Batch accepts and lists: jobs and service jobs that do not start."""

import secrets
from collections.abc import Callable, Iterable
from typing import Any, Final

from botocore.exceptions import ClientError

from fairlane_client.verify.findings import Findings, Unsettled
from fairlane_client.verify.jobs import Jobs, refusal_of

_FAIR_SHARE: Final = "FairShareQueue"
_FIFO: Final = "FifoQueue"
_CHILDREN: Final = 2
_RUNNABLE_SECONDS: Final = 180
LISTING_SECONDS: Final = 60
"""Maximum delay of a listing that Fairlane assumes."""


def check_submissions(jobs: Jobs, findings: Findings) -> None:
    """Settle which share identifiers and priorities SubmitJob takes."""
    share, priority = {"shareIdentifier": "team-a"}, {"schedulingPriorityOverride": 1}
    cases = (
        ("share-required", _FAIR_SHARE, priority, True),
        ("share-fifo", _FIFO, share, True),
        ("share-unlisted", _FAIR_SHARE, priority | {"shareIdentifier": "other"}, False),
        ("share-prefix", _FAIR_SHARE, priority | {"shareIdentifier": "lab1"}, False),
        ("share-asterisk", _FAIR_SHARE, priority | {"shareIdentifier": "lab*"}, True),
        ("share-characters", _FAIR_SHARE, priority | {"shareIdentifier": "team-b_1"}, False),
        ("priority-required", _FAIR_SHARE, share, True),
        ("priority-without-share", _FIFO, priority, False),
    )
    with findings.check(*(fact for fact, *_ in cases)):
        for queue, valid in ((_FAIR_SHARE, share | priority), (_FIFO, {})):
            if (message := jobs.refusal(queue, **valid)) is not None:
                raise Unsettled(f"{queue} refuses valid jobs: {message}")
        _check_cases(jobs, findings, cases)


def _check_cases(jobs: Jobs, findings: Findings, cases: Iterable[tuple[str, str, dict[str, Any], bool]]) -> None:
    for fact, queue, options, is_refused in cases:
        with findings.check(fact):
            message = jobs.refusal(queue, **options)
            findings.settle(fact, (message is not None) == is_refused, "accepted" if message is None else message)


def check_listing(jobs: Jobs, findings: Findings) -> None:
    """Settle how soon a new job is listed, and the capacity of an array job."""
    options = {"shareIdentifier": "other", "schedulingPriorityOverride": 1}
    with findings.check("listing-delay", "array-usage"):
        array = jobs.submit(_FAIR_SHARE, arrayProperties={"size": _CHILDREN}, **options)
        _settle_delay(jobs, findings, "listing-delay", "list_jobs", _FAIR_SHARE, array)
        usages = _child_usages(jobs, array)
        usage = (jobs.listed("list_jobs", _FAIR_SHARE, array) or {}).get("capacityUsage")
        jobs.terminate(array["jobId"])
        holds = bool(usage) and all(each == usage for each in usages)
        findings.settle("array-usage", holds, f"array job {usage}, children {usages}")


def check_service_jobs(jobs: Jobs, findings: Findings) -> None:
    """Settle what SubmitServiceJob and ListServiceJobs do with jobs that do not start."""
    quota = {"quotaShareName": "research", "schedulingPriority": 1, "clientToken": secrets.token_hex(8)}
    with findings.check("service-listing-delay", "service-usage", "service-token"):
        job = jobs.submit_service_job("QuotaQueue", **quota)
        _settle_delay(jobs, findings, "service-listing-delay", "list_service_jobs", "QuotaQueue", job)
        findings.settle(
            "service-token", *_second_submission(job, lambda: jobs.submit_service_job("QuotaQueue", **quota))
        )
        usage = _waiting_usage(jobs, "QuotaQueue", job)
        findings.settle("service-usage", bool(usage), str(usage))
    with findings.check("service-fair-share-unit"):
        job = jobs.submit_service_job("TrainingQueue", shareIdentifier="team-a", schedulingPriority=1)
        usage = _waiting_usage(jobs, "TrainingQueue", job)
        units = {each["capacityUnit"] for each in usage or ()}
        findings.settle("service-fair-share-unit", bool(units) and not units & {"VCPU", "cpu"}, str(usage))


def _settle_delay(jobs: Jobs, findings: Findings, fact: str, operation: str, queue: str, job: dict[str, str]) -> None:
    seconds = jobs.seconds_until_listed(operation, queue, job, LISTING_SECONDS)
    seen = f"not listed within {LISTING_SECONDS} seconds" if seconds is None else f"listed after {seconds} seconds"
    findings.settle(fact, seconds is not None, seen)


def _second_submission(first: dict[str, str], submit: Callable[[], dict[str, str]]) -> tuple[bool, str]:
    try:
        second = submit()
    except ClientError as error:
        return True, refusal_of(error)
    return False, f"accepted, as {'the same' if second['jobId'] == first['jobId'] else 'another'} job"


def _child_usages(jobs: Jobs, array: dict[str, str]) -> list[Any]:
    """Return the `capacityUsage` of the children of an array job as soon as both are RUNNABLE."""
    children: list[dict[str, Any]] = []

    def are_runnable() -> bool:
        children[:] = jobs.batch.list_jobs(arrayJobId=array["jobId"], jobStatus="RUNNABLE")["jobSummaryList"]
        return len(children) == _CHILDREN

    jobs.wait(are_runnable, "the children of the array job were not RUNNABLE", _RUNNABLE_SECONDS)
    return [child.get("capacityUsage") for child in children]


def _waiting_usage(jobs: Jobs, queue: str, job: dict[str, str]) -> Any:
    """Return the `capacityUsage` of a service job as soon as it is RUNNABLE."""
    summary: dict[str, Any] = {}

    def is_runnable() -> bool:
        summary.update(jobs.listed("list_service_jobs", queue, job) or {})
        return summary.get("status") == "RUNNABLE"

    jobs.wait(is_runnable, "the service job was not RUNNABLE", _RUNNABLE_SECONDS)
    return summary.get("capacityUsage")
