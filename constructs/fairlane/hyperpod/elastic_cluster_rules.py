"""Rules of an elastic training job on the cluster where it runs: quota, cap, capacity and Spot. Imports no aws_cdk."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Final

from fairlane._internal.checks import alternatives, listing
from fairlane._internal.tokens import is_token
from fairlane.capacity.rules import Purchase
from fairlane.catalog.hyperpod_catalog import hyperpod_instance_types
from fairlane.errors import Problem
from fairlane.hyperpod.elastic_job import MAX_REPLICAS, ElasticTrainingJob, is_whole
from fairlane.hyperpod.elastic_pod_rules import NO_SPOT, request_problems
from fairlane.hyperpod.elastic_rules import elastic_job_problems, kind_problems
from fairlane.hyperpod.instance_group import InstanceGroup, NodePool, Taint, TaintEffect
from fairlane.hyperpod.quota_amounts import cap_amounts, group_instance_types, instance_capacity
from fairlane.hyperpod.quota_table import amount_text, borrow_reason, quota_rows
from fairlane.hyperpod.replica_requests import (
    accelerator_requests,
    device_amounts,
    replica_requests,
    request_amounts,
    usable_amounts,
)
from fairlane.hyperpod.team import Governance, Team
from fairlane.hyperpod.team_objects import COMPUTE, is_extended

_MAXIMUM: Final = ("policy", "max_replicas")


def job_problems(
    job: ElasticTrainingJob,
    governance: Governance,
    teams: Sequence[Team],
    instance_groups: Sequence[InstanceGroup],
    node_pools: Sequence[NodePool] = (),
) -> Iterator[Problem]:
    """Yield the mistakes in a job on a cluster. Values known only at deployment pass.

    A maximum is compared with three limits: the quota of the team with what it may borrow, the cap of the team, and
    the instances of the cluster. Each limit that the maximum exceeds is a problem of its own.

    AWS's guide says that elastic training does not support Spot Instances, and its launch article that jobs shrink when
    they are reclaimed. The guide applies here.

    Sources: "Using elastic training in Amazon SageMaker HyperPod" and "Policies" in the Amazon SageMaker AI Developer
    Guide. Not tested against a live cluster.

    Args:
        job: Job.
        governance: Order in which workloads are admitted.
        teams: Teams of the cluster.
        instance_groups: Instance groups of the cluster.
        node_pools: Node pools of the cluster.
    """
    own = list(elastic_job_problems(job))
    yield from own
    if not any(kind_problems(job)):
        wrong = {problem.field for problem in own}
        requests_are_right = not any("requests" in field for field in wrong)
        found = placement_problems(
            job, governance, teams, instance_groups, node_pools, with_requests=requests_are_right
        )
        yield from (problem for problem in found if problem.sentence or problem.field not in wrong)


def placement_problems(
    job: ElasticTrainingJob,
    governance: Governance,
    teams: Sequence[Team],
    instance_groups: Sequence[InstanceGroup],
    node_pools: Sequence[NodePool] = (),
    *,
    with_requests: bool = True,
    limited: Collection[str] | None = None,
) -> Iterator[Problem]:
    """Yield what keeps a job from running on a cluster, as `job_problems` does, without the mistakes in the job itself.

    Args:
        job: Job whose values have the right types.
        governance: Order in which workloads are admitted.
        teams: Teams of the cluster.
        instance_groups: Instance groups of the cluster.
        node_pools: Node pools of the cluster.
        with_requests: False if the requests have mistakes, so that they are compared with nothing.
        limited: Resources whose limit the container states. Default: those of `job_manifest`.
    """
    team = next((team for team in teams if team.team_name == job.team), None)
    if team is None and not is_token(job.team):
        names = [str(team.team_name) for team in teams]
        yield Problem(("team",), job.team, alternatives(names) if names else "a team of the cluster, which has none")
    yield from _class_problems(job, governance)
    groups = [group for group in instance_groups if job.instance_type in group_instance_types(group)]
    yield from _group_problems(job, instance_groups, groups, node_pools)
    if job.instance_type in hyperpod_instance_types() and with_requests:
        yield from _node_problems(job, groups, team, limited)
        if team is not None and is_whole(job.policy.max_replicas):
            yield from _reach_problems(job, team, governance, teams, instance_groups, node_pools)


def _class_problems(job: ElasticTrainingJob, governance: Governance) -> Iterator[Problem]:
    names = [str(item.class_name) for item in governance.priority_classes]
    path, name = ("priority_class",), job.priority_class
    if name is None or is_token(name) or name in names:
        return
    if names:
        yield Problem(path, name, alternatives(names))
    else:
        yield Problem.relation(path, f"the cluster has no priority_classes: add {name} or remove priority_class")


def _group_problems(
    job: ElasticTrainingJob,
    instance_groups: Sequence[InstanceGroup],
    groups: Sequence[InstanceGroup],
    node_pools: Sequence[NodePool],
) -> Iterator[Problem]:
    path = ("instance_type",)
    if not groups and not is_token(job.instance_type):
        names = sorted({str(name) for group in instance_groups for name in group_instance_types(group)})
        allowed = alternatives(names) if names else "an instance type of the cluster, which has none"
        yield Problem(path, job.instance_type, allowed)
    spot = [str(group.group_name) for group in groups if group.purchase == Purchase.SPOT]
    if spot:
        pools = [pool.pool_name for pool in node_pools if set(spot) & set(pool.instance_groups)]
        where = f" and the node pools {listing(pools)}" if pools else ""
        sentence = f"the instance groups {listing(spot)}{where} have Spot Instances of this type, and {NO_SPOT}"
        yield Problem.relation(path, sentence)
    tainted = [group for group in groups if any(not _tolerates(job, taint) for taint in group.taints)]
    if tainted and len(tainted) == len(groups):
        taint = next(taint for taint in tainted[0].taints if not _tolerates(job, taint))
        sentence = (
            f"all instance groups of this type have taints that the job does not tolerate, such as {taint.key}: add "
            "them to tolerations"
        )
        yield Problem.relation(path, sentence)


def _node_problems(
    job: ElasticTrainingJob, groups: Sequence[InstanceGroup], team: Team | None, limited: Collection[str] | None
) -> Iterator[Problem]:
    """Yield requests that no instance of the groups, or the LimitRange of the team, allows.

    Kubernetes gives a container the default limit of each resource of which it states no limit itself.
    """
    requests = replica_requests(job)
    limited = set(requests) - set(COMPUTE) if limited is None else limited
    if groups and all(group.threads_per_core == 1 for group in groups):
        yield from request_problems(requests, job.instance_type, threads_per_core=1)
    defaults = team.container_defaults if team else None
    for field, noun in (("limits", "default limit"), ("maximum", "maximum")):
        stated = getattr(defaults, field, None)
        most = stated if isinstance(stated, Mapping) else {}
        bounds = request_amounts({name: most[name] for name in most if field == "maximum" or name not in limited})
        for name, amount in request_amounts(requests).items():
            if amount > bounds.get(name, amount) >= 0:
                sentence = f"{requests[name]} is more than the {noun} of a container in {job.namespace}: use at most "
                yield Problem.relation(
                    ("requests", name), f"{sentence}{most[name]} or raise container_defaults.{field}"
                )


def _reach_problems(
    job: ElasticTrainingJob,
    team: Team,
    governance: Governance,
    teams: Sequence[Team],
    instance_groups: Sequence[InstanceGroup],
    node_pools: Sequence[NodePool],
) -> Iterator[Problem]:
    """Yield the limits below the maximum, each for the resource of which it allows the fewest replicas."""
    amounts = request_amounts(replica_requests(job))
    rows = {
        row.resource: row
        for row in quota_rows(governance, teams, instance_groups, node_pools)
        if row.team_name == team.team_name and row.instance_type == job.instance_type
    }
    quota = {name: rows[name].guaranteed + rows[name].may_borrow for name in amounts if name in rows}
    if not rows:
        sentence = f"team {job.team} has no quota of this type: add it to the quota or use another instance type"
        yield Problem.relation(("instance_type",), sentence)
    elif uncovered := [name for name in accelerator_requests(job) if name not in rows]:
        sentence = f"team {job.team} has no quota of {listing(uncovered)} of this type: add it to the quota"
        yield Problem.relation(("instance_type",), sentence)
    elif short := _shortage(job, amounts, quota):
        name, reach = short
        reason = borrow_reason(team, rows[name].guaranteed, rows[name].limit, rows[name].lendable)
        text = f"team {job.team} reaches {amount_text(quota[name])}, because {reason}"
        yield _unreached(job, amounts, name, reach, text)
    if short := _shortage(job, amounts, cap_amounts(team.cap)):
        name, reach = short
        text = f"the cap of team {job.team} is {amount_text(cap_amounts(team.cap)[name])}"
        yield _unreached(job, amounts, name, reach, text)
    instances = (instance_capacity(instance_groups, node_pools) or {}).get(job.instance_type, math.inf)
    node = hyperpod_instance_types()[job.instance_type]
    usable = usable_amounts(node) | device_amounts(node)
    fits = [int(most // amounts[name]) for name, most in usable.items() if amounts.get(name)]
    each = min(fits, default=MAX_REPLICAS)
    if job.policy.max_replicas > instances * each:
        fit = "one" if each == 1 else f"{each}"
        sentence = (
            f"{job.policy.max_replicas} replicas never run at a time, because the cluster has {amount_text(instances)} "
            f"{job.instance_type}, and each has room for {fit}: {_advice(job, int(instances * each))}"
        )
        yield Problem.relation(_MAXIMUM, sentence)


def _shortage(
    job: ElasticTrainingJob, amounts: Mapping[str, Fraction], limits: Mapping[str, float]
) -> tuple[str, int] | None:
    """Return the resource of which the limits allow the fewest replicas, and their number. None if all run."""
    reaches = [
        (int(Fraction(limits[name]) // amount), not is_extended(name), name)
        for name, amount in amounts.items()
        if 0 <= limits.get(name, math.inf) < math.inf and amount
    ]
    reach, _, name = min(reaches, default=(math.inf, True, ""))
    return (name, int(reach)) if reach < job.policy.max_replicas else None


def _unreached(job: ElasticTrainingJob, amounts: Mapping[str, Fraction], name: str, reach: int, reason: str) -> Problem:
    most = job.policy.max_replicas
    unit = "GiB of memory" if name == "memory" else name
    needed = amount_text(float(amounts[name] * most))
    return Problem.relation(_MAXIMUM, f"{most} replicas need {needed} {unit}, and {reason}: {_advice(job, reach)}")


def _advice(job: ElasticTrainingJob, reach: int) -> str:
    sizes = [size for size in job.policy.sizes if size <= reach]
    return f"use at most {sizes[-1]} replicas or raise the limit" if sizes else "no size ever runs: raise the limit"


def _tolerates(job: ElasticTrainingJob, taint: Taint) -> bool:
    if taint.effect == TaintEffect.PREFER_NO_SCHEDULE or any(
        own.key == taint.key and own.effect == taint.effect and own.value in (None, taint.value)
        for own in job.tolerations
    ):
        return True
    return taint.effect == TaintEffect.NO_SCHEDULE and taint.key in accelerator_requests(job)
