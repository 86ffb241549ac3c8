"""The EventBridge events that AWS sends for a history, after the input transformer."""

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
    """One message: its body, and what it tells of.

    Args:
        body: The text of the message.
        tells: What it tells of: the end of a job, its nth preemption, its nth block, nothing that counts, or
            something that no handler can understand.
        job: The job that it tells of, if it can be understood.
        number: Which preemption (from 1) or block (from 0).
        queue: The queue that counts the rejection, of an event that cannot be understood.
    """

    body: str
    tells: Literal["end", "preemption", "block", "nothing", "rejected"]
    job: Job | None = None
    number: int = 0
    queue: str = ""


@dataclass(slots=True)
class _Attempt:
    scheduled: int
    started: int | None = None
    stopped: int = 0
    ending: Ending = PREEMPTIONS[0]


def iso(at: int) -> str:
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def arn_of(job: Job) -> str:
    return f"{ARN}{'service-job' if job.service else 'job'}/{job.id}"


def kind_of(job: Job) -> str:
    return "Batch Service Job" if job.service else "Batch Job"


def described(job: Job) -> Fields:
    """What DescribeServiceJob answers, as far as anybody reads it."""
    names = {"share": "shareIdentifier", "quota": "quotaShareName"}
    return {
        "jobArn": arn_of(job),
        "jobId": job.id,
        "jobQueue": f"{ARN}job-queue/{job.queue.name}",
        **({names[job.share.field]: job.share.identifier} if job.share.field else {}),
        **({"capacityUsage": _usage(job)} if job.capacity else {}),
    }


def events_of(job: Job) -> list[Event]:
    """All events of a job's history that were sent within the rules of its queue."""
    found = [Event(json.dumps(end_event(job)), "end", job)]
    found += [Event(json.dumps(block_event(job, n)), "block", job, n) for n in range(len(job.blocked))]
    preemptions = [t.at for t in job.transitions if t.ending and t.ending.preempted]
    for n, at in enumerate(preemptions, 1):
        found.append(Event(json.dumps(preemption_event(job, n, at)), "preemption", job, n))
    if job.telling.noise:
        running = end_event(job) | {"status": "RUNNING", "stopped": job.telling.absent}
        started = {"type": "Batch Service Job Preemption Started", "job": arn_of(job), "status": "RUNNING"}
        found.append(Event(json.dumps(running), "nothing", job))
        found.append(Event(json.dumps(started | {"time": iso(job.reported)}), "nothing", job))
    return found


def end_event(job: Job) -> Fields:
    """The event of a job's last change of state."""
    telling, last = job.telling, job.transitions[-1]
    ending = last.ending
    assert ending is not None
    attempts = [attempt for attempt in _attempts(job) if not attempt.ending.preempted]
    final = attempts[-1] if attempts else None
    own_times = job.role not in ("node", "array parent")
    in_attempts = job.service or job.ecs or job.role in ("multi-node parent", "node")
    ended_alone = len(attempts) < 2 and (final is None or final.ending is ending)
    alone = telling.untold == "attempts" and ended_alone and own_times and (job.service or not in_attempts)
    fields: Fields = {
        "type": f"{kind_of(job)} State Change",
        "time": iso(job.reported),
        "id": job.id,
        "status": last.state,
        "reason": ending.said or None,
        job.share.field or "share": job.share.identifier or None,
        "created": job.transitions[0].at,
        "scheduled": final.scheduled if final and telling.scheduled else None,
        "started": final.started if final and own_times else None,
        "stopped": last.at if telling.untold != "end" and job.role != "node" else None,
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
    if final and not in_attempts and (alone or telling.outcome != "attempt"):
        fields |= {"exit": final.ending.code, "why": final.ending.container or None}
    return _transformed(fields, telling.absent)


def block_event(job: Job, number: int) -> Fields:
    """The event of a blocked queue with this job at its front."""
    at, block = job.blocked[number]
    fields: Fields = {
        "type": f"{kind_of(job)} Queue Blocked",
        "time": iso(at),
        "id": job.id,
        "status": "RUNNABLE",
        "reason": block.said or None,
        job.share.field or "share": job.share.identifier or None,
        "created": job.transitions[0].at,
        "attempts": [],
        "queue": job.queue.name,
        "shares": list(job.queue.declared),
        **_family(job),
        **_containers(job),
    }
    return _transformed(fields, job.telling.absent)


def preemption_event(job: Job, number: int, at: int) -> Fields:
    """The event of a job's nth completed preemption, from 1."""
    taken = [attempt for attempt in _attempts(job) if attempt.ending.preempted]
    return {
        "type": "Batch Service Job Preemption Completed",
        "time": iso(preemption_reported(at)),
        "job": arn_of(job),
        "status": "RUNNABLE",
        "preempted": number,
        "recent": [_attempt_detail(job, attempt) for attempt in taken[:number]],
        "queues": {queue.name: list(queue.declared) for queue in (*COMPUTE_QUEUES, *SERVICE_QUEUES)},
    }


def preemption_reported(at: int) -> int:
    """When the event of a preemption at that time was sent."""
    return (at // 1000 + 1) * 1000


def _attempts(job: Job) -> list[_Attempt]:
    found: list[_Attempt] = []
    for transition in job.transitions:
        if transition.state == "SCHEDULED":
            found.append(_Attempt(transition.at))
        elif transition.state == "RUNNING":
            found[-1].started = transition.at
        elif transition.ending and found and not found[-1].stopped:
            found[-1].stopped, found[-1].ending = transition.at, transition.ending
    return found


def _attempt_detail(job: Job, attempt: _Attempt) -> Fields:
    ending = attempt.ending
    times = {"stoppedAt": attempt.stopped} | ({} if attempt.started is None else {"startedAt": attempt.started})
    outcome: Fields = {} if ending.code is None else {"exitCode": ending.code}
    if ending.container:
        outcome["reason"] = ending.container
    if job.service:
        resource = {"name": "TrainingJobArn", "value": "arn:aws:sagemaker:us-east-1:111122223333:training-job/a"}
        return {"serviceResourceId": resource, "statusReason": ending.said, **times}
    if job.ecs:
        others: list[Fields] = [{"name": f"sidecar-{n}", "exitCode": 0} for n in range(1, len(job.containers))]
        containers = [*others, {"name": "main", "networkInterfaces": [], **outcome}]
        return {"taskProperties": [{"taskArn": "a", "containers": containers}], "statusReason": ending.said, **times}
    shown = outcome if job.telling.outcome != "job" or job.role in ("multi-node parent", "node") else {}
    container = {"containerInstanceArn": "i", "taskArn": "a", "networkInterfaces": [], **shown}
    return {"container": container, "statusReason": ending.said, **times}


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
    if job.service or (job.role == "multi-node parent" and not job.telling.container_of_parent):
        return {}
    needs = []
    for gpus in job.containers:
        asked = [{"value": "8", "type": "VCPU"}, {"value": "30000", "type": "MEMORY"}]
        needs.append(asked if gpus is None else [*asked, {"value": str(gpus), "type": "GPU"}])
    return {f"needs{n}": each for n, each in enumerate(needs)} if job.ecs else {"needs": needs[0]}


def _usage(job: Job) -> list[Fields]:
    return [{"capacityUnit": unit, "quantity": float(quantity)} for unit, quantity in job.capacity]


_PATHS = (
    *("reason", "share", "quota", "scheduled", "started", "stopped", "attempts", "cancelled", "terminated", "array"),
    *("node", "nodes", "exit", "why", "needs", *(f"needs{n}" for n in range(10)), "usage"),
)


def _transformed(fields: Fields, absent: str | None) -> Fields:
    present = {name: value for name, value in fields.items() if value is not None}
    return dict.fromkeys(_PATHS, absent) | present


def _broken(**changes: Any) -> str:
    sound = {
        "type": "Batch Job State Change",
        "id": "j",
        "status": "FAILED",
        "queue": "gpu",
        "created": 1,
        "shares": [],
    }
    return json.dumps(sound | {"time": "2026-11-01T10:00:00Z", "attempts": []} | changes)


REJECTED = [
    Event("no JSON", "rejected", queue="unknown"),
    Event("[]", "rejected", queue="unknown"),
    Event("null", "rejected", queue="unknown"),
    Event(_broken(type="Batch Something Else"), "rejected", queue="gpu"),
    Event(_broken(queue=""), "rejected", queue="unknown"),
    Event(_broken(id=""), "rejected", queue="gpu"),
    Event(_broken(created=""), "rejected", queue="gpu"),
    Event(_broken(created="soon"), "rejected", queue="gpu"),
    Event(_broken(type="Batch Job Queue Blocked", queue=None), "rejected", queue="unknown"),
    Event(_broken(type="Batch Service Job Queue Blocked", id=None), "rejected", queue="gpu"),
]
