"""Examples, tables and the picture of the page about HyperPod clusters."""

import re
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Stack
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER
from ruamel.yaml import YAML

from fairlane.cli import main
from fairlane.cli.hyperpod import quotas_text
from fairlane.environment import load_environment
from fairlane.hyperpod import (
    ElasticPolicy,
    HyperPodCluster,
    QuotaResource,
    TeamNamespace,
    job_manifest,
    resource_quota_problems,
)
from tests.docs.hyperpod_pictures import rows
from tests.fairlane.hyperpod.elastic_jobs import job
from tests.fairlane.hyperpod.governance import USER_GUIDE
from tests.support import REPOSITORY, template_of

PAGE = (REPOSITORY / "docs" / "hyperpod.md").read_text()
ENVIRONMENT = REPOSITORY / "environments" / "hyperpod.yaml"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def names() -> dict[str, Any]:
    (first,) = blocks("python")
    scope: dict[str, Any] = {}
    exec(compile(first, "example", "exec"), scope)
    return scope


def test_the_first_cluster_has_ten_lines() -> None:
    (first,) = blocks("python")
    imports, _, code = first.partition("\n\n")
    assert imports.count("\n") == 2
    assert len(code.splitlines()) <= 10


def test_the_teams_of_the_page_get_their_objects(names: dict[str, Any]) -> None:
    teams, karpenter = blocks("py")
    exec(compile(teams, "example", "exec"), names)
    kinds = [
        kind for each in names["stack"].node.children if isinstance(each, TeamNamespace) for kind in each.manifests
    ]
    section = PAGE.partition("| Object | From | Purpose |")[2].partition("\n\n")[0]
    assert {kind for kind in kinds if kind != "ClusterRoleBinding"} <= set(re.findall(r"\w+", section))
    types = [entry["Type"] for entry in template_of(names["stack"])["Resources"].values()]
    assert types.count("AWS::SageMaker::ComputeQuota") == 2
    exec(compile(karpenter, "example", "exec"), names)
    other = Stack.of(names["cluster"])
    settings = names["settings"] | {"vpc": names["vpc"], "chart": names["chart"], "cluster_name": "other"}
    assert HyperPodCluster(other, "Other", **settings).node_pools == names["settings"]["node_pools"]


def test_the_labels_are_those_of_a_team_and_a_class_on_the_page(names: dict[str, Any]) -> None:
    exec(compile(blocks("py")[0], "example", "exec"), names)
    metadata = YAML(typ="safe").load(blocks("yml")[1])["metadata"]
    namespace = metadata["namespace"]
    assert namespace in [team.namespace for team in names["teams"]]
    assert metadata["labels"] == {
        "kueue.x-k8s.io/queue-name": f"{namespace}-localqueue",
        "kueue.x-k8s.io/priority-class": f"{names['order'].priority_classes[0].class_name}-priority",
    }


def test_the_environment_is_a_part_of_the_example() -> None:
    def is_part(part: Any, whole: Any) -> bool:
        if not isinstance(part, dict):
            return bool(part == whole)
        return all(key in whole and is_part(value, whole[key]) for key, value in part.items())

    yaml = YAML(typ="safe")
    assert is_part(yaml.load(blocks("yml")[0]), yaml.load(ENVIRONMENT.read_text()))


def test_the_table_of_quotas_is_the_output_of_the_command() -> None:
    settings = load_environment(ENVIRONMENT).hyperpod["training"]
    assert blocks("text")[0] == quotas_text("training", settings) + "\n"


def test_the_picture_shows_the_teams_of_the_example() -> None:
    amounts = [(row.guaranteed, row.may_borrow, row.ceiling) for _, row in rows()]
    assert amounts == [(128, 0, 128), (96, 96, 192), (32, 96, 128), (32, 16, 48)]
    (alternative,) = re.findall(r'hyperpod-quotas-light.png" alt="(.*?)"', PAGE)
    for text in (
        "has 128 GPUs and borrows none",
        "has 96 and may borrow 96",
        "has 32 and may borrow 96",
        "only 16",
        "48",
    ):
        assert text in alternative


def test_the_faults_of_the_example_of_aws_are_those_that_fairlane_reports() -> None:
    found = resource_quota_problems(USER_GUIDE, [QuotaResource(instance_type="ml.p5.48xlarge", count=8)])
    assert blocks("text")[1].splitlines() == [str(problem) for problem in found]


def test_the_page_names_what_replaces_a_cluster() -> None:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::SageMaker::Cluster").schema
    assert sorted(schema["createOnlyProperties"]) == [
        "/properties/ClusterName",
        "/properties/Orchestrator/Eks",
        "/properties/VpcConfig",
    ]
    assert "| cluster name, EKS cluster, VPC or subnets of the cluster | **replaces the cluster**." in PAGE


def test_the_mistakes_of_the_page_are_those_that_check_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = ElasticPolicy(min_replicas=4, max_replicas=24, replica_increment_step=4)
    manifest = job_manifest(job(policy=policy))
    manifest["spec"]["replicaSpecs"][0]["template"]["spec"]["containers"][0]["env"] = []
    YAML(typ="safe").dump(manifest, tmp_path / "job.yaml")
    (tmp_path / "environments").symlink_to(REPOSITORY / "environments")
    monkeypatch.chdir(tmp_path)
    (block,) = (text for text in blocks("text") if text.startswith("$ fairlane hyperpod check"))
    command, *lines = block.splitlines()
    assert main(command.removeprefix("$ fairlane ").split()) == 1
    assert capsys.readouterr().out.splitlines() == lines
