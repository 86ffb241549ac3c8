"""Control calls of a local AWS: the clock, the jobs of a queue, shortages of capacity, messages and EKS clusters.

A call is a POST request to the control path with a JSON object. Its member `action` selects the call.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from fairlane_local.batch.api import BatchApi, batch_apis
from fairlane_local.batch.jobs.job import ENDED, Job
from fairlane_local.batch.jobs.queue_jobs import find_queue, job_row, jobs_of, wait_texts
from fairlane_local.batch.jobs.snapshot import capacity_unit
from fairlane_local.errors import LocalAwsError
from fairlane_local.kubernetes.clusters import cluster_locations
from fairlane_local.reactions.topics import notifications
from fairlane_local.simulation import current_simulation

_MAX_BODY: Final = 64 * 1024
_MAX_JOBS: Final = 100


def respond(environ: Mapping[str, Any], *, clock_only: bool = False) -> tuple[str, dict[str, Any]]:
    """Return the HTTP status of a control call and its response.

    Args:
        environ: WSGI environment of the request.
        clock_only: True to allow only the actions of the clock. Default: all actions.
    """
    actions = _CLOCK_ACTIONS if clock_only else _ACTIONS
    try:
        request = _request(environ)
        action = actions.get(str(request.get("action")))
        if action is None:
            raise LocalAwsError(f"action: got {request.get('action')!r}, allowed: {', '.join(actions)}")
        if action is _advance:
            return "200 OK", action(request)
        with current_simulation().timeline.lock:
            return "200 OK", action(request)
    except LocalAwsError as error:
        return "400 Bad Request", {"error": str(error)}


def _request(environ: Mapping[str, Any]) -> dict[str, Any]:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    try:
        request = json.loads(environ["wsgi.input"].read(length)) if length <= _MAX_BODY else None
    except ValueError:
        request = None
    if not isinstance(request, dict):
        raise LocalAwsError(f"the request must be a JSON object of at most {_MAX_BODY} bytes")
    return request


def _member(request: Mapping[str, Any], name: str, *kinds: type) -> Any:
    value = request.get(name)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise LocalAwsError(f"{name}: got {value!r}, allowed: {' or '.join(kind.__name__ for kind in kinds)}")
    return value


def _advance(request: Mapping[str, Any]) -> dict[str, Any]:
    """Move a manual or a paused clock forward, and return its time."""
    _require_simulated_jobs()
    current_simulation().timeline.advance(_member(request, "seconds", int, float))
    return _time()


def _pause(request: Mapping[str, Any]) -> dict[str, Any]:
    """Stop the clock, and return its time."""
    _require_simulated_jobs()
    current_simulation().timeline.pause()
    return _time()


def _resume(request: Mapping[str, Any]) -> dict[str, Any]:
    """Let a paused clock run on, and return its time."""
    current_simulation().timeline.resume()
    return _time()


def _require_simulated_jobs() -> None:
    if current_simulation().runner is not None:
        raise LocalAwsError("the clock cannot be paused or moved: jobs run as processes, in real time")


def _time() -> dict[str, Any]:
    clock = current_simulation().timeline.clock
    return {"now": clock.now(), "elapsed": clock.elapsed()}


def _jobs(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the newest jobs of a queue, and the number of all its jobs."""
    api, jobs = _queue_jobs(request)
    newest = jobs[:_MAX_JOBS]
    texts = wait_texts(api, newest)
    now = current_simulation().timeline.milliseconds
    return {"jobs": [job_row(job, texts.get(job.id, ""), now) for job in newest], "total": len(jobs)}


def _history(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the jobs of a queue in the order of submission, as AWS Batch lists them, with their priorities."""
    return {"jobSummaryList": [_summary(job) for job in reversed(_queue_jobs(request)[1])]}


def _capacity_shortage(request: Mapping[str, Any]) -> dict[str, Any]:
    """Start or end a shortage of an instance type in all accounts and Regions."""
    shortages = current_simulation().shortages
    instance_type = _member(request, "instance_type", str)
    if not _member(request, "end", bool):
        shortages.add(instance_type)
    elif instance_type in shortages:
        shortages.remove(instance_type)
    else:
        listed = ", ".join(sorted(shortages)) or "none"
        raise LocalAwsError(f"there is no capacity shortage of {instance_type}; shortages: {listed}")
    for api in batch_apis():
        api.batch.on_change()
    return {"shortages": sorted(shortages)}


def _notifications(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the latest messages to the topics of all accounts and Regions."""
    return {"notifications": notifications()}


def _clusters(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the account, Region and name of each EKS cluster."""
    return {"clusters": cluster_locations()}


_CLOCK_ACTIONS: Final = {"advance": _advance, "pause": _pause, "resume": _resume}
_ACTIONS: Final = {
    **_CLOCK_ACTIONS,
    "jobs": _jobs,
    "history": _history,
    "capacity-shortage": _capacity_shortage,
    "notifications": _notifications,
    "clusters": _clusters,
}


def _queue_jobs(request: Mapping[str, Any]) -> tuple[BatchApi, list[Job]]:
    current_simulation().timeline.catch_up()
    api, queue = find_queue(_member(request, "queue", str))
    return api, jobs_of(api, queue)


def _summary(job: Job) -> dict[str, Any]:
    attempt = job.latest_attempt
    return {
        "jobId": job.id,
        "jobName": job.name,
        "createdAt": job.created,
        "startedAt": attempt.started if attempt else None,
        "stoppedAt": job.stopped if job.status in ENDED else None,
        "shareIdentifier": job.share,
        "schedulingPriority": job.priority or 0,
        "capacityUsage": [{"capacityUnit": capacity_unit(job), "quantity": job.units}],
    }
