"""EventBridge events of job histories, after the input transformer."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from tests.fairlane_lambda.job_events.endings import PREEMPTIONS, Ending
from tests.fairlane_lambda.job_events.jobs import COMPUTE_QUEUES, SERVICE_QUEUES, Job

ARN = "arn:aws:batch:us-east-1:111122223333:"

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """Event message.

    Args:
        body: Text of the message.
        kind: Kind of the event. "nothing" is a valid event without metrics, "rejected" an invalid event.
        job: Job of the event. None for rejected events.
        number: Number of the preemption (from 1) or block (from 0).
        queue: Queue that counts the rejection of a rejected event.
    """

    body: str
    kind: Literal["end", "preemption", "block", "nothing", "rejected"]
    job: Job | None = None
    number: int = 0
    queue: str = ""


@dataclass(slots=True)
class _Attempt:
    scheduled: int
    started: int | None = None
    stopped: int = 0
    ending: Ending = PREEMPTIONS[0]


def iso(time: int) -> str:
    return datetime.fromtimestamp(time // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def job_arn(job: Job) -> str:
    return f"{ARN}{'service-job' if job.service else 'job'}/{job.id}"


def event_type_prefix(job: Job) -> str:
    return "Batch Service Job" if job.service else "Batch Job"


def service_job_description(job: Job) -> Fields:
    """Return the response of DescribeServiceJob, with the fields that the handler reads."""
    names = {"share": "shareIdentifier", "quota": "quotaShareName"}
    return {
        "jobArn": job_arn(job),
        "jobId": job.id,
        "jobQueue": f"{ARN}job-queue/{job.queue.name}",
        **({names[job.share.field]: job.share.identifier} if job.share.field else {}),
        **({"capacityUsage": _usage(job)} if job.capacity else {}),
    }


def job_event_messages(job: Job) -> list[Event]:
    """Return all events of a job's history that match the rules of its queue."""
    events = [Event(json.dumps(end_event(job)), "end", job)]
    events += [Event(json.dumps(block_event(job, n)), "block", job, n) for n in range(len(job.blocked))]
    preemptions = [t.time for t in job.transitions if t.ending and t.ending.preempted]
    for n, time in enumerate(preemptions, 1):
        events.append(Event(json.dumps(preemption_event(job, n, time)), "preemption", job, n))
    if job.reporting.noise:
        running = end_event(job) | {"status": "RUNNING", "stopped": job.reporting.absent}
        started = {"type": "Batch Service Job Preemption Started", "job": job_arn(job), "status": "RUNNING"}
        events.append(Event(json.dumps(running), "nothing", job))
        events.append(Event(json.dumps(started | {"time": iso(job.reported)}), "nothing", job))
    return events


def end_event(job: Job) -> Fields:
    """Return the event of a job's last change of state."""
    reporting, last = job.reporting, job.transitions[-1]
    ending = last.ending
    assert ending is not None
    attempts = [attempt for attempt in _attempts(job) if not attempt.ending.preempted]
    final = attempts[-1] if attempts else None
    own_times = job.role not in ("node", "array parent")
    in_attempts = job.service or job.ecs or job.role in ("multi-node parent", "node")
    ended_alone = len(attempts) < 2 and (final is None or final.ending is ending)
    alone = reporting.omitted == "attempts" and ended_alone and own_times and (job.service or not in_attempts)
    fields: Fields = {
        "type": f"{event_type_prefix(job)} State Change",
        "time": iso(job.reported),
        "id": job.id,
        "status": last.state,
        "reason": ending.status_reason or None,
        job.share.field or "share": job.share.identifier or None,
        "created": job.transitions[0].time,
        "scheduled": final.scheduled if final and reporting.scheduled else None,
        "started": final.started if final and own_times else None,
        "stopped": last.time if reporting.omitted != "end" and job.role != "node" else None,
        "attempts": None if alone else [_attempt_detail(job, attempt) for attempt in attempts],
        "cancelled": None if job.service else ending.cancelled,
        "terminated": ending.terminated,
        "queue": job.queue.name,
        "shares": list(job.queue.declared),
        **_family(job),
        **_containers(job),
    }
    if job.service and job.capacity:
        fields["usage"] = _usage(job)
    if final and not in_attempts and (alone or reporting.outcome != "attempt"):
        fields |= {"exit": final.ending.code, "why": final.ending.container or None}
    return _transformed(fields, reporting.absent)


def block_event(job: Job, number: int) -> Fields:
    """Return the event of a blocked queue with this job at its front."""
    time, block = job.blocked[number]
    fields: Fields = {
        "type": f"{event_type_prefix(job)} Queue Blocked",
        "time": iso(time),
        "id": job.id,
        "status": "RUNNABLE",
        "reason": block.status_reason or None,
        job.share.field or "share": job.share.identifier or None,
        "created": job.transitions[0].time,
        "attempts": [],
        "queue": job.queue.name,
        "shares": list(job.queue.declared),
        **_family(job),
        **_containers(job),
    }
    return _transformed(fields, job.reporting.absent)


def preemption_event(job: Job, number: int, time: int) -> Fields:
    """Return the event of a completed preemption, with its number from 1."""
    preempted = [attempt for attempt in _attempts(job) if attempt.ending.preempted]
    return {
        "type": "Batch Service Job Preemption Completed",
        "time": iso(preemption_reported(time)),
        "job": job_arn(job),
        "status": "RUNNABLE",
        "preempted": number,
        "recent": [_attempt_detail(job, attempt) for attempt in preempted[:number]],
        "queues": {queue.name: list(queue.declared) for queue in (*COMPUTE_QUEUES, *SERVICE_QUEUES)},
    }


def preemption_reported(time: int) -> int:
    """Return the time at which the event of a preemption is sent."""
    return (time // 1000 + 1) * 1000


def _attempts(job: Job) -> list[_Attempt]:
    attempts: list[_Attempt] = []
    for transition in job.transitions:
        if transition.state == "SCHEDULED":
            attempts.append(_Attempt(transition.time))
        elif transition.state == "RUNNING":
            attempts[-1].started = transition.time
        elif transition.ending and attempts and not attempts[-1].stopped:
            attempts[-1].stopped, attempts[-1].ending = transition.time, transition.ending
    return attempts


def _attempt_detail(job: Job, attempt: _Attempt) -> Fields:
    ending = attempt.ending
    times = {"stoppedAt": attempt.stopped} | ({} if attempt.started is None else {"startedAt": attempt.started})
    outcome: Fields = {} if ending.code is None else {"exitCode": ending.code}
    if ending.container:
        outcome["reason"] = ending.container
    if job.service:
        resource = {"name": "TrainingJobArn", "value": "arn:aws:sagemaker:us-east-1:111122223333:training-job/a"}
        return {"serviceResourceId": resource, "statusReason": ending.status_reason, **times}
    if job.ecs:
        others: list[Fields] = [{"name": f"sidecar-{n}", "exitCode": 0} for n in range(1, len(job.containers))]
        containers = [*others, {"name": "main", "networkInterfaces": [], **outcome}]
        return {
            "taskProperties": [{"taskArn": "a", "containers": containers}],
            "statusReason": ending.status_reason,
            **times,
        }
    shown = outcome if job.reporting.outcome != "job" or job.role in ("multi-node parent", "node") else {}
    container = {"containerInstanceArn": "i", "taskArn": "a", "networkInterfaces": [], **shown}
    return {"container": container, "statusReason": ending.status_reason, **times}


def _family(job: Job) -> Fields:
    match job.role:
        case "array parent":
            return {"array": {"size": job.family, "statusSummary": {job.transitions[-1].state: job.family}}}
        case "array child":
            return {"array": {"index": job.index, "statusSummary": {}}}
        case "multi-node parent":
            return {"nodes": job.family}
        case "node":
            return {"node": {"nodeIndex": job.index, "isMainNode": job.index == 0}}
    return {}


def _containers(job: Job) -> Fields:
    if job.service or (job.role == "multi-node parent" and not job.reporting.container_of_parent):
        return {}
    needs = []
    for gpus in job.containers:
        requirements = [{"value": "8", "type": "VCPU"}, {"value": "30000", "type": "MEMORY"}]
        needs.append(requirements if gpus is None else [*requirements, {"value": str(gpus), "type": "GPU"}])
    return {f"needs{n}": requirements for n, requirements in enumerate(needs)} if job.ecs else {"needs": needs[0]}


def _usage(job: Job) -> list[Fields]:
    return [{"capacityUnit": unit, "quantity": float(quantity)} for unit, quantity in job.capacity]


_PATHS = (
    *("reason", "share", "quota", "scheduled", "started", "stopped", "attempts", "cancelled", "terminated", "array"),
    *("node", "nodes", "exit", "why", "needs", *(f"needs{n}" for n in range(10)), "usage"),
)


def _transformed(fields: Fields, absent: str | None) -> Fields:
    present = {name: value for name, value in fields.items() if value is not None}
    return dict.fromkeys(_PATHS, absent) | present


def _invalid(**changes: Any) -> str:
    valid = {
        "type": "Batch Job State Change",
        "id": "j",
        "status": "FAILED",
        "queue": "gpu",
        "created": 1,
        "shares": [],
    }
    return json.dumps(valid | {"time": "2026-11-01T10:00:00Z", "attempts": []} | changes)


REJECTED = [
    Event("no JSON", "rejected", queue="unknown"),
    Event("[]", "rejected", queue="unknown"),
    Event("null", "rejected", queue="unknown"),
    Event(_invalid(type="Batch Something Else"), "rejected", queue="gpu"),
    Event(_invalid(queue=""), "rejected", queue="unknown"),
    Event(_invalid(id=""), "rejected", queue="gpu"),
    Event(_invalid(created=""), "rejected", queue="gpu"),
    Event(_invalid(created="soon"), "rejected", queue="gpu"),
    Event(_invalid(type="Batch Job Queue Blocked", queue=None), "rejected", queue="unknown"),
    Event(_invalid(type="Batch Service Job Queue Blocked", id=None), "rejected", queue="gpu"),
]
