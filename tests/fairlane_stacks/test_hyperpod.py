"""Templates of the example environment with a HyperPod cluster: snapshot, validators, networks, Regions and names."""

import json
import re
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Annotations, Match
from cdk_nag import AwsSolutionsChecks
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from fairlane.environment import Environment, load_environment
from fairlane_stacks import build_stacks
from fairlane_stacks.hyperpod_stack import HyperPodStack
from tests import cfn_lint
from tests.aws_limits import violations
from tests.support import REPOSITORY, recommended_flags, template_of

FLAGS = {"all recommended flags": recommended_flags(), "no flags": {}}
CHART = "oci://123456789012.dkr.ecr.us-east-1.amazonaws.com/hyperpod-helm-chart:0.1.0"
CLUSTER: dict[str, Any] = {
    "kubernetes": {"chart": CHART},
    "instance_groups": {"system": {"instance_type": "ml.m5.2xlarge", "instance_count": 2}},
}
TEAM = {"quota": {"ml.m5.2xlarge": 1}, "weight": 1, "roles": ["arn:aws:iam::123456789012:role/team"]}
EXISTING = {"vpc_id": "vpc-0123456789abcdef0", "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]}


def environment() -> Environment:
    return load_environment(REPOSITORY / "environments" / "hyperpod.yaml")


def build(flags: dict[str, Any]) -> tuple[cdk.App, list[cdk.Stack]]:
    app = cdk.App(context=flags)
    return app, build_stacks(app, "hyperpod", environment())


def stacks_of(**settings: Any) -> list[HyperPodStack]:
    model = Environment.model_validate({"region": "us-east-1", "account": "123456789012", **settings})
    found = build_stacks(cdk.App(context=recommended_flags()), "prod", model)
    return [stack for stack in found if isinstance(stack, HyperPodStack)]


def of_type(stack: cdk.Stack, kind: str) -> dict[str, Any]:
    return {name: entry for name, entry in template_of(stack)["Resources"].items() if entry["Type"] == kind}


def test_the_template_is_the_one_that_was_reviewed(snapshot: SnapshotAssertion) -> None:
    _, stacks = build(FLAGS["all recommended flags"])
    templates = {stack.stack_name: template_of(stack) for stack in stacks}
    without_hashes = re.sub(r"[0-9a-f]{64}", "HASH", json.dumps(templates))
    assert json.loads(without_hashes) == snapshot(extension_class=JSONSnapshotExtension)


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param(FLAGS["all recommended flags"], id="all recommended flags"),
        pytest.param(FLAGS["no flags"], id="no flags", marks=pytest.mark.slow),
    ],
)
def test_all_validators_accept_the_templates(flags: dict[str, Any]) -> None:
    app, stacks = build(flags)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
    for stack in stacks:
        assert cfn_lint.findings(template_of(stack)) == []
        assert violations(template_of(stack)) == []
    warnings = [Annotations.from_stack(stack).find_warning("*", Match.any_value()) for stack in stacks]
    (warning,) = [warning for found in warnings for warning in found]
    assert "RayCluster" in str(warning.entry.data)  # all teams that lend get this advice


def test_the_example_has_256_gpus_in_quotas_of_three_teams() -> None:
    _, (stack, _) = build({})
    quotas = [entry["Properties"] for entry in of_type(stack, "AWS::SageMaker::ComputeQuota").values()]
    counts = [quota["ComputeQuotaConfig"]["ComputeQuotaResources"][0]["Count"] for quota in quotas]
    assert (len(quotas), 8 * sum(counts)) == (3, 256)
    assert stack.termination_protection


def test_each_cluster_has_a_stack_and_a_vpc_of_its_own() -> None:
    west = {"network": {"nat_gateways": 1}, "hyperpod": {"b": CLUSTER}}
    first, second, other = stacks_of(
        network={"nat_gateways": 1}, hyperpod={"a": CLUSTER, "b": CLUSTER}, regions={"eu-west-1": west}
    )
    names = [stack.stack_name for stack in (first, second, other)]
    assert names == ["fairlane-prod-hyperpod-a", "fairlane-prod-hyperpod-b", "fairlane-prod-eu-west-1-hyperpod-b"]
    for stack in (first, second, other):
        assert len(of_type(stack, "AWS::EC2::VPC")) == 1
        assert stack.termination_protection
        assert (stack.governance, stack.teams, stack.dependencies) == (None, {}, [])


def test_an_existing_network_is_used_by_its_ids() -> None:
    (stack,) = stacks_of(network=EXISTING, hyperpod={"a": CLUSTER})
    (cluster,) = of_type(stack, "AWS::SageMaker::Cluster").values()
    (kubernetes,) = of_type(stack, "AWS::EKS::Cluster").values()
    assert cluster["Properties"]["VpcConfig"]["Subnets"] == EXISTING["subnet_ids"]
    assert kubernetes["Properties"]["ResourcesVpcConfig"]["SubnetIds"] == EXISTING["subnet_ids"]
    assert of_type(stack, "AWS::EC2::VPC") == {}
    assert cfn_lint.findings(template_of(stack)) == []


@pytest.mark.parametrize("chart", [CHART, "chart"])
def test_an_existing_eks_cluster_is_administered_by_a_function_in_its_vpc(
    chart: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "chart").mkdir()
    (tmp_path / "chart" / "Chart.yaml").write_text("name: chart\nversion: 1.0.0\n")
    monkeypatch.chdir(tmp_path)
    kubernetes = {
        "chart": chart,
        "cluster": "shared",
        "security_group": "sg-0123456789abcdef0",
        "existing_add_ons": ["cert-manager"],
    }
    app = cdk.App(context=recommended_flags())
    settings = {"network": EXISTING, "hyperpod": {"a": CLUSTER | {"kubernetes": kubernetes, "teams": {"x": TEAM}}}}
    model = Environment.model_validate({"region": "us-east-1", "account": "123456789012", **settings})
    stack, _ = build_stacks(app, "prod", model)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
    assert cfn_lint.findings(template_of(stack)) == []
    assert of_type(stack, "AWS::EKS::Cluster") == {}
    (cluster,) = of_type(stack, "AWS::SageMaker::Cluster").values()
    assert "cluster/shared" in json.dumps(cluster["Properties"]["Orchestrator"])
    entries = of_type(stack, "AWS::EKS::AccessEntry")
    (access,) = (name for name in entries if "Kubernetes" in name)
    applied = [*of_type(stack, "Custom::AWSCDK-EKS-HelmChart").values()]
    applied += of_type(stack, "Custom::AWSCDK-EKS-KubernetesResource").values()
    assert len(applied) > 3
    assert access in applied[0]["DependsOn"]
    functions = [entry["Properties"] for entry in of_type(stack, "AWS::Lambda::Function").values()]
    assert any(function.get("VpcConfig", {}).get("SubnetIds") == EXISTING["subnet_ids"] for function in functions)
    assert not any(
        entry["Properties"]["AddonName"] == "cert-manager" for entry in of_type(stack, "AWS::EKS::Addon").values()
    )


def test_types_that_cloudformation_lacks_can_be_pinned() -> None:
    cluster = CLUSTER | {"teams": {"x": TEAM}, "native_types": []}
    (stack,) = stacks_of(network={"nat_gateways": 1}, hyperpod={"a": cluster})
    assert len(of_type(stack, "Custom::FairlaneComputeQuota")) == 1
