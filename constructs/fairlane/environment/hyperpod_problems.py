"""Problems of `hyperpod` in an environment file: the rules of the constructs, at the keys of the file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from fairlane._internal.checks import check_text, is_region
from fairlane._internal.key_rules import check_regional_key
from fairlane.capacity.network_rules import check_id
from fairlane.environment.hyperpod import HyperPodModel
from fairlane.environment.network import ExistingNetworkModel, NewNetworkModel
from fairlane.environment.regions import RegionModel
from fairlane.errors import Path, Problem
from fairlane.hyperpod.chart_rules import chart_problems
from fairlane.hyperpod.cluster_rules import ONE_CLUSTER, cluster_problems, control_plane_problems
from fairlane.hyperpod.elastic_cluster_rules import job_problems
from fairlane.hyperpod.elastic_job import ElasticTrainingJob
from fairlane.hyperpod.elastic_recipes import job_recipe_problems
from fairlane.hyperpod.elastic_rules import elastic_job_problems
from fairlane.hyperpod.governance_rules import governance_problems
from fairlane.hyperpod.governance_types import native_type_problems
from fairlane.hyperpod.monitoring.prometheus import label_problems, workspace_problems
from fairlane.hyperpod.script_rules import directory_problems, script_names
from fairlane.hyperpod.team_rules import team_problems

NetworkModel: TypeAlias = NewNetworkModel | ExistingNetworkModel

_LISTS: Final = {"instance_groups": "group_name", "node_pools": "pool_name"}
"""Name of the items, by argument of the construct that is a mapping in the file."""
_KEYS: Final[dict[str | int, Path]] = {
    "chart": ("kubernetes", "chart"),
    "cluster_name": (),
    "kubernetes_version": ("kubernetes", "version"),
    "node_pools": ("autoscaling",),
}
"""Keys of the cluster by argument of the construct, where they differ."""
_NAMES: Final = frozenset(("class_name", "group_name", "job_name", "part_name", "pool_name", "rule_name", "team_name"))
"""Fields of value objects that are keys in the file."""
_SHORT: Final = (("priority_classes", "weight"), ("teams", "instance_type"))
_RELATED: Final[dict[str | int, tuple[str, ...]]] = {
    "autoscaling": ("instance_groups",),
    "continuous_provisioning": ("autoscaling",),
    "instance_groups": ("autoscaling", "kubernetes"),
    "jobs": ("teams", "instance_groups", "autoscaling", "priority_classes", "share_unallocated"),
    "kubernetes": ("kubernetes",),
    "node_recovery": ("autoscaling",),
    "prometheus_labels": ("prometheus_workspace",),
    "teams": ("teams", "instance_groups", "autoscaling", "fair_share", "share_unallocated", "admin_roles"),
}
"""By key, the keys that relations of its values depend on."""
_CHOICES: Final[tuple[Path, ...]] = (
    ("team",),
    ("priority_class",),
    ("instance_type",),
    ("policy", "replica_increment_step"),
)
"""Keys of a job whose values depend on the cluster or on other keys of the job."""


def hyperpod_problems(model: RegionModel, region: str) -> Iterator[tuple[Problem, list[Path]]]:
    """Yield the problems of the clusters of a Region at its keys, and the keys that each depends on.

    Args:
        model: Settings of the Region.
        region: Name of the Region.
    """
    if model.network is not None and any(each.kubernetes.cluster is None for each in model.hyperpod.values()):
        for problem in control_plane_problems(("network",), _zones(model.network)):
            yield problem, [("network",), ("hyperpod",)]
    yield from _shared_problems(model.hyperpod)
    for name, cluster in model.hyperpod.items():
        yield from _located_problems(cluster, name, region, model.network)


def _located_problems(
    model: HyperPodModel, name: str, region: str, network: NetworkModel | None
) -> Iterator[tuple[Problem, list[Path]]]:
    for problem in _problems(model, name, region, network):
        outer: Path = ("hyperpod", name)
        if problem.field[0] == "subnets":
            field: Path = ("network", "subnet_ids")
            yield replace(problem, field=field), [field]
            continue
        for inner in _fields(problem.field, model, everywhere=not problem.sentence):
            paths = [(*outer, *path) for path in _dependencies(problem, inner)]
            yield replace(problem, field=(*outer, *inner)), paths


def _problems(model: HyperPodModel, name: str, region: str, network: NetworkModel | None) -> Iterator[Problem]:
    """Yield the problems of a cluster and its jobs. A job is not compared with teams and groups that have mistakes."""
    mistakes = list(_cluster_problems(model, name, region, network))
    yield from mistakes
    places = {"instance_groups", "node_pools", "priority_classes", "teams"}
    alone = any(places & {*problem.field[:1]} for problem in mistakes)
    for job in model.jobs:
        for problem in _job_problems(job, model, alone=alone):
            yield problem.within("jobs", job.job_name)


def _cluster_problems(model: HyperPodModel, name: str, region: str, network: NetworkModel | None) -> Iterator[Problem]:
    kubernetes = model.kubernetes
    home = region if is_region(region) else None
    own_kubernetes = kubernetes.cluster is None
    no_directory = directory_problems(model.lifecycle_scripts)
    yield from no_directory
    yield from cluster_problems(
        cluster_name=name,
        kubernetes_version=kubernetes.version if own_kubernetes else None,
        scripts=None if no_directory else script_names(model.lifecycle_scripts),
        other_nodes=not own_kubernetes,
        subnets=network.subnet_ids or None if isinstance(network, ExistingNetworkModel) else None,
        region=home,
        **model.settings,
    )
    yield from chart_problems(kubernetes.chart)
    yield from _kubernetes_problems(model, network)
    if model.encryption_key is not None:
        key = model.encryption_key
        yield from check_regional_key(("encryption_key",), key, home, None, place="the cluster is")
    yield from _monitoring_problems(model, home)
    yield from native_type_problems(model.native_types)
    if model.teams or model.priority_classes:
        yield from governance_problems(model.governance, model.teams, model.instance_groups, model.node_pools)
    for team in model.teams:
        for problem in team_problems(team, model.node_pools):
            yield problem.within("teams", team.team_name)
        for index, role in enumerate(team.roles or ()):
            if role in model.admin_roles:
                sentence = f"{role} is in admin_roles, and EKS allows one access entry for a role: use another role"
                yield Problem.relation(("teams", team.team_name, "roles", index), sentence)


def _job_problems(job: ElasticTrainingJob, model: HyperPodModel, *, alone: bool) -> Iterator[Problem]:
    """Yield the problems of a job, in whose lists the file has names."""
    place = (model.governance, model.teams, model.instance_groups, model.node_pools)
    mistakes = list(elastic_job_problems(job) if alone else job_problems(job, *place))
    if not mistakes:
        mistakes = list(job_recipe_problems(job))
    names: Mapping[object, Sequence[str]] = {
        "parts": [part.part_name for part in job.parts],
        "log_rules": [rule.rule_name for rule in job.log_rules],
    }
    for problem in mistakes:
        first, *rest = problem.field
        if first in names and rest and isinstance(rest[0], int):
            rest[0] = names[first][rest[0]]
        yield replace(problem, field=(first, *rest))


def _monitoring_problems(model: HyperPodModel, home: str | None) -> Iterator[Problem]:
    yield from label_problems(model.prometheus_labels)
    if model.prometheus_workspace is None and model.prometheus_labels:
        sentence = "labels require prometheus_workspace: add prometheus_workspace or remove the labels"
        yield Problem.relation(("prometheus_labels",), sentence)
    elif model.prometheus_workspace is not None and not any(workspace_problems(model.prometheus_workspace)):
        yield from workspace_problems(model.prometheus_workspace, home)


def _shared_problems(models: Mapping[str, HyperPodModel]) -> Iterator[tuple[Problem, list[Path]]]:
    """Yield clusters with the EKS cluster of another one, or whose monitoring has its stack name or metrics."""
    for name, model in models.items():
        field: Path = ("hyperpod", name)
        for other in _sharing_kubernetes(models, name):
            path: Path = (*field, "kubernetes", "cluster")
            yield (
                Problem.relation(path, f"cluster {other} has this EKS cluster: {ONE_CLUSTER}"),
                [path, ("hyperpod", other)],
            )
        if (other := name.removesuffix("-monitoring")) != name and other in models:
            sentence = f"the monitoring stack of cluster {other} has this name: use another name"
            yield Problem.relation(field, sentence), [field, ("hyperpod", other)]
        for other, second in models.items():
            same = second.prometheus_workspace == model.prometheus_workspace is not None
            if other != name and same and model.prometheus_labels.items() <= second.prometheus_labels.items():
                remedy = f"add labels to prometheus_labels that only cluster {name} has"
                sentence = f"cluster {other} has the same workspace: {remedy}"
                keys = ("prometheus_workspace", "prometheus_labels")
                paths: list[Path] = [("hyperpod", cluster, key) for cluster in (name, other) for key in keys]
                yield Problem.relation((*field, "prometheus_workspace"), sentence), paths


def _sharing_kubernetes(models: Mapping[str, HyperPodModel], name: str) -> Iterator[str]:
    """Yield the clusters whose EKS cluster is the existing one of a cluster, those before it or with a new one."""
    names, wanted = list(models), models[name].kubernetes.cluster
    for other in names if wanted is not None else ():
        owned = models[other].kubernetes.cluster
        before = owned == wanted and names.index(other) < names.index(name)
        if before or (owned is None and other == wanted):
            yield other


def _kubernetes_problems(model: HyperPodModel, network: NetworkModel | None) -> Iterator[Problem]:
    kubernetes = model.kubernetes
    if kubernetes.cluster is None:
        for key in ("security_group", "existing_add_ons"):
            if getattr(kubernetes, key):
                sentence = "a new EKS cluster has none yet: remove it, or name an EKS cluster that exists as cluster"
                yield Problem.relation(("kubernetes", key), sentence)
        return
    allowed = "the name of an EKS cluster"
    yield from check_text(("kubernetes", "cluster"), kubernetes.cluster, str.strip, allowed)
    yield from check_id(("kubernetes", "security_group"), "sg", kubernetes.security_group, "a security group")
    if "version" in kubernetes.model_fields_set:
        sentence = "the EKS cluster that exists has its own version: remove version or cluster"
        yield Problem.relation(("kubernetes", "version"), sentence)
    if isinstance(network, NewNetworkModel):
        sentence = "HyperPod runs in the VPC of the EKS cluster: use vpc_id and subnet_ids in network"
        yield Problem.relation(("kubernetes", "cluster"), sentence)


def _zones(network: NetworkModel) -> int:
    """Return the largest number of Availability Zones that the subnets of a network can be in."""
    if isinstance(network, ExistingNetworkModel):
        return len(network.subnet_ids)
    return network.availability_zones if network.availability_zone_ids is None else len(network.availability_zone_ids)


def _fields(field: Path, model: HyperPodModel, *, everywhere: bool) -> Sequence[Path]:
    """Return the paths in the file of a problem's path in the arguments of the constructs.

    A path of all teams is that of the last team with a quota of the instance type, or `everywhere`, of each of them.
    """
    first, *rest = field
    if first in _LISTS and rest and isinstance(rest[0], int):
        rest[0] = getattr(getattr(model, str(first))[rest[0]], _LISTS[str(first)])
    if first == "teams" and rest[:1] == ["*"]:
        _, *inner = rest
        teams = [team.team_name for team in model.teams if inner[1] in [item.instance_type for item in team.quota]]
        return [("teams", team, *inner) for team in (teams if everywhere else teams[-1:])]
    path = (*_KEYS.get(first, (first,)), *rest)
    if path and (path[-1] in _NAMES or (first, path[-1]) in _SHORT):
        return [path[:-1]]
    return [path]


def _dependencies(problem: Problem, field: Path) -> list[Path]:
    """Return the paths on which a problem depends: a value by itself, or a relation of several keys."""
    if field[-1:] in (("lifecycle_script",), ("init_script",)):
        return [field[:2], ("lifecycle_scripts",)]
    related = field[:1] == ("autoscaling",) or (field[:1] == ("jobs",) and field[2:] in _CHOICES)
    alone = not problem.sentence and problem.field[1:2] != ("*",) and not related
    if alone or not field:
        return [field]
    return [field[:2], *((key,) for key in _RELATED.get(field[0], ()))]
