"""Queues of a HyperPod cluster for the model of Kueue: quotas, borrowing, lending and fair sharing. Imports no aws_cdk.

The content of the queues that HyperPod creates is not published. The queues follow "Policies" in the Amazon SageMaker
AI Developer Guide, and fair sharing follows the defaults of Kueue. Not tested against a live cluster.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final

from fairlane.catalog.hyperpod_catalog import hyperpod_instance_types
from fairlane.hyperpod.instance_group import InstanceGroup, NodePool
from fairlane.hyperpod.quota_amounts import instance_capacity, is_amount, node_amounts, team_amounts
from fairlane.hyperpod.quota_table import borrow_percent
from fairlane.hyperpod.team import Governance, Sharing, Team
from fairlane.hyperpod.team_objects import GIB
from fairlane.scheduler.kueue import ClusterQueue, FlavorResource, PreemptionPolicy, PreemptionStrategy

COHORT: Final = "hyperpod"
"""Cohort of all queues of a cluster."""
UNALLOCATED: Final = "hyperpod-ns-idle-resource-sharing-cq"
"""Queue of the capacity that no quota covers. It runs nothing and lends all of it."""
CLASS_SUFFIX: Final = "-priority"
"""Text behind the name of a class in the label of a job."""

_UNITS: Final = {"cpu": 1000, "memory": GIB}
_NO_LIMIT: Final = 10**15
"""Amount of a node pool without limits."""


def queue_name(team_name: str) -> str:
    """Return the name of the queue of a team."""
    return f"hyperpod-ns-{team_name}-clusterqueue"


def whole_units(resource: str, amount: float | Fraction) -> int:
    """Return an amount in the whole units of the model, rounded down: thousandths of a vCPU, bytes, or devices.

    Args:
        resource: Kubernetes resource, for example nvidia.com/gpu, cpu or memory.
        amount: Number of vCPUs or devices, or GiB of memory.
    """
    return _NO_LIMIT if amount == math.inf else math.floor(Fraction(amount) * _UNITS.get(resource, 1))


def cluster_queues(
    governance: Governance,
    teams: Sequence[Team],
    instance_groups: Sequence[InstanceGroup],
    node_pools: Sequence[NodePool] = (),
) -> list[ClusterQueue]:
    """Return the queues of all teams and, with `share_unallocated`, the queue of capacity that no quota covers.

    Kueue admits up to the quotas, whatever instances there are. A cluster whose quotas exceed its capacity is a mistake
    (`governance_problems`), so that the queues together have at most the capacity of the cluster.

    Args:
        governance: Order in which workloads are admitted.
        teams: Teams of the cluster. Amounts known only at deployment count as nothing.
        instance_groups: Instance groups of the cluster.
        node_pools: Node pools of the cluster, which count with their limits.
    """
    nominal = [_nominal(team) for team in teams]
    queues = [_queue(team, quota, governance) for team, quota in zip(teams, nominal, strict=True)]
    capacity = instance_capacity(instance_groups, node_pools)
    if governance.share_unallocated and capacity is not None:
        left = _left(capacity, nominal)
        if any(left.values()):
            queues.append(ClusterQueue(queue_name=UNALLOCATED, cohort=COHORT, nominal=left, weight=Fraction(0)))
    return queues


def fair_sharing(governance: Governance) -> tuple[PreemptionStrategy, ...] | None:
    """Return the rules of preemption with fair sharing, which are the defaults of Kueue. None without fair share."""
    if not governance.fair_share:
        return None
    return (PreemptionStrategy.LESS_THAN_OR_EQUAL_TO_FINAL_SHARE, PreemptionStrategy.LESS_THAN_INITIAL_SHARE)


def class_priority(governance: Governance, class_name: str | None) -> int:
    """Return the priority of a class, with or without the suffix of its label. 0 without a class.

    Raises:
        KeyError: If the cluster has no such class.
    """
    if not class_name:
        return 0
    weights = {each.class_name: each.weight for each in governance.priority_classes}
    return weights[class_name] if class_name in weights else weights[class_name.removesuffix(CLASS_SUFFIX)]


def _nominal(team: Team) -> dict[FlavorResource, int]:
    return {
        FlavorResource(instance_type, resource): whole_units(resource, amount)
        for instance_type, amounts in team_amounts(team.quota).items()
        for resource, amount in amounts.items()
    }


def _queue(team: Team, nominal: Mapping[FlavorResource, int], governance: Governance) -> ClusterQueue:
    share = Fraction(borrow_percent(team)) / 100
    weight = team.weight if is_amount(team.weight) else 0
    return ClusterQueue(
        queue_name=queue_name(team.team_name),
        cohort=COHORT,
        nominal=nominal,
        borrowing_limits={key: math.floor(amount * share) for key, amount in nominal.items()},
        lending_limits=dict.fromkeys(nominal, 0) if team.sharing == Sharing.DONT_LEND else None,
        weight=Fraction(weight) if governance.fair_share else Fraction(1),
        within_queue=PreemptionPolicy.LOWER_PRIORITY if team.preempt_lower_priority else PreemptionPolicy.NEVER,
        reclaim_within_cohort=PreemptionPolicy.ANY,
    )


def _left(capacity: Mapping[str, float], nominal: Sequence[Mapping[FlavorResource, int]]) -> dict[FlavorResource, int]:
    """Return the capacity that no quota covers, of the resources that teams have quotas for."""
    covered = Counter[FlavorResource]()
    for quota in nominal:
        covered.update(quota)
    left = {}
    for key, amount in covered.items():
        node = hyperpod_instance_types()[key.flavor]
        total = node_amounts(node, capacity.get(key.flavor, 0)).get(key.resource, 0)
        left[key] = max(0, whole_units(key.resource, total) - amount)
    return left
