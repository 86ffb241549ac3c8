"""Rules of HyperPod task governance: names, quotas, borrowing, weights and priorities. Imports no aws_cdk."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from fairlane._internal.checks import (
    check_choice,
    check_flag,
    check_list,
    check_number,
    check_text,
    check_whole_number,
    listing,
)
from fairlane._internal.tokens import is_token
from fairlane.catalog.hyperpod_catalog import hyperpod_instance_types
from fairlane.errors import Advice, Path, Problem
from fairlane.hyperpod.instance_group import InstanceGroup, NodePool
from fairlane.hyperpod.mig_profiles import MigProfile, least_gpus, mig_profiles
from fairlane.hyperpod.quota_amounts import instance_capacity, is_amount, node_amounts, quota_amounts
from fairlane.hyperpod.quota_table import amount_text, quota_rows
from fairlane.hyperpod.team import Governance, PriorityClass, QuotaResource, Sharing, Team

MAX_PRIORITY_CLASSES: Final = 10
MAX_CLASS_NAME: Final = 40
MAX_TEAM_NAME: Final = 38
"""Most characters of a team's name: the ClusterQueue `hyperpod-ns-<team>-clusterqueue` has at most 63."""
MAX_RESOURCES: Final = 15
MAX_BORROW_LIMIT: Final = 10_000
MAX_AMOUNT: Final = 10_000_000

_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_RESERVED: Final = "idle-resource-sharing"
_AMOUNTS: Final = ("count", "accelerators", "vcpus", "memory_gib", "partitions")


def governance_problems(
    governance: Governance,
    teams: Sequence[Team],
    instance_groups: Sequence[InstanceGroup],
    node_pools: Sequence[NodePool] = (),
) -> Iterator[Problem]:
    """Yield the mistakes in priorities, teams and quotas. Values known only at deployment pass.

    Quotas are compared with the largest number of instances of each type (`instance_capacity`). The pattern of the API
    for names bounds no length, so names are checked here.

    Sources: "ClusterSchedulerConfig" and "ComputeQuota" in the SageMaker API of botocore 1.44.5; "Policies" in the
    Amazon SageMaker AI Developer Guide.

    Args:
        governance: Order in which workloads are admitted.
        teams: Teams of the cluster.
        instance_groups: Instance groups of the cluster.
        node_pools: Node pools of the cluster.
    """
    if lists := [*_list_problems(governance, teams)]:
        yield from lists
        return
    yield from _priority_problems(governance)
    names = [team.team_name for team in teams]
    for team in teams:
        yield from _team_problems(("teams", str(team.team_name)), team)
    for name in _repeated(names):
        yield Problem.relation(("teams", name), f"{names.count(name)} teams have this name: each team needs its own")
    yield from _weight_problems(governance, teams)
    yield from _capacity_problems(teams, instance_groups, node_pools)
    yield from _borrow_problems(governance, teams, instance_groups, node_pools)


def governance_advice(
    governance: Governance, teams: Sequence[Team], instance_groups: Sequence[InstanceGroup]
) -> Iterator[Advice]:
    """Yield warnings about quotas that idle RayClusters hold, or that nodes cannot provide.

    Args:
        governance: Order in which workloads are admitted.
        teams: Teams of the cluster.
        instance_groups: Instance groups of the cluster.
    """
    lenders = [team.team_name for team in teams if team.sharing != Sharing.DONT_LEND]
    borrows = any(team.sharing == Sharing.LEND_AND_BORROW for team in teams)
    if borrows and (lenders if governance.share_unallocated else lenders[1:]):
        yield Advice(
            "fairlane:TaskGovernance.idleRayClusters",
            "a RayCluster holds the quota of its pods while it runs no job, so nobody borrows that quota: delete idle "
            "RayClusters, or submit RayJobs with shutdownAfterJobFinishes",
        )
    halved = {group.instance_type for group in instance_groups if group.threads_per_core == 1 and group.instance_type}
    for team in teams:
        if used := sorted({quota.instance_type for quota in team.quota if quota.instance_type in halved}):
            yield Advice(
                "fairlane:TaskGovernance.halvedVcpus",
                f"the quota of team {team.team_name} counts all vCPUs of {listing(used)}, and nodes with "
                "threads_per_core=1 have half of them: workloads are admitted and their pods wait; request half",
            )


def _list_problems(governance: Governance, teams: Sequence[Team]) -> Iterator[Problem]:
    yield from check_list(("priority_classes",), governance.priority_classes, PriorityClass, "PriorityClass")
    for item in governance.priority_classes if isinstance(governance.priority_classes, list | tuple) else ():
        yield from _text_problems(("priority_classes", "class_name"), getattr(item, "class_name", None))
    wrong = list(check_list(("teams",), teams, Team, "Team"))
    yield from wrong
    for team in () if wrong else teams:
        path = ("teams", str(team.team_name))
        yield from _text_problems((*path, "team_name"), team.team_name)
        no_list = list(check_list((*path, "quota"), team.quota, QuotaResource, "QuotaResource"))
        yield from no_list
        for quota in () if no_list else team.quota:
            for name in ("instance_type", "partition"):
                yield from _text_problems((*path, "quota", str(quota.instance_type), name), getattr(quota, name))


def _text_problems(field: Path, got: object) -> Iterator[Problem]:
    """Yield a name that is no single value, so that it has no other checks."""
    if isinstance(got, list | dict | set):
        yield Problem(field, got, "a text")


def _priority_problems(governance: Governance) -> Iterator[Problem]:
    classes = governance.priority_classes
    path = ("priority_classes",)
    if len(classes) > MAX_PRIORITY_CLASSES:
        yield Problem(path, f"{len(classes)} classes", f"at most {MAX_PRIORITY_CLASSES} classes")
    for item in classes:
        yield from _class_problems((*path, str(item.class_name)), item)
    for name in _repeated([item.class_name for item in classes]):
        yield Problem.relation((*path, name), "two classes have this name: each class needs its own")
    for name in ("fair_share", "share_unallocated"):
        yield from check_flag((name,), getattr(governance, name))


def _class_problems(path: Path, item: PriorityClass) -> Iterator[Problem]:
    yield from check_short_name((*path, "class_name"), item.class_name, MAX_CLASS_NAME)
    yield from check_whole_number((*path, "weight"), item.weight, 0, 100)


def _team_problems(path: Path, team: Team) -> Iterator[Problem]:
    yield from check_short_name((*path, "team_name"), team.team_name, MAX_TEAM_NAME)
    if str(team.team_name).startswith(_RESERVED):
        yield Problem.relation((*path, "team_name"), f"HyperPod's own queues start with {_RESERVED}: use another name")
    yield from check_choice((*path, "sharing"), team.sharing, Sharing)
    yield from check_whole_number((*path, "weight"), team.weight, 0, 100)
    yield from check_flag((*path, "preempt_lower_priority"), team.preempt_lower_priority)
    if team.borrow_limit is not None:
        yield from check_whole_number((*path, "borrow_limit"), team.borrow_limit, 0, MAX_BORROW_LIMIT, unit="percent")
        if team.sharing in (Sharing.DONT_LEND, Sharing.LEND):
            yield Problem.relation(
                (*path, "borrow_limit"),
                f"sharing {team.sharing} never borrows: remove borrow_limit or use {Sharing.LEND_AND_BORROW}",
            )
    if len(team.quota) > MAX_RESOURCES:
        yield Problem((*path, "quota"), f"{len(team.quota)} resources", f"at most {MAX_RESOURCES} resources")
    for quota in team.quota:
        yield from _quota_problems((*path, "quota", str(quota.instance_type)), quota)
    for instance_type, partition in _repeated([(quota.instance_type, quota.partition) for quota in team.quota]):
        of = f" with partition {partition}" if partition else ""
        yield Problem.relation((*path, "quota", str(instance_type)), f"several resources{of}: add them up in one")
    if not any(_gives(quota) for quota in team.quota):
        yield Problem.relation(
            (*path, "quota"),
            "the team has a quota of nothing, of which the borrow limit is a percentage: it could run no job; give it "
            "a quota or remove the team",
        )


def _quota_problems(path: Path, quota: QuotaResource) -> Iterator[Problem]:
    known = hyperpod_instance_types()
    yield from check_text((*path, "instance_type"), quota.instance_type, known.get, "an instance type of HyperPod")
    for name in ("count", "accelerators", "partitions"):
        if getattr(quota, name) is not None:
            yield from check_whole_number((*path, name), getattr(quota, name), 0, MAX_AMOUNT)
    for name in ("vcpus", "memory_gib"):
        if getattr(quota, name) is not None:
            yield from check_number((*path, name), getattr(quota, name), 0, MAX_AMOUNT)
    if all(getattr(quota, name) is None for name in _AMOUNTS):
        yield Problem(path, None, "count, accelerators, vcpus, memory_gib, or partition with partitions")
    if quota.partition is None and quota.partitions is not None:
        yield Problem((*path, "partition"), None, "the MIG profile of the partitions")
    if quota.partitions is None and quota.partition is not None:
        yield Problem((*path, "partitions"), None, f"the number of partitions of {quota.partition}")
    node = known.get(quota.instance_type) if isinstance(quota.instance_type, str) else None
    if node is None:
        return
    if quota.accelerators and not node.accelerators and is_amount(quota.accelerators):
        yield Problem.relation((*path, "accelerators"), f"{node.instance_type} has no accelerators: use vcpus or count")
    elif is_amount(quota.count) and is_amount(quota.accelerators):
        whole = node.accelerators * (quota.count or 0)
        if quota.accelerators != whole:
            yield Problem.relation(
                (*path, "accelerators"),
                f"count {quota.count} has {whole} accelerators, and accelerators are {quota.accelerators}: "
                "use one of them",
            )
    if quota.partition is not None and not is_token(quota.partition):
        profiles = mig_profiles(node.instance_type)
        if quota.partition not in profiles:
            gpu = node.model or "no accelerator"
            allowed = f"a MIG profile of {gpu}: {listing(profiles)}" if profiles else f"none: {gpu} has no MIG profile"
            yield Problem((*path, "partition"), quota.partition, allowed)


def _weight_problems(governance: Governance, teams: Sequence[Team]) -> Iterator[Problem]:
    borrowers = [team for team in teams if team.sharing == Sharing.LEND_AND_BORROW]
    if governance.fair_share is True and len(borrowers) > 1 and all(team.weight == 0 for team in borrowers):
        yield Problem.relation(
            ("teams",),
            "weight is 0 for all teams that borrow, the lowest priority, so fair_share has nothing to share by: give "
            "the teams weights of 1 to 100, or set fair_share to False",
        )


def _capacity_problems(
    teams: Sequence[Team], instance_groups: Sequence[InstanceGroup], node_pools: Sequence[NodePool]
) -> Iterator[Problem]:
    capacity = instance_capacity(instance_groups, node_pools)
    if capacity is None:
        return
    quotas: dict[str, list[QuotaResource]] = defaultdict(list)
    for team in teams:
        for quota in team.quota:
            if isinstance(quota.instance_type, str) and quota.instance_type in hyperpod_instance_types():
                quotas[quota.instance_type].append(quota)
    for instance_type, resources in quotas.items():
        if instance_type not in capacity:
            yield Problem(
                ("teams", "*", "quota", instance_type),
                instance_type,
                f"an instance type of the instance groups: {listing(sorted(capacity)) or 'none'}",
            )
            continue
        available = node_amounts(hyperpod_instance_types()[instance_type], capacity[instance_type])
        for name, amount in _needed(instance_type, resources).items():
            if amount > available.get(name, math.inf):
                yield Problem.relation(
                    ("teams", "*", "quota", instance_type),
                    f"the quotas add up to {amount_text(amount)} {name} and the instance groups and node pools have "
                    f"{amount_text(available[name])}: lower the quotas or add instances",
                )


def _needed(instance_type: str, quotas: Iterable[QuotaResource]) -> Counter[str]:
    node = hyperpod_instance_types()[instance_type]
    needed: Counter[str] = Counter()
    partitions: Counter[MigProfile] = Counter()
    profiles = mig_profiles(instance_type)
    for quota in quotas:
        needed.update(quota_amounts(quota))
        profile = profiles.get(quota.partition or "")
        if profile and quota.partitions and is_amount(quota.partitions):
            partitions[profile] += quota.partitions
    if node.resource and partitions:
        needed[node.resource] += math.ceil(least_gpus(partitions))
    return needed


def _borrow_problems(
    governance: Governance,
    teams: Sequence[Team],
    instance_groups: Sequence[InstanceGroup],
    node_pools: Sequence[NodePool],
) -> Iterator[Problem]:
    """Yield borrow limits that no resource of the team can reach."""
    rows = quota_rows(governance, teams, instance_groups, node_pools)
    for team in teams:
        limit = team.borrow_limit
        if limit is None or not is_amount(limit) or limit > MAX_BORROW_LIMIT or team.sharing != Sharing.LEND_AND_BORROW:
            continue
        own = [row for row in rows if row.team_name == team.team_name and row.guaranteed]
        if own and all(row.limit > row.lendable for row in own):
            best = max(own, key=lambda row: row.lendable / row.guaranteed)
            yield Problem.relation(
                ("teams", str(team.team_name), "borrow_limit"),
                f"{limit} % of its own {amount_text(best.guaranteed)} {best.resource} is {amount_text(best.limit)}, "
                f"and {amount_text(best.lendable)} can be borrowed: use at most "
                f"{math.floor(100 * best.lendable / best.guaranteed)}",
            )


def check_short_name(field: Path, got: object, longest: int) -> Iterator[Problem]:
    """Check the name of a team or of a priority class; a token passes."""
    yield from check_text(
        field,
        got,
        lambda name: len(name) <= longest and _NAME.fullmatch(name),
        f"1 to {longest} lower-case letters, digits and -, with a letter or digit at both ends",
    )


def _repeated(items: Sequence[Any]) -> list[Any]:
    return [item for item, number in Counter(items).items() if number > 1]


def _gives(quota: QuotaResource) -> bool:
    amounts = [getattr(quota, name) for name in _AMOUNTS]
    return any(amount is not None and (is_token(amount) or amount) for amount in amounts)
