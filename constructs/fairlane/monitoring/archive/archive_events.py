"""EventBridge rules that send the last events of jobs to an archive.

The rules select single fields. A job's environment, command, parameters, payload and tags are never among them.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from aws_cdk import aws_sqs as sqs
from constructs import Construct

from fairlane._internal.event_queues import allow_events
from fairlane.monitoring.exporter.event_bus import DETAIL, MAX_CONTAINERS, add_rule
from fairlane.monitoring.exporter.monitored_queue import MonitoredQueue
from fairlane_lambda.job_archive.capacity import MAX_RANGES
from fairlane_lambda.job_archive.records import ENDED, TYPES

_RANGE: Final = "nodeProperties.nodeRangeProperties"
_CONTAINERS: Final = "ecsProperties.taskProperties[0].containers"
_PATHS: Final[Mapping[str, str]] = {
    **DETAIL,
    "name": "jobName",
    "definition": "jobDefinition",
    "priority": "schedulingPriority",
    "timeout": "timeout.attemptDurationSeconds",
    "limit": "timeoutConfig.attemptDurationSeconds",
    "preempted": "preemptionSummary.recentPreemptedAttempts",
    **{f"range{index}": f"{_RANGE}[{index}].targetNodes" for index in range(MAX_RANGES)},
    **{f"range{index}needs": f"{_RANGE}[{index}].container.resourceRequirements" for index in range(MAX_RANGES)},
    **{
        f"range{index}needs{number}": f"{_RANGE}[{index}].{_CONTAINERS}[{number}].resourceRequirements"
        for index in range(MAX_RANGES)
        for number in range(MAX_CONTAINERS)
    },
}


def add_rules(scope: Construct, queues: Sequence[MonitoredQueue], target: sqs.Queue, dead_letters: sqs.Queue) -> None:
    """Send the last event of each job of the queues to `target`."""
    allow_events(target)
    allow_events(dead_letters)
    for queue in queues:
        detail = {"jobQueue": [queue.arn], "status": [*ENDED]}
        kind, static = TYPES[queue.service], {"queue": queue.name, "instance_type": queue.instance_type or ""}
        add_rule(scope, queue.name, kind, detail, _PATHS, static, target.queue_arn, dead_letters.queue_arn)
