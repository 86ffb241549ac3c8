"""Quotas of HyperPod teams as a table: guaranteed capacity, borrowing and lending. Imports no aws_cdk."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from fairlane.catalog.hyperpod_catalog import hyperpod_instance_types
from fairlane.hyperpod.instance_group import InstanceGroup, NodePool
from fairlane.hyperpod.mig_profiles import mig_profiles
from fairlane.hyperpod.quota_amounts import (
    MIG_PREFIX,
    cap_amounts,
    instance_capacity,
    is_amount,
    node_amounts,
    team_amounts,
)
from fairlane.hyperpod.team import Governance, Sharing, Team

DEFAULT_BORROW_LIMIT: Final = 50
"""Borrow limit in percent if a team states none: the default of AWS."""

_FRACTIONAL: Final = ("cpu", "memory")

_Key: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaRow:
    """Capacity of a team in one resource of one instance type.

    Amounts are numbers of accelerators, partitions or vCPUs, or GiB of memory, all nominal. Infinite amounts follow
    from node pools without limits.

    Attributes:
        team_name: Name of the team.
        instance_type: SageMaker instance type.
        resource: Kubernetes resource, for example nvidia.com/gpu, cpu or memory.
        guaranteed: Amount that the team can use at any time, because HyperPod preempts the teams that borrow it.
        limit: Amount that the borrow limit allows: a percentage of the team's own quota.
        lendable: Amount that the other teams lend, and capacity that no quota covers if `share_unallocated` is True.
        may_borrow: Amount that the team may borrow while the others do not use it.
        ceiling: Largest amount that the team uses at a time.
        cap: Hard limit on the requests of the team's pods, over all instance types. None without.
        lent: Amount that the team lends while it does not use it.
        refused: Amount above which requests wait or are refused, and the reason.
    """

    team_name: str
    instance_type: str
    resource: str
    guaranteed: float
    limit: float
    lendable: float
    may_borrow: float
    ceiling: float
    cap: float | None
    lent: float
    refused: str

    @property
    def resource_text(self) -> str:
        """Resource with the unit of its amounts."""
        return "memory (GiB)" if self.resource == "memory" else self.resource


def quota_rows(
    governance: Governance,
    teams: Sequence[Team],
    instance_groups: Sequence[InstanceGroup],
    node_pools: Sequence[NodePool] = (),
) -> list[QuotaRow]:
    """Return the rows of all teams, in the order of the teams and their quotas.

    `BorrowLimit` is a percentage of the team's own quota, for each resource: at 50, a quota of 32 GPUs reaches 48. A
    team never borrows more than the other teams lend and, with `share_unallocated`, no quota covers. HyperPod counts
    the instances that are ready, so that less is unallocated while instances are missing.

    Source: "Policies" in the Amazon SageMaker AI Developer Guide. Not tested against a live cluster.

    Args:
        governance: Order in which workloads are admitted.
        teams: Teams of the cluster. Amounts known only at deployment count as nothing.
        instance_groups: Instance groups of the cluster.
        node_pools: Node pools of the cluster, which count with their limits.
    """
    instances = instance_capacity(instance_groups, node_pools)
    quotas = [_team_quota(team) for team in teams]
    covered, lent = Counter[_Key](), Counter[_Key]()
    for team, quota in zip(teams, quotas, strict=True):
        covered.update(quota)
        lent.update(quota if _lends(team) else {})
    rows = []
    for team, quota in zip(teams, quotas, strict=True):
        for key, guaranteed in quota.items():
            capacity = _capacity(instances, key)
            unallocated = max(capacity - covered[key], 0) if governance.share_unallocated else 0
            lendable = lent[key] - (guaranteed if _lends(team) else 0) + unallocated
            rows.append(_row(team, key, guaranteed, lendable, capacity))
    return rows


def _row(team: Team, key: _Key, guaranteed: float, lendable: float, capacity: float) -> QuotaRow:
    instance_type, resource = key
    limit = _whole(guaranteed * borrow_percent(team) / 100, resource)
    may_borrow = min(limit, lendable)
    cap = cap_amounts(team.cap).get(resource)
    bounds = {
        "the capacity of the cluster": capacity,
        "the cap of the team": math.inf if cap is None else cap,
        borrow_reason(team, guaranteed, limit, lendable): guaranteed + may_borrow,
    }
    reason, ceiling = min(bounds.items(), key=lambda bound: bound[1])
    return QuotaRow(
        team_name=team.team_name,
        instance_type=instance_type,
        resource=resource,
        guaranteed=guaranteed,
        limit=limit,
        lendable=lendable,
        may_borrow=may_borrow,
        ceiling=ceiling,
        cap=cap,
        lent=guaranteed if _lends(team) else 0,
        refused=f"above {amount_text(ceiling)}: {reason}" if ceiling < math.inf else "",
    )


def borrow_reason(team: Team, guaranteed: float, limit: float, lendable: float) -> str:
    """Return the reason for the largest amount that a team uses, from its own quota and what it borrows.

    Args:
        team: Team.
        guaranteed: Amount of its own quota.
        limit: Amount that its borrow limit allows.
        lendable: Amount that it can borrow of others.
    """
    if team.sharing == Sharing.DONT_LEND:
        return f"sharing {Sharing.DONT_LEND} neither lends nor borrows"
    if team.sharing == Sharing.LEND:
        return f"sharing {Sharing.LEND} does not borrow"
    percent = amount_text(borrow_percent(team))
    own = f"the borrow limit of {percent} % of its own {amount_text(guaranteed)} is {amount_text(limit)}"
    if lendable < limit:
        return f"{own}, and only {amount_text(lendable)} can be borrowed"
    return own


def borrow_percent(team: Team) -> float:
    """Return the borrow limit of a team in percent of its own quota. 0 for teams that do not borrow."""
    if team.sharing in (Sharing.DONT_LEND, Sharing.LEND):
        return 0
    limit = team.borrow_limit
    return DEFAULT_BORROW_LIMIT if limit is None or not is_amount(limit) else limit


def amount_text(amount: float) -> str:
    """Return an amount as text, with two decimals at most."""
    return "no limit" if amount == math.inf else f"{amount:.2f}".rstrip("0").rstrip(".")


def _team_quota(team: Team) -> dict[_Key, float]:
    return {
        (instance_type, resource): amount
        for instance_type, amounts in team_amounts(team.quota).items()
        for resource, amount in amounts.items()
    }


def _capacity(instances: Mapping[str, float] | None, key: _Key) -> float:
    instance_type, resource = key
    if instances is None:
        return math.inf
    count = instances.get(instance_type, 0)
    node = hyperpod_instance_types()[instance_type]
    profile = mig_profiles(instance_type).get(resource.removeprefix(MIG_PREFIX))
    return count * node.accelerators * profile.most_per_gpu if profile else node_amounts(node, count).get(resource, 0)


def _lends(team: Team) -> bool:
    return team.sharing != Sharing.DONT_LEND


def _whole(amount: float, resource: str) -> float:
    return amount if resource in _FRACTIONAL else math.floor(amount)
