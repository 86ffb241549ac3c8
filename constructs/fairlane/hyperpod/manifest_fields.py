"""Fields of a HyperPodPyTorchJob that an elastic job also has, and the names of both. Imports no aws_cdk."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from fairlane.errors import Path, Problem
from fairlane.hyperpod.elastic_job import ElasticPolicy, LogRule, ReplicaPart, RestartPolicy

PRIORITY_CLASS: Final = "kueue.x-k8s.io/priority-class"
"""Label with the class of a job."""
QUEUE_NAME: Final = "kueue.x-k8s.io/queue-name"
"""Label with the LocalQueue of a job."""
INSTANCE_TYPE: Final = "node.kubernetes.io/instance-type"
"""Label of nodes with their SageMaker instance type."""
NAMESPACE_PREFIX: Final = "hyperpod-ns-"
"""Text in front of the team in the name of its namespace."""
_OLD_INSTANCE_TYPE: Final = "beta.kubernetes.io/instance-type"
SPEC: Final[Path] = ("spec",)
REPLICA_SPECS: Final[Path] = ("spec", "replicaSpecs")
LOG_RULES: Final[Path] = ("spec", "runPolicy", "logMonitoringConfiguration")

POLICY_FIELDS: Final = {
    "min_replicas": "minReplicas",
    "max_replicas": "maxReplicas",
    "replica_increment_step": "replicaIncrementStep",
    "replica_discrete_values": "replicaDiscreteValues",
    "graceful_shutdown_timeout_seconds": "gracefulShutdownTimeoutInSeconds",
    "scaling_timeout_seconds": "scalingTimeoutInSeconds",
    "faulty_scale_down_timeout_seconds": "faultyScaleDownTimeoutInSeconds",
}
"""Keys of `elasticPolicy` by field of `ElasticPolicy`."""
RESTART_FIELDS: Final = {
    "max_full_restarts": "maxFullJobRestarts",
    "process_restarts": "numRestartBeforeFullJobRestart",
    "evaluation_seconds": "evalPeriodSeconds",
    "scale_up_snooze_seconds": "scaleUpSnoozeTimeInSeconds",
}
"""Keys of `restartPolicy` by field of `RestartPolicy`."""
LOG_FIELDS: Final = {
    "rule_name": "name",
    "pattern": "logPattern",
    "expected_start_seconds": "expectedStartCutOffInSeconds",
    "expected_every_seconds": "expectedRecurringFrequencyInSeconds",
    "stop_pattern": "stopPattern",
    "metric_threshold": "metricThreshold",
    "operator": "operator",
    "metric_data_points": "metricEvaluationDataPoints",
    "fault_on_match": "faultOnMatch",
}
"""Keys of a log rule by field of `LogRule`."""

_PLACES: Final[Mapping[str | int, Path]] = {
    "policy": (*SPEC, "elasticPolicy"),
    "parts": REPLICA_SPECS,
    "log_rules": LOG_RULES,
    "restart": (*SPEC, "runPolicy", "restartPolicy"),
    "job_name": ("metadata", "name"),
    "priority_class": ("metadata", "labels", PRIORITY_CLASS),
}
_KEYS: Final[Mapping[str | int, Mapping[str, str]]] = {
    "policy": POLICY_FIELDS,
    "log_rules": LOG_FIELDS,
    "restart": RESTART_FIELDS,
    "parts": {
        "part_name": "name",
        "max_replicas": "maxReplicas",
        "priority_class_name": "template.spec.priorityClassName",
    },
}
_RETRIES: Final[Path] = (*SPEC, "runPolicy", "jobMaxRetryCount")
_RENAMED: Final = {
    **POLICY_FIELDS,
    **RESTART_FIELDS,
    **LOG_FIELDS,
    "priority_class": PRIORITY_CLASS,
    "priority_class_name": "priorityClassName",
}
_WORD: Final = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")


def read_policy(elastic_policy: Mapping[str, Any]) -> ElasticPolicy:
    """Return the sizes and times in an `elasticPolicy`, with Fairlane's defaults for absent times."""
    required = {"min_replicas": None, "max_replicas": None}
    return ElasticPolicy(**(required | _read(elastic_policy, POLICY_FIELDS)))


def read_restart(run_policy: Mapping[str, Any]) -> RestartPolicy:
    """Return the restarts in a `runPolicy`, with Fairlane's defaults for absent fields."""
    retries = run_policy.get("jobMaxRetryCount")
    stated = _read(mapping(run_policy.get("restartPolicy")), RESTART_FIELDS)
    return RestartPolicy(**(stated if retries is None else stated | {"max_restarts": retries}))


def read_log_rules(run_policy: Mapping[str, Any]) -> list[LogRule]:
    """Return the rules in the `logMonitoringConfiguration` of a `runPolicy`."""
    required = {"rule_name": None, "pattern": None}
    rules = map(mapping, sequence(run_policy.get("logMonitoringConfiguration")))
    return [LogRule(**(required | _read(rule, LOG_FIELDS))) for rule in rules]


def read_part(replica_spec: Mapping[str, Any]) -> ReplicaPart:
    """Return the name, the sizes and the class of a replica specification. Absent replicas are 0, as in AWS's model."""
    pod = mapping(mapping(replica_spec.get("template")).get("spec"))
    return ReplicaPart(
        part_name=replica_spec.get("name"),  # type: ignore[arg-type]
        replicas=replica_spec.get("replicas", 0),
        max_replicas=replica_spec.get("maxReplicas"),
        priority_class_name=pod.get("priorityClassName"),
    )


def instance_type(pod: Mapping[str, Any]) -> str | None:
    """Return the instance type in the `nodeSelector` of a pod. None without."""
    selector = mapping(pod.get("nodeSelector"))
    found = selector.get(INSTANCE_TYPE, selector.get(_OLD_INSTANCE_TYPE))
    return found if isinstance(found, str) else None


def in_manifest(problem: Problem, places: Mapping[str | int, Path] | None = None) -> Problem:
    """Return a problem of an elastic job at the fields of a manifest, in their names.

    Args:
        problem: Problem of an elastic job.
        places: Paths in the manifest by argument of the job, besides those of all jobs.
    """
    first, *inner = problem.field
    keys = _KEYS.get(first, {})
    path = [*{**_PLACES, **(places or {})}[first]]
    for name in inner:
        path += [name] if isinstance(name, int) else keys.get(name, name).split(".") if keys else [name]
    field = _RETRIES if problem.field == ("restart", "max_restarts") else tuple(path)
    return replace(problem, field=field, sentence=_renamed(problem.sentence), allowed=_renamed(problem.allowed))


def mapping(value: object) -> Mapping[str, Any]:
    """Return a value if it is a mapping, else an empty one: the schema reports the other types."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: object) -> Sequence[Any]:
    """Return a value if it is a list, else an empty one: the schema reports the other types."""
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _read(fields: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {name: fields[key] for name, key in names.items() if fields.get(key) is not None}


def _renamed(text: str) -> str:
    return _WORD.sub(lambda found: _RENAMED.get(found[0], found[0]), text)
