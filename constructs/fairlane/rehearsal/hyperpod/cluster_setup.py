"""HyperPod clusters of environment files as arguments of a rehearsal."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from fairlane._internal.checks import listing
from fairlane.catalog.hyperpod_catalog import hyperpod_instance_types
from fairlane.environment import load_environment
from fairlane.errors import ConfigurationError, Problem
from fairlane.hyperpod.instance_group import InstanceGroup, NodePool
from fairlane.hyperpod.kueue_queues import CLASS_SUFFIX, cluster_queues, queue_name, whole_units
from fairlane.hyperpod.quota_amounts import cap_amounts
from fairlane.hyperpod.quota_table import QuotaRow, quota_rows
from fairlane.hyperpod.team import Governance, Team
from fairlane.rehearsal.hyperpod.cluster_job import ClusterJob
from fairlane.scheduler.kueue import ClusterQueue, FlavorResource


@dataclass(frozen=True, kw_only=True)
class ClusterSetup:
    """Teams and capacity of a HyperPod cluster, for a rehearsal.

    Args:
        governance: Order in which workloads are admitted.
        teams: Teams of the cluster.
        instance_groups: Instance groups of the cluster.
        node_pools: Node pools of the cluster, which count with their limits.
    """

    governance: Governance
    teams: Sequence[Team]
    instance_groups: Sequence[InstanceGroup]
    node_pools: Sequence[NodePool] = ()

    @cached_property
    def rows(self) -> Mapping[tuple[str, FlavorResource], QuotaRow]:
        """Quotas by team, instance type and resource."""
        rows = quota_rows(self.governance, self.teams, self.instance_groups, self.node_pools)
        return {(row.team_name, FlavorResource(row.instance_type, row.resource)): row for row in rows}

    @cached_property
    def queues(self) -> Sequence[ClusterQueue]:
        """Queues of the cluster. A cap of a team limits what it borrows."""
        queues = cluster_queues(self.governance, self.teams, self.instance_groups, self.node_pools)
        caps = {queue_name(team.team_name): cap_amounts(team.cap) for team in self.teams}
        return [_capped(queue, caps.get(queue.queue_name, {})) for queue in queues]

    @cached_property
    def classes(self) -> Mapping[str, int]:
        """Priority of each class."""
        return {each.class_name: each.weight for each in self.governance.priority_classes}

    def instance_type(self, job: ClusterJob) -> str:
        """Return the instance type of a job. Empty if the job states none and its team has several."""
        if job.instance_type:
            return job.instance_type
        types = self._types.get(job.team, ())
        return types[0] if len(types) == 1 else ""

    def gpus(self, instance_type: str) -> int:
        """Return the number of accelerators of an instance."""
        return hyperpod_instance_types()[instance_type].accelerators

    def never_runs(self, job: ClusterJob) -> str:
        """Return the reason for which a job can never run. Empty if it can."""
        ((key, amount),) = instance_requests(instance_type := self.instance_type(job)).items()
        row = self.rows.get((job.team, key))
        if row is None:
            return f"team {job.team} has no quota for {key.resource} of {instance_type}"
        needed = amount * job.first_size
        if needed <= whole_units(key.resource, row.ceiling):
            return ""
        return f"it needs {job.first_size} instances of {instance_type}; {key.resource} is refused {row.refused}"

    def job_problems(self, job: ClusterJob) -> Iterator[Problem]:
        """Yield the problems of a job that the cluster does not know: its team, class and instance type."""
        names = [team.team_name for team in self.teams]
        if job.team not in names:
            yield Problem(("team",), job.team, f"a team of the cluster: {listing(names)}")
            return
        if job.priority_class and job.priority_class.removesuffix(CLASS_SUFFIX) not in self.classes:
            if not self.classes:
                sentence = "the cluster has no classes: remove the class, or add it to priority_classes"
                yield Problem.relation(("priority_class",), sentence)
            else:
                allowed = f"a class of the cluster: {listing(self.classes)}"
                yield Problem(("priority_class",), job.priority_class, allowed)
        types = sorted({name for group in self.instance_groups for name in _types(group)})
        if job.instance_type and job.instance_type not in types:
            yield Problem(("instance_type",), job.instance_type, f"an instance type of the cluster: {listing(types)}")
        if not job.instance_type and not self.instance_type(job):
            own = listing(self._types.get(job.team, ())) or "none"
            yield Problem(("instance_type",), None, f"an instance type of the quota of team {job.team}: {own}")

    def priority(self, job: ClusterJob) -> int:
        """Return the priority of a job without parts."""
        return self.classes[job.priority_class.removesuffix(CLASS_SUFFIX)] if job.priority_class else job.priority

    @cached_property
    def _types(self) -> Mapping[str, Sequence[str]]:
        """Instance types of the quota of each team."""
        types: dict[str, list[str]] = {}
        for name, key in self.rows:
            if key.flavor not in types.setdefault(name, []):
                types[name].append(key.flavor)
        return types


def read_cluster(path: str | Path, name: str) -> ClusterSetup:
    """Read a HyperPod cluster of an environment file. If several Regions have it, read the first in the file.

    Args:
        path: Path of the environment file.
        name: Name of the cluster.

    Returns:
        Teams and capacity of the cluster.

    Raises:
        ConfigurationError: If the file has mistakes, or has no cluster of this name with teams.
    """
    regions = load_environment(Path(path), deployed=False).by_region().values()
    region = next((region for region in regions if name in region.hyperpod), None)
    if region is None:
        names = [cluster for region in regions for cluster in region.hyperpod]
        if not names:
            sentence = f"the file has no HyperPod clusters: add {name}"
            raise ConfigurationError(str(path), [Problem.relation(("hyperpod",), sentence)])
        raise ConfigurationError(str(path), [Problem(("hyperpod",), name, f"a cluster of the file: {listing(names)}")])
    model = region.hyperpod[name]
    if not model.teams:
        sentence = "the cluster has no teams, so that Kueue admits nothing: add a team"
        raise ConfigurationError(str(path), [Problem.relation(("hyperpod", name, "teams"), sentence)])
    return ClusterSetup(
        governance=model.governance,
        teams=model.teams,
        instance_groups=model.instance_groups,
        node_pools=model.node_pools,
    )


def instance_requests(instance_type: str) -> dict[FlavorResource, int]:
    """Return the request of a whole instance: its accelerators or, without, its vCPUs."""
    node = hyperpod_instance_types()[instance_type]
    if node.resource:
        return {FlavorResource(instance_type, node.resource): node.accelerators}
    return {FlavorResource(instance_type, "cpu"): whole_units("cpu", node.vcpus)}


def _types(group: InstanceGroup) -> Sequence[str]:
    return group.instance_types if group.instance_type is None else (group.instance_type,)


def _capped(queue: ClusterQueue, cap: Mapping[str, float]) -> ClusterQueue:
    """Return the queue with a borrowing limit that ends at the cap."""
    if not cap or queue.borrowing_limits is None:
        return queue
    limits = dict(queue.borrowing_limits)
    for key, limit in limits.items():
        if key.resource in cap:
            limits[key] = max(0, min(limit, whole_units(key.resource, cap[key.resource]) - queue.nominal[key]))
    return replace(queue, borrowing_limits=limits)
