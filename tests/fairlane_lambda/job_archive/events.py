"""Last events of job histories, as the rules of an archive send them, and the records that they must become."""

import json
from datetime import UTC, datetime
from typing import Any

from tests.fairlane_lambda.job_events.events import Fields, end_event, preemption_event
from tests.fairlane_lambda.job_events.jobs import Job
from tests.fairlane_lambda.job_events.reference import GPUS_OF_INSTANCE

SECRET = "SECRET-9f3a"
OTHER_NODES = (96, 8)
"""vCPUs and GPUs of the nodes of a multi-node job that are not its main node."""


def archive_event(job: Job) -> Fields:
    """Return the last event of a job, and fields that no rule selects."""
    event = end_event(job)
    preempted = [t.time for t in job.transitions if t.ending and t.ending.preempted]
    event |= {
        "name": f"{job.id}-name",
        "definition": "" if job.service else "arn:aws:batch:us-east-1:111122223333:job-definition/train:3",
        "priority": 7,
        "limit" if job.service else "timeout": 3_600,
        "command": [SECRET],
        "tags": {SECRET: SECRET},
    }
    if preempted:
        event["preempted"] = preemption_event(job, len(preempted), preempted[-1])["recent"]
    if job.reporting.scheduled and (attempts := _attempts(job)):
        event["scheduled"] = attempts[-1]["scheduled_at"]
    if job.role == "multi-node parent":
        event |= _ranges(job)
    return event


def body(job: Job) -> str:
    """Return the text of the message."""
    return json.dumps(archive_event(job))


def expected_record(job: Job) -> dict[str, Any] | None:
    """Return the record of a job, computed from its history and not from its event."""
    if job.role in ("array parent", "node"):
        return None
    ending, last = job.transitions[-1].ending, job.transitions[-1]
    assert ending is not None
    attempts = _attempts(job)
    own = [attempt for attempt in attempts if attempt["outcome"] != "PREEMPTED"]
    if not isinstance(archive_event(job)["attempts"], list):
        own = [attempt for attempt in own if attempt["started_at"] is not None]
        attempts = [attempt for attempt in attempts if attempt["outcome"] == "PREEMPTED" or attempt in own]
    ends = [last.time] if job.reporting.omitted != "end" else [attempt["stopped_at"] for attempt in own]
    newest = _attempts(job)[-1:] if job.reporting.scheduled else []
    attempts = [attempt if attempt in newest else attempt | {"scheduled_at": None} for attempt in attempts]
    attempts.sort(key=lambda attempt: (attempt["stopped_at"], attempt["started_at"] or 0))
    started = [attempt["started_at"] for attempt in attempts if attempt["started_at"] is not None]
    return {
        "job_id": job.id,
        "job_name": f"{job.id}-name",
        "queue": job.queue.name,
        "share": job.share.identifier,
        "kind": "training" if job.service else "gpu",
        "status": last.state,
        "reason_class": ending.reason if last.state == "FAILED" else "",
        **_capacity(job),
        "priority": 7,
        "created_at": job.transitions[0].time,
        "started_at": started[-1] if started else None,
        "stopped_at": ends[-1] if ends else job.reported,
        "definition": "" if job.service else "train:3",
        "array_index": job.index if job.role == "array child" else None,
        "attempts": attempts,
        "max_seconds": 3_600,
    }


def is_clear(job: Job) -> bool:
    """Return True if the times of a job tell its attempts apart."""
    attempts = _attempts(job)
    starts = [attempt["started_at"] for attempt in attempts if attempt["started_at"] is not None]
    stops = [attempt["stopped_at"] for attempt in attempts]
    return len({*starts}) == len(starts) and len({*stops}) == len(stops)


def day(record: dict[str, Any]) -> str:
    """Return the day of the end of a job."""
    return datetime.fromtimestamp(record["stopped_at"] // 1000, UTC).date().isoformat()


def _attempts(job: Job) -> list[dict[str, Any]]:
    """Return all attempts, each with the time at which it left the queue."""
    attempts: list[dict[str, Any]] = []
    running = False
    for transition in job.transitions:
        if transition.state == "SCHEDULED":
            attempts.append({"scheduled_at": transition.time, "started_at": None, "stopped_at": None})
            running = True
        elif transition.state == "RUNNING":
            attempts[-1]["started_at"] = transition.time
        elif running and transition.ending is not None:
            outcome = "PREEMPTED" if transition.ending.preempted else "FAILED"
            outcome = "SUCCEEDED" if transition.state == "SUCCEEDED" else outcome
            types = {unit for unit, _ in job.capacity if unit.startswith("ml.")}
            instance_type = types.pop() if len(job.capacity) == 1 and types else ""
            attempts[-1] |= {"stopped_at": transition.time, "outcome": outcome, "instance_type": instance_type}
            running = False
    return attempts


def _capacity(job: Job) -> dict[str, Any]:
    if job.service:
        units = [unit for unit, _ in job.capacity]
        unit = units[0] if len(units) == 1 else "NUM_INSTANCES"
        known = bool(units) and all(name in GPUS_OF_INSTANCE for name in units)
        return {
            "unit": unit,
            "amount": sum(quantity for _, quantity in job.capacity),
            "gpus": sum(GPUS_OF_INSTANCE[name] * quantity for name, quantity in job.capacity) if known else None,
            "instance_type": unit if unit.startswith("ml.") else "",
            "nodes": 1,
        }
    vcpus, gpus = 8 * (len(job.containers) if job.ecs else 1), sum(number or 0 for number in job.containers)
    nodes = job.family if job.role == "multi-node parent" else 1
    return {
        "unit": "VCPU",
        "amount": vcpus + (nodes - 1) * OTHER_NODES[0],
        "gpus": gpus + (nodes - 1) * OTHER_NODES[1],
        "instance_type": "",
        "nodes": nodes,
    }


def _ranges(job: Job) -> Fields:
    """Return two node ranges: all nodes, of which the main node has resources of its own."""
    counts = job.containers if job.ecs else job.containers[:1]
    needs = [
        [{"type": "VCPU", "value": "8"}, *([] if gpus is None else [{"type": "GPU", "value": str(gpus)}])]
        for gpus in counts
    ]
    main: Fields = (
        {f"range1needs{number}": requirements for number, requirements in enumerate(needs)}
        if job.ecs
        else {"range1needs": needs[0]}
    )
    vcpus, gpus = OTHER_NODES
    others = [{"type": "VCPU", "value": str(vcpus)}, {"type": "GPU", "value": str(gpus)}]
    return {"range0": "0:", "range0needs": others, "range1": "0", **main}
