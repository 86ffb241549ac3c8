"""Comparison of a HyperPodPyTorchJob that others wrote with the cluster where it runs. Imports no aws_cdk."""

from collections.abc import Mapping, Sequence
from typing import Any

from fairlane._internal.checks import alternatives
from fairlane.catalog.hyperpod_catalog import hyperpod_instance_types
from fairlane.errors import Path, Problem
from fairlane.hyperpod.elastic_cluster_rules import placement_problems
from fairlane.hyperpod.elastic_job import ElasticTrainingJob
from fairlane.hyperpod.elastic_pod_rules import request_problems
from fairlane.hyperpod.instance_group import InstanceGroup, NodePool, Taint
from fairlane.hyperpod.manifest_fields import (
    INSTANCE_TYPE,
    NAMESPACE_PREFIX,
    PRIORITY_CLASS,
    REPLICA_SPECS,
    in_manifest,
    instance_type,
    mapping,
    read_part,
    read_policy,
    sequence,
)
from fairlane.hyperpod.manifest_launcher import trainer_index
from fairlane.hyperpod.replica_requests import usable_amounts
from fairlane.hyperpod.team import Governance, Team


def manifest_placement_problems(
    manifest: Mapping[str, Any],
    governance: Governance,
    teams: Sequence[Team],
    instance_groups: Sequence[InstanceGroup],
    node_pools: Sequence[NodePool] = (),
) -> list[Problem]:
    """Return what keeps an elastic HyperPodPyTorchJob from running on a cluster, as `job_problems` does for a job.

    Only what the manifest says is compared: without an instance type in its `nodeSelector`, only its namespace and its
    class. `manifest_problems` returns the mistakes in the manifest itself.

    Args:
        manifest: Object as read from YAML.
        governance: Order in which workloads are admitted.
        teams: Teams of the cluster.
        instance_groups: Instance groups of the cluster.
        node_pools: Node pools of the cluster.
    """
    metadata, spec = mapping(manifest.get("metadata")), mapping(manifest.get("spec"))
    specs = [mapping(item) for item in sequence(spec.get("replicaSpecs"))]
    if manifest.get("kind") != "HyperPodPyTorchJob" or not mapping(spec.get("elasticPolicy")) or not specs:
        return []
    problems = []
    namespace = metadata.get("namespace")
    if namespace not in [team.namespace for team in teams]:
        allowed = alternatives([team.namespace for team in teams]) if teams else "a team's: the cluster has no teams"
        problems.append(Problem(("metadata", "namespace"), namespace, allowed))
    pod = mapping(mapping(specs[0].get("template")).get("spec"))
    containers = [mapping(item) for item in sequence(pod.get("containers"))]
    index = trainer_index(containers)
    resources = mapping(containers[index].get("resources")) if containers else {}
    limits = mapping(resources.get("limits"))
    stated = {**limits, **mapping(resources.get("requests"))}
    name = instance_type(pod)
    node = hyperpod_instance_types().get(name or "")
    requests = {**dict.fromkeys(usable_amounts(node) if node else (), "0"), **stated}
    label = mapping(metadata.get("labels")).get(PRIORITY_CLASS)
    job = ElasticTrainingJob(
        job_name=str(metadata.get("name")),
        team=str(namespace).removeprefix(NAMESPACE_PREFIX),
        instance_type=name or "",
        image="",
        script="",
        policy=read_policy(mapping(spec.get("elasticPolicy"))),
        parts=[read_part(item) for item in specs],
        priority_class=None if label is None else str(label).removesuffix("-priority"),
        requests=requests,
        tolerations=_tolerated(sequence(pod.get("tolerations")), instance_groups),
    )
    place: Path = (*REPLICA_SPECS, 0, "template", "spec")
    places: dict[str | int, Path] = {
        "instance_type": (*place, "nodeSelector", INSTANCE_TYPE),
        "requests": (*place, "containers", index, "resources", "requests"),
    }
    right = not any(request_problems(stated, name))
    found = placement_problems(job, governance, teams, instance_groups, node_pools, with_requests=right, limited=limits)
    return problems + [
        in_manifest(problem, places)
        for problem in found
        if problem.field != ("team",) and (name or problem.field != ("instance_type",))
    ]


def _tolerated(tolerations: Sequence[Any], instance_groups: Sequence[InstanceGroup]) -> list[Taint]:
    """Return the taints of instance groups that a pod tolerates."""
    items = [mapping(toleration) for toleration in tolerations]
    taints = [taint for group in instance_groups for taint in group.taints]
    return [taint for taint in taints if any(_tolerates(item, taint) for item in items)]


def _tolerates(toleration: Mapping[str, Any], taint: Taint) -> bool:
    exists = toleration.get("operator") == "Exists"
    return (
        toleration.get("effect") in (None, "", taint.effect)
        and (toleration.get("key") == taint.key or (exists and not toleration.get("key")))
        and (exists or toleration.get("value", "") == (taint.value or ""))
    )
