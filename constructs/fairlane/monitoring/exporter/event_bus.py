"""Which events of AWS Batch go to the exporter, and what of each: never a job's environment, command or payload."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from fairlane._internal.aws import ARN
from fairlane._internal.claims import Claims
from fairlane.monitoring.exporter.monitored_queue import MonitoredQueue

MAX_TEMPLATE: Final = 8192

_CONTAINERS: Final = 10
_DETAIL: Final = {
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
        for number in range(_CONTAINERS)
    },
}
_BLOCKED: Final = {name: _DETAIL[name] for name in ("id", "status", "reason")}
_PREEMPTION: Final = {
    "job": "preemptedJobArn",
    "status": "status",
    "preempted": "preemptionSummary.preemptedAttemptCount",
    "recent": "preemptionSummary.recentPreemptedAttempts",
}


def add_rules(scope: Construct, queues: Sequence[MonitoredQueue], target: sqs.Queue, dead_letters: sqs.Queue) -> None:
    """Sends the last event of every job of some queues to `target`, and what blocks them and preempts their jobs."""
    let_events_in(target)
    let_events_in(dead_letters)
    each, arns = Construct(scope, "Queues"), (target.queue_arn, dead_letters.queue_arn)
    for queue in queues:
        told = {"queue": queue.name, "shares": list(queue.shares)}
        job, inside = ("Service Job" if queue.service else "Job"), Construct(each, queue.name)
        of_queue = {"jobQueue": [queue.arn]}
        ended = {**of_queue, "status": ["SUCCEEDED", "FAILED"]}
        _rule(inside, "Ended", f"Batch {job} State Change", ended, _DETAIL, told, *arns)
        _rule(inside, "Blocked", f"Batch {job} Queue Blocked", of_queue, _BLOCKED, told, *arns)
    if training := {queue.name: list(queue.shares) for queue in queues if queue.service}:
        kind = "Batch Service Job Preemption Completed"
        _rule(scope, "Preempted", kind, None, _PREEMPTION, {"queues": training}, *arns)


def template_of(paths: Mapping[str, str], told: Mapping[str, Any]) -> str:
    """An input template: what is told as it is, and unquoted placeholders, which are texts, numbers and lists alike."""
    static = json.dumps(told, separators=(",", ":"))[1:-1]
    return "{" + ",".join([static, *(f'"{name}":<{name}>' for name in ("type", "time", *paths))]) + "}"


def let_events_in(queue: sqs.Queue) -> None:
    """Lets rules of this account and Region send to a queue."""
    where = Claims.at(queue)
    rules = f"{ARN}:events:{where.region}:{where.account}:rule/*"
    queue.add_to_resource_policy(
        iam.PolicyStatement(
            actions=["sqs:SendMessage"],
            resources=[queue.queue_arn],
            principals=[iam.ServicePrincipal("events.amazonaws.com")],
            conditions={"ArnLike": {"aws:SourceArn": rules}, "StringEquals": {"aws:SourceAccount": where.account}},
        )
    )


def _rule(
    scope: Construct,
    construct_id: str,
    kind: str,
    detail: Mapping[str, Any] | None,
    paths: Mapping[str, str],
    told: Mapping[str, Any],
    target: str,
    dead_letters: str,
) -> None:
    rule = events.CfnRule
    places = {"type": "$.detail-type", "time": "$.time", **{name: f"$.detail.{path}" for name, path in paths.items()}}
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
                    input_paths_map=places, input_template=template_of(paths, told)
                ),
            )
        ],
    )
