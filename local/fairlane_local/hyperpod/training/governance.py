"""Fair sharing, and the queue of capacity that no quota covers, from the scheduler configuration of a cluster."""

from collections import Counter
from fractions import Fraction

from fairlane.hyperpod.kueue_queues import COHORT, UNALLOCATED
from fairlane.hyperpod.kueue_queues import fair_sharing as strategies
from fairlane.hyperpod.manifest_fields import INSTANCE_TYPE
from fairlane.hyperpod.team import Governance
from fairlane.scheduler.kueue import ClusterQueue, FlavorResource, PreemptionStrategy
from fairlane_local.hyperpod.policies import SCHEDULE
from fairlane_local.hyperpod.store import Members, hyperpod
from fairlane_local.hyperpod.training.kueue_objects import cluster_queues, served, units
from fairlane_local.kubernetes.access import ClusterLocation
from fairlane_local.kubernetes.api import KubernetesApi

_NODE = served("v1", "nodes")
_ENABLED = "Enabled"


def fair_sharing(location: ClusterLocation) -> tuple[PreemptionStrategy, ...] | None:
    """Return the rules of fair sharing of a cluster. None without."""
    return strategies(Governance(fair_share=_configuration(location).get("FairShare") == _ENABLED))


def idle_queue(location: ClusterLocation, api: KubernetesApi) -> ClusterQueue | None:
    """Return the queue that lends the capacity of nodes that no quota covers. None if the cluster does not share it."""
    if _configuration(location).get("IdleResourceSharing") != _ENABLED:
        return None
    left = Counter[FlavorResource]()
    for node in api.store.items(_NODE):
        flavor = node["metadata"].get("labels", {}).get(INSTANCE_TYPE, "")
        for name, quantity in ((node.get("status") or {}).get("allocatable") or {}).items():
            left[FlavorResource(flavor, name)] += units(name, quantity)
    covered = Counter[FlavorResource]()
    for queue in cluster_queues(api):
        covered.update(queue.nominal)
    nominal = {key: max(0, left[key] - amount) for key, amount in covered.items()}
    if not any(nominal.values()):
        return None
    return ClusterQueue(queue_name=UNALLOCATED, cohort=COHORT, nominal=nominal, weight=Fraction(0))


def _configuration(location: ClusterLocation) -> Members:
    account_id, region, name = location
    records = hyperpod((account_id, region))
    arns = {cluster.arn for cluster in records.clusters.values() if cluster.kubernetes_name == name}
    for policy in records.policies.values():
        if policy.noun == SCHEDULE and policy.current["ClusterArn"] in arns:
            found: Members = policy.current["SchedulerConfig"]
            return found
    return {}
