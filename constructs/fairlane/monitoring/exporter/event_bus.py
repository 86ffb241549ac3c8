"""EventBridge rules that send events of AWS Batch to the exporter.

The rules select single fields of the events. A job's environment, command and payload are never among them.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from fairlane._internal.event_queues import allow_events
from fairlane.monitoring.exporter.monitored_queue import MonitoredQueue

MAX_TEMPLATE_CHARACTERS: Final = 8192
MAX_CONTAINERS: Final = 10
"""Most containers of a task."""
DETAIL: Final[Mapping[str, str]] = {
    "id": "jobId",
    "status": "status",
    "reason": "statusReason",
    "share": "shareIdentifier",
    "quota": "quotaShareName",
    "created": "createdAt",
    "scheduled": "scheduledAt",
    "started": "startedAt",
    "stopped": "stoppedAt",
    "attempts": "attempts",
    "cancelled": "isCancelled",
    "terminated": "isTerminated",
    "array": "arrayProperties",
    "node": "nodeDetails",
    "nodes": "nodeProperties.numNodes",
    "exit": "container.exitCode",
    "why": "container.reason",
    "needs": "container.resourceRequirements",
    "usage": "capacityUsage",
    **{
        f"needs{number}": f"ecsProperties.taskProperties[0].containers[{number}].resourceRequirements"
        for number in range(MAX_CONTAINERS)
    },
}
"""Paths in the detail of the last event of a job, by the names that the functions read."""

_BLOCKED: Final = {name: DETAIL[name] for name in ("id", "status", "reason")}
_PREEMPTION: Final = {
    "job": "preemptedJobArn",
    "status": "status",
    "preempted": "preemptionSummary.preemptedAttemptCount",
    "recent": "preemptionSummary.recentPreemptedAttempts",
}


def add_rules(scope: Construct, queues: Sequence[MonitoredQueue], target: sqs.Queue, dead_letters: sqs.Queue) -> None:
    """Send the last event of each job, blocked-queue events and preemptions of the queues to `target`."""
    allow_events(target)
    allow_events(dead_letters)
    parent, arns = Construct(scope, "Queues"), (target.queue_arn, dead_letters.queue_arn)
    for queue in queues:
        static = {"queue": queue.name, "shares": list(queue.shares)}
        job, rules = ("Service Job" if queue.service else "Job"), Construct(parent, queue.name)
        detail = {"jobQueue": [queue.arn]}
        ended = {**detail, "status": ["SUCCEEDED", "FAILED"]}
        add_rule(rules, "Ended", f"Batch {job} State Change", ended, DETAIL, static, *arns)
        add_rule(rules, "Blocked", f"Batch {job} Queue Blocked", detail, _BLOCKED, static, *arns)
    if training := {queue.name: list(queue.shares) for queue in queues if queue.service}:
        kind = "Batch Service Job Preemption Completed"
        add_rule(scope, "Preempted", kind, None, _PREEMPTION, {"queues": training}, *arns)


def input_template(paths: Mapping[str, str], static: Mapping[str, Any]) -> str:
    """Return an input template with static values and with unquoted placeholders for strings, numbers and lists."""
    values = json.dumps(static, separators=(",", ":"))[1:-1]
    return "{" + ",".join([values, *(f'"{name}":<{name}>' for name in ("type", "time", *paths))]) + "}"


def add_rule(
    scope: Construct,
    construct_id: str,
    kind: str,
    detail: Mapping[str, Any] | None,
    paths: Mapping[str, str],
    static: Mapping[str, Any],
    target: str,
    dead_letters: str,
) -> None:
    """Create a rule that sends single fields of events to an SQS queue.

    Args:
        scope: Scope of the rule.
        construct_id: Id of the rule.
        kind: Detail type of the events.
        detail: Pattern of their detail. None for all events of the kind.
        paths: Paths in the detail by the names of the fields in the message, at most 98.
        static: Values that each message has.
        target: ARN of the queue.
        dead_letters: ARN of the queue of messages that EventBridge cannot deliver.
    """
    rule = events.CfnRule
    path_map = {"type": "$.detail-type", "time": "$.time", **{name: f"$.detail.{path}" for name, path in paths.items()}}
    rule(
        scope,
        construct_id,
        event_pattern={"source": ["aws.batch"], "detail-type": [kind], **({"detail": detail} if detail else {})},
        targets=[
            rule.TargetProperty(
                arn=target,
                id="Events",
                dead_letter_config=rule.DeadLetterConfigProperty(arn=dead_letters),
                input_transformer=rule.InputTransformerProperty(
                    input_paths_map=path_map, input_template=input_template(paths, static)
                ),
            )
        ],
    )
