"""Specification of a HyperPodPyTorchJob, as the training operator reads it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fairlane.hyperpod.elastic_job import ElasticPolicy
from fairlane_local.hyperpod.training.kueue_objects import served, units
from fairlane_local.kubernetes import amounts
from fairlane_local.kubernetes.defaults import set_defaults
from fairlane_local.kubernetes.errors import Object

JOB: Final = served("sagemaker.amazonaws.com/v1", "hyperpodpytorchjobs")
POD: Final = served("v1", "pods")
INSTANCE_TYPE: Final = "node.kubernetes.io/instance-type"
_RETRIES: Final = 20
_MOST: Final = 1000
_SNOOZE_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class Replica:
    """Place of one pod in a job.

    Args:
        spec: Name of its replica specification.
        template: Pod template.
    """

    spec: str
    template: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """Sizes, replicas and times of a job.

    Attributes:
        policy: Sizes and times. A job without elastic policy has one size.
        first_size: Number of replicas of the first Workload: all initial replicas, or those of the first of several
            parts.
        replicas: Replicas up to the largest size, in the order of their ranks.
        retries: Number of restarts after failures before the job fails.
        snooze_seconds: Number of seconds after a restart in which the job does not grow.
    """

    policy: ElasticPolicy
    first_size: int
    replicas: Sequence[Replica]
    retries: int
    snooze_seconds: float

    @property
    def instance_type(self) -> str | None:
        """Instance type that the pods demand. None without."""
        selector = self.replicas[0].template.get("spec", {}).get("nodeSelector") or {}
        found: str | None = selector.get(INSTANCE_TYPE)
        return found

    def requests(self) -> dict[str, int]:
        """Return the requests of one replica by resource, in units of the model of Kueue: the largest of all parts."""
        largest: dict[str, int] = {}
        for template in {replica.spec: replica.template for replica in self.replicas}.values():
            pod: Object = {"metadata": {}, "spec": _copy(template["spec"])}
            set_defaults(POD, pod)
            for name, amount in amounts.pod_total(pod["spec"], "requests").items():
                largest[name] = max(largest.get(name, 0), units(name, str(amount)))
        return largest


def job_spec(job: Mapping[str, Any]) -> JobSpec:
    """Return the specification of a job without mistakes."""
    spec = job["spec"]
    parts = spec["replicaSpecs"]
    run = spec.get("runPolicy") or {}
    first = sum(_initial(part) for part in parts) if len(parts) == 1 else _initial(parts[0])
    policy = _policy(spec, sum(_initial(part) for part in parts))
    snooze = (run.get("restartPolicy") or {}).get("scaleUpSnoozeTimeInSeconds", _SNOOZE_SECONDS)
    return JobSpec(
        policy=policy,
        first_size=first,
        replicas=tuple(_replicas(parts)),
        retries=run.get("jobMaxRetryCount", _RETRIES),
        snooze_seconds=snooze,
    )


def job_mistakes(job: Mapping[str, Any]) -> Iterator[str]:
    """Yield what keeps the operator from running a job. The schema has no mistakes."""
    spec = job["spec"]
    parts = spec.get("replicaSpecs") or []
    if not parts:
        yield "spec.replicaSpecs: at least one replica specification is required"
        return
    for index, part in enumerate(parts):
        if not (part.get("template") or {}).get("spec", {}).get("containers"):
            yield f"spec.replicaSpecs[{index}].template.spec.containers: at least one container is required"
        if part.get("maxReplicas", _initial(part)) < _initial(part):
            yield f"spec.replicaSpecs[{index}].maxReplicas: lower than replicas"
    initial = sum(_initial(part) for part in parts)
    elastic = spec.get("elasticPolicy")
    if max(initial, (elastic or {}).get("maxReplicas", 0), *(part.get("maxReplicas", 0) for part in parts)) > _MOST:
        yield f"spec.replicaSpecs: the local AWS runs at most {_MOST:,} replicas"
        return
    if elastic is None:
        if initial < 1:
            yield "spec.replicaSpecs: the job has no replicas"
        return
    if ("replicaIncrementStep" in elastic) == ("replicaDiscreteValues" in elastic):
        yield "spec.elasticPolicy: exactly one of replicaIncrementStep and replicaDiscreteValues is required"
        return
    policy = _policy(spec, initial)
    if not policy.sizes or policy.sizes[-1] != policy.max_replicas or policy.sizes[0] < 1:
        yield f"spec.elasticPolicy: no size is maxReplicas {policy.max_replicas}"
        return
    if _initial(parts[0]) not in policy.sizes:
        listed = ", ".join(map(str, policy.sizes))
        yield f"spec.replicaSpecs[0].replicas: {_initial(parts[0])} is not a size of the elastic policy: {listed}"
    largest = sum(part.get("maxReplicas", _initial(part)) for part in parts)
    if largest != policy.max_replicas:
        yield f"spec.replicaSpecs: maxReplicas add up to {largest}, and elasticPolicy has {policy.max_replicas}"


def _policy(spec: Mapping[str, Any], initial: int) -> ElasticPolicy:
    elastic = spec.get("elasticPolicy")
    if elastic is None:
        return ElasticPolicy(min_replicas=initial, max_replicas=initial, replica_discrete_values=(initial,))
    default = ElasticPolicy(min_replicas=1, max_replicas=1)
    return ElasticPolicy(
        min_replicas=elastic.get("minReplicas", 1),
        max_replicas=elastic.get("maxReplicas", initial),
        replica_increment_step=elastic.get("replicaIncrementStep"),
        replica_discrete_values=elastic.get("replicaDiscreteValues"),
        graceful_shutdown_timeout_seconds=elastic.get(
            "gracefulShutdownTimeoutInSeconds", default.graceful_shutdown_timeout_seconds
        ),
        scaling_timeout_seconds=elastic.get("scalingTimeoutInSeconds", default.scaling_timeout_seconds),
    )


def _replicas(parts: Sequence[Mapping[str, Any]]) -> Iterator[Replica]:
    """Yield the initial replicas of all parts, and then those that the parts grow by."""
    for part in parts:
        yield from [Replica(part["name"], part["template"])] * _initial(part)
    for part in parts:
        growth = part.get("maxReplicas", _initial(part)) - _initial(part)
        yield from [Replica(part["name"], part["template"])] * growth


def _initial(part: Mapping[str, Any]) -> int:
    return int(part.get("replicas", 1))


def _copy(spec: Mapping[str, Any]) -> Object:
    return {name: [dict(item) for item in value] if name == "containers" else value for name, value in spec.items()}
