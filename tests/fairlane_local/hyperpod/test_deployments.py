"""Deployments of the example environment with a HyperPod cluster to the local AWS, with the CDK CLI."""

import json
import subprocess
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import aws_cdk as cdk
import pytest
from ruamel.yaml import YAML

from fairlane.environment import Environment
from fairlane_local import LocalAws, client, tools_environment
from fairlane_local.kubernetes.kinds import kinds
from fairlane_stacks import build_stacks
from tests.fairlane_local.hyperpod.support import LOCATION, api, objects
from tests.fairlane_local.kubernetes.support import create, kind, pod, refusal
from tests.support import CDK, REPOSITORY, recommended_flags

pytestmark = pytest.mark.slow

Json = dict[str, Any]

CLUSTER: Final = "training"
STACK: Final = "fairlane-hyperpod-hyperpod-training"
P5: Final = "ml.p5.48xlarge"
EXAMPLE: Final[Json] = YAML(typ="safe").load(REPOSITORY / "environments" / "hyperpod.yaml")
TEAMS: Final = ("inference", "pretraining", "research")
EIGHT_GPUS: Final = {"limits": {"cpu": 160, "memory": "512Gi", "nvidia.com/gpu": 8, "vpc.amazonaws.com/efa": 32}}
BUCKET: Final = "sagemaker-123456789012-us-east-1-c2fb788c"


def changed(change: Callable[[Json], object]) -> Json:
    """Return the example environment with changed settings of its cluster."""
    settings = deepcopy(EXAMPLE)
    change(settings["hyperpod"][CLUSTER])
    return settings


class Deployment:
    """The CDK CLI with the example environment, and what the local AWS shows.

    Args:
        aws: Local AWS.
        directory: Folder for synthesized stacks.
    """

    def __init__(self, aws: LocalAws, directory: Path) -> None:
        names = ("cloudformation", "eks", "sagemaker")
        self.cloudformation, self.eks, self.sagemaker = (client(name, aws.port, *LOCATION) for name in names)
        self._endpoint_url = aws.endpoint_url
        self._directory = directory
        self._outputs: dict[str, Path] = {}

    def deploy(self, settings: Json) -> str:
        """Deploy an environment, and return the output."""
        return self._run("deploy", settings, "--require-approval", "never")

    def destroy(self, *, fails: bool = False) -> str:
        """Destroy the example environment, and return the output."""
        return self._run("destroy", EXAMPLE, "--force", fails=fails)

    def arn(self) -> str:
        """Return the ARN of the HyperPod cluster."""
        return str(self.sagemaker.describe_cluster(ClusterName=CLUSTER)["ClusterArn"])

    def groups(self) -> dict[str, tuple[str, int]]:
        """Return instance type and number of instances of each instance group."""
        described = self.sagemaker.describe_cluster(ClusterName=CLUSTER)
        return {
            group["InstanceGroupName"]: (group["InstanceType"], group["CurrentCount"])
            for group in described["InstanceGroups"]
        }

    def nodes(self) -> dict[str, str]:
        """Return the instance group of each node by its id."""
        pages = self.sagemaker.get_paginator("list_cluster_nodes").paginate(ClusterName=CLUSTER)
        return {
            node["InstanceId"]: node["InstanceGroupName"] for page in pages for node in page["ClusterNodeSummaries"]
        }

    def quotas(self) -> dict[str, tuple[int, str, int, int]]:
        """Return instances, sharing, weight and version of each team's quota."""
        listed = self.sagemaker.list_compute_quotas()["ComputeQuotaSummaries"]
        return {
            quota["ComputeQuotaTarget"]["TeamName"]: (
                quota["ComputeQuotaConfig"]["ComputeQuotaResources"][0]["Count"],
                sharing_text(quota["ComputeQuotaConfig"]["ResourceSharingConfig"]),
                quota["ComputeQuotaTarget"]["FairShareWeight"],
                quota["ComputeQuotaVersion"],
            )
            for quota in listed
        }

    def access(self) -> dict[str, list[str]]:
        """Return the Kubernetes groups of each IAM role that has an access entry."""
        entries = self.eks.list_access_entries(clusterName=CLUSTER)["accessEntries"]
        described = (
            self.eks.describe_access_entry(clusterName=CLUSTER, principalArn=arn)["accessEntry"] for arn in entries
        )
        return {entry["principalArn"].rpartition("/")[2]: entry["kubernetesGroups"] for entry in described}

    def _run(self, command: str, settings: Json, *options: str, fails: bool = False) -> str:
        process = subprocess.run(
            [CDK, command, "--all", "--app", self._synthesize(settings), *options],
            env=tools_environment(self._endpoint_url),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert (process.returncode != 0) is fails, process.stdout
        return process.stdout

    def _synthesize(self, settings: Json) -> Path:
        text = json.dumps(settings)
        if text not in self._outputs:
            self._outputs[text] = out = self._directory / str(len(self._outputs))
            app = cdk.App(outdir=str(out), context=recommended_flags())
            build_stacks(app, "hyperpod", Environment.model_validate(settings))
            app.synth()
        return self._outputs[text]


def sharing_text(sharing: Json) -> str:
    return " ".join(map(str, (sharing["Strategy"], *([sharing["BorrowLimit"]] if "BorrowLimit" in sharing else []))))


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with LocalAws() as aws:
        yield Deployment(aws, tmp_path_factory.mktemp("hyperpod"))


@pytest.fixture
def example(local: Deployment) -> Deployment:
    """Deployed example environment. The tests share the cluster, which each of them gets as the example has it."""
    local.deploy(EXAMPLE)
    return local


def in_kubernetes(kind: str, namespace: str = "") -> dict[str, Json]:
    return objects(kind, namespace, CLUSTER)


def objects_of(team: str) -> set[str]:
    """Return kinds and names of all objects of a team in Kubernetes."""
    namespace = f"hyperpod-ns-{team}"
    return {f"{kind} {name}" for kind, own, name, *_ in everything() if own == namespace or namespace in name}


def team_objects(team: str) -> set[str]:
    """Return kinds and names of the objects that a team of the example has in Kubernetes."""
    namespace = f"hyperpod-ns-{team}"
    return {
        "LimitRange fairlane-containers",
        "ResourceQuota fairlane-cap",
        "Role fairlane-jobs",
        "RoleBinding fairlane-jobs",
        f"ClusterQueue {namespace}-clusterqueue",
        f"ClusterRoleBinding fairlane-{namespace}",
        f"LocalQueue {namespace}-localqueue",
        f"Namespace {namespace}",
    }


def everything() -> set[tuple[str, str, str, str, str]]:
    """Return kind, namespace, name, id and version of each object in Kubernetes."""
    return {
        (kind.kind, metadata.get("namespace", ""), metadata["name"], metadata["uid"], metadata["resourceVersion"])
        for kind in {kind.resource: kind for kind in kinds()}.values()
        for metadata in (item["metadata"] for item in api(CLUSTER).list(kind)["items"])
    }


def changes(before: set[tuple[str, str, str, str, str]]) -> set[str]:
    """Return kinds and names of the objects that were created, changed or deleted."""
    return {f"{kind} {name}" for kind, _, name, *_ in before ^ everything()}


def spec(kind: str, team: str, name: str) -> Json:
    return dict(in_kubernetes(kind, f"hyperpod-ns-{team}")[name]["spec"])


def accelerators(team: str) -> tuple[str, str]:
    """Return accelerators that a team is guaranteed and may borrow, in Kueue."""
    queue = in_kubernetes("ClusterQueue")[f"hyperpod-ns-{team}-clusterqueue"]
    (flavor,) = queue["spec"]["resourceGroups"][0]["flavors"]
    (quota,) = (resource for resource in flavor["resources"] if resource["name"] == "nvidia.com/gpu")
    return str(quota["nominalQuota"]), str(quota["borrowingLimit"])


def bindings(team: str) -> set[tuple[str, str, str]]:
    """Return kinds and names of the roles of a team, and the group that has them."""
    bound = [
        in_kubernetes("RoleBinding", f"hyperpod-ns-{team}")["fairlane-jobs"],
        in_kubernetes("ClusterRoleBinding")[f"fairlane-hyperpod-ns-{team}"],
    ]
    return {
        (item["roleRef"]["kind"], item["roleRef"]["name"], subject["name"])
        for item in bound
        for subject in item["subjects"]
    }


def test_the_example_is_deployed_and_without_a_change_nothing_changes(example: Deployment) -> None:
    assert example.groups() == {"system": ("ml.m5.2xlarge", 3), "p5": (P5, 32)}
    assert {team: quota[:3] for team, quota in example.quotas().items()} == {
        "inference": (16, "Lend", 0),
        "pretraining": (12, "LendAndBorrow 100", 70),
        "research": (4, "LendAndBorrow 300", 30),
    }
    assert example.eks.list_addons(clusterName=CLUSTER)["addons"] == [
        "amazon-sagemaker-hyperpod-observability",
        "amazon-sagemaker-hyperpod-taskgovernance",
        "amazon-sagemaker-hyperpod-training-operator",
        "cert-manager",
        "eks-pod-identity-agent",
    ]
    assert {team: objects_of(team) for team in TEAMS} == {team: team_objects(team) for team in TEAMS}
    assert {team: accelerators(team) for team in TEAMS} == {
        "inference": ("128", "0"),
        "pretraining": ("96", "96"),
        "research": ("32", "96"),
    }
    assert spec("ResourceQuota", "research", "fairlane-cap")["hard"] == {
        "requests.cpu": "3072",
        "requests.memory": "32Ti",
        "requests.nvidia.com/gpu": "128",
        "requests.vpc.amazonaws.com/efa": "512",
    }
    assert spec("LimitRange", "research", "fairlane-containers")["limits"] == [
        {"type": "Container", "defaultRequest": {"cpu": "1", "memory": "4Gi"}}
    ]
    priorities = in_kubernetes("PriorityClass").values()
    assert {item["metadata"]["name"]: item["value"] for item in priorities if item["preemptionPolicy"] == "Never"} == {
        "base": 100,
        "elastic": 0,
    }
    assert {name: item["value"] for name, item in in_kubernetes("WorkloadPriorityClass").items()} == {
        "inference-priority": 100,
        "training-priority": 50,
        "experiments-priority": 10,
    }
    group = "fairlane:hyperpod-ns-research"
    assert bindings("research") == {
        ("Role", "fairlane-jobs", group),
        ("ClusterRole", "fairlane-cluster-reader", group),
    }
    assert example.access().items() >= {"platform": [], "research": [group]}.items()

    nodes, quotas, before = example.nodes(), example.quotas(), everything()
    assert "(no changes)" in example.deploy(EXAMPLE)
    assert (example.nodes(), example.quotas(), changes(before)) == (nodes, quotas, set())


def test_a_changed_quota_changes_nothing_else(example: Deployment) -> None:
    nodes, quotas, before = example.nodes(), example.quotas(), everything()
    example.deploy(changed(lambda cluster: cluster["teams"]["pretraining"]["quota"].update({P5: 10})))
    count, sharing, weight, version = quotas["pretraining"]
    assert example.quotas() == quotas | {"pretraining": (count - 2, sharing, weight, version + 1)}
    assert accelerators("pretraining") == ("80", "80")
    assert (example.nodes(), changes(before)) == (nodes, {"ClusterQueue hyperpod-ns-pretraining-clusterqueue"})


def test_a_team_is_added_and_removed(example: Deployment) -> None:
    def add(cluster: Json) -> None:
        cluster["teams"]["pretraining"]["quota"][P5] = 10
        role = "arn:aws:iam::123456789012:role/vision"
        cluster["teams"]["vision"] = cluster["teams"]["research"] | {"quota": {P5: 2}, "roles": [role]}

    nodes, access, before = example.nodes(), example.access(), everything()
    example.deploy(changed(add))
    assert example.quotas()["vision"] == (2, "LendAndBorrow 300", 30, 1)
    assert objects_of("vision") == team_objects("vision")
    assert spec("ResourceQuota", "vision", "fairlane-cap") == spec("ResourceQuota", "research", "fairlane-cap")
    assert {group for *_, group in bindings("vision")} == {"fairlane:hyperpod-ns-vision"}
    assert example.access() == access | {"vision": ["fairlane:hyperpod-ns-vision"]}

    example.deploy(EXAMPLE)
    assert {*example.quotas()} == {*TEAMS}
    assert changes(before) == {"ClusterQueue hyperpod-ns-pretraining-clusterqueue"}
    assert (example.nodes(), example.access()) == (nodes, access)


def test_objects_that_a_team_no_longer_has_are_deleted(example: Deployment) -> None:
    def drop(cluster: Json) -> None:
        del cluster["teams"]["research"]["cap"], cluster["teams"]["research"]["roles"]

    nodes, quotas, before = example.nodes(), example.quotas(), everything()
    example.deploy(changed(drop))
    dropped = {
        "ResourceQuota fairlane-cap",
        "Role fairlane-jobs",
        "RoleBinding fairlane-jobs",
        "ClusterRoleBinding fairlane-hyperpod-ns-research",
    }
    assert objects_of("research") == team_objects("research") - dropped
    assert changes(before) == dropped
    assert "research" not in example.access()
    assert (example.nodes(), example.quotas()) == (nodes, quotas)


def test_an_instance_group_is_added(example: Deployment) -> None:
    arn, nodes, before = example.arn(), example.nodes(), everything()
    more = {"instance_type": "ml.g6.12xlarge", "instance_count": 2}
    example.deploy(changed(lambda cluster: cluster["instance_groups"].update({"g6": more})))
    assert example.groups() == {"system": ("ml.m5.2xlarge", 3), "p5": (P5, 32), "g6": ("ml.g6.12xlarge", 2)}
    added = example.nodes().keys() - nodes.keys()
    assert (example.arn(), len(added), nodes.items() <= example.nodes().items()) == (arn, 2, True)
    assert changes(before) >= {f"Node hyperpod-{node}" for node in added}
    assert not changes(before) & {f"Node hyperpod-{node}" for node in nodes}


def test_a_pod_above_the_cap_of_a_team_is_refused(example: Deployment) -> None:
    namespace = "hyperpod-ns-research"
    worker = pod("worker", EIGHT_GPUS)
    for number in range(16):
        create(api(CLUSTER), worker | {"metadata": {"name": f"worker-{number}"}}, namespace)
    assert refusal(api(CLUSTER), worker, namespace) == (
        'Error from server (Forbidden): pods "worker" is forbidden: exceeded quota: fairlane-cap, '
        "requested: requests.nvidia.com/gpu=8,requests.vpc.amazonaws.com/efa=32, "
        "used: requests.nvidia.com/gpu=128,requests.vpc.amazonaws.com/efa=512, "
        "limited: requests.nvidia.com/gpu=128,requests.vpc.amazonaws.com/efa=512"
    )
    create(api(CLUSTER), worker, "hyperpod-ns-inference")
    example.deploy(changed(lambda cluster: cluster["teams"]["research"]["cap"]["instances"].update({P5: 17})))
    create(api(CLUSTER), worker, namespace)
    for team in TEAMS:
        api(CLUSTER).delete_all(kind(worker), f"hyperpod-ns-{team}", "", "")


def test_the_cluster_is_destroyed_once_it_is_no_longer_protected(example: Deployment) -> None:
    """The last test: the bucket of the scripts remains, and a new cluster must name it."""
    nodes, before = example.nodes(), everything()
    refused = example.destroy(fails=True)
    assert f"Stack [{STACK}] cannot be deleted while TerminationProtection is enabled" in refused
    assert (example.nodes(), changes(before)) == (nodes, set())

    example.cloudformation.update_termination_protection(StackName=STACK, EnableTerminationProtection=False)
    example.destroy()
    assert example.sagemaker.list_clusters()["ClusterSummaries"] == []
    assert example.sagemaker.list_compute_quotas()["ComputeQuotaSummaries"] == []
    assert example.sagemaker.list_cluster_scheduler_configs()["ClusterSchedulerConfigSummaries"] == []
    assert example.eks.list_clusters()["clusters"] == []

    example.deploy(changed(lambda cluster: cluster.update(lifecycle_bucket=BUCKET)))
    assert {team: objects_of(team) for team in TEAMS} == {team: team_objects(team) for team in TEAMS}
