"""Specification of a HyperPodPyTorchJob, as the training operator reads it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fairlane.hyperpod.elastic_job import ElasticPolicy
from fairlane.hyperpod.elastic_policy_rules import part_problems, policy_problems
from fairlane.hyperpod.manifest_fields import INSTANCE_TYPE, in_manifest, read_part, read_policy, read_restart
from fairlane_local.hyperpod.training.kueue_objects import served, units
from fairlane_local.kubernetes import amounts
from fairlane_local.kubernetes.defaults import set_defaults
from fairlane_local.kubernetes.errors import Object

JOB: Final = served("sagemaker.amazonaws.com/v1", "hyperpodpytorchjobs")
POD: Final = served("v1", "pods")
_MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class Replica:
    """Place of one pod in a job.

    Args:
        part: Name of its replica specification.
        template: Pod template.
    """

    part: str
    template: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """Sizes, replicas and times of a job.

    Attributes:
        policy: Sizes and times. A job without elastic policy has one size.
        first_size: Number of replicas of the first Workload: all initial replicas, or those of the part that does not
            grow.
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
        selector = self.replicas[0].template["spec"].get("nodeSelector") or {}
        found: str | None = selector.get(INSTANCE_TYPE)
        return found

    def requests(self) -> dict[str, int]:
        """Return the requests of one replica by resource, in units of the model of Kueue: the largest of all parts."""
        largest: dict[str, int] = {}
        for template in {replica.part: replica.template for replica in self.replicas}.values():
            pod: Object = {"metadata": {}, "spec": _copy(template["spec"])}
            set_defaults(POD, pod)
            for name, amount in amounts.pod_total(pod["spec"], "requests").items():
                largest[name] = max(largest.get(name, 0), units(name, str(amount)))
        return largest


def job_spec(job: Mapping[str, Any]) -> JobSpec:
    """Return the specification of a job without mistakes."""
    spec = job["spec"]
    parts = sorted(spec["replicaSpecs"], key=_growth)
    restart = read_restart(spec.get("runPolicy") or {})
    initial = sum(map(_initial, parts))
    return JobSpec(
        policy=_policy(spec)
        or ElasticPolicy(min_replicas=initial, max_replicas=initial, replica_discrete_values=(initial,)),
        first_size=initial if len(parts) == 1 or "elasticPolicy" not in spec else _initial(parts[0]),
        replicas=tuple(_replicas(parts)),
        retries=restart.max_restarts,
        snooze_seconds=restart.scale_up_snooze_seconds,
    )


def job_mistakes(job: Mapping[str, Any]) -> Iterator[str]:
    """Yield what keeps the operator from running a job that fits the schema, in the words of Fairlane."""
    spec = job["spec"]
    items = spec.get("replicaSpecs") or []
    if not items:
        yield "spec.replicaSpecs: missing; use a list with one or two replica specifications"
    for index, item in enumerate(items):
        if not (item.get("template") or {}).get("spec", {}).get("containers"):
            yield f"spec.replicaSpecs[{index}].template.spec.containers: missing; use a list with one container"
    policy, parts = _policy(spec), [read_part(item) for item in items]
    if sum(part.replicas for part in parts) > _MOST or (policy is not None and (policy.max_replicas or 0) > _MOST):
        yield f"spec.replicaSpecs: the local AWS runs jobs of at most {_MOST:,} replicas"
    elif policy is not None:
        problems = list(policy_problems(policy)) or list(part_problems(policy, parts) if parts else ())
        for problem in problems:
            yield str(in_manifest(problem if problem.field[0] == "parts" else problem.within("policy")))
    elif items and not sum(part.replicas for part in parts):
        yield "spec.replicaSpecs: the job has no replicas"


def _policy(spec: Mapping[str, Any]) -> ElasticPolicy | None:
    return read_policy(spec["elasticPolicy"]) if "elasticPolicy" in spec else None


def _replicas(parts: Sequence[Mapping[str, Any]]) -> Iterator[Replica]:
    """Yield the initial replicas of all parts, and then those that the parts grow by."""
    for number in (_initial, _growth):
        for part in parts:
            yield from [Replica(part["name"], part["template"])] * number(part)


def _initial(part: Mapping[str, Any]) -> int:
    return read_part(part).replicas


def _growth(part: Mapping[str, Any]) -> int:
    return max(0, int(part.get("maxReplicas", 0)) - _initial(part))


def _copy(spec: Mapping[str, Any]) -> Object:
    return {name: [dict(item) for item in value] if name == "containers" else value for name, value in spec.items()}
