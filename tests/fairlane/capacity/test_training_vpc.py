"""Tests of `TrainingVpc`."""

import json
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, Validations
from cdk_nag import AwsSolutionsChecks
from hypothesis import given
from hypothesis import strategies as st

from fairlane import GpuComputeEnvironment, TrainingVpc
from fairlane.capacity.network_rules import subnet_cidrs
from tests import cfn_lint
from tests.support import problems_of, recommended_flags, template_of

INTERFACES = ["ecs", "ecs-agent", "ecs-telemetry", "ecr.api", "ecr.dkr", "logs", "monitoring", "secretsmanager", "sts"]


def build(**arguments: Any) -> tuple[Stack, dict[str, dict[str, Any]]]:
    stack = Stack(App(), "Stack", env=Environment(account="123456789012", region="us-east-1"))
    TrainingVpc(stack, "Network", **arguments)
    return stack, template_of(stack)["Resources"]


def properties_of(resources: dict[str, dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    matches = (entry for entry in resources.values() if entry["Type"] == f"AWS::EC2::{kind}")
    return [entry.get("Properties", {}) for entry in matches]


def test_the_vpc_has_endpoints_and_no_route_to_the_internet() -> None:
    _, resources = build()
    assert (
        properties_of(resources, "Route")
        == properties_of(resources, "InternetGateway")
        == properties_of(resources, "NatGateway")
        == []
    )
    endpoints = properties_of(resources, "VPCEndpoint")
    interfaces = [endpoint for endpoint in endpoints if endpoint["VpcEndpointType"] == "Interface"]
    assert sorted(endpoint["ServiceName"] for endpoint in interfaces) == sorted(
        f"com.amazonaws.us-east-1.{s}" for s in INTERFACES
    )
    (group,) = properties_of(resources, "SecurityGroup")
    assert all(len(endpoint["SubnetIds"]) == 2 and endpoint["PrivateDnsEnabled"] for endpoint in interfaces)
    assert {json.dumps(endpoint["SecurityGroupIds"]) for endpoint in interfaces} == {
        json.dumps([{"Fn::GetAtt": [next(k for k, v in resources.items() if v["Properties"] == group), "GroupId"]}])
    }
    assert [(rule["CidrIp"], rule["FromPort"], rule["ToPort"]) for rule in group["SecurityGroupIngress"]] == [
        ("10.0.0.0/16", 443, 443)
    ]
    (gateway,) = (endpoint for endpoint in endpoints if endpoint["VpcEndpointType"] == "Gateway")
    assert json.dumps(gateway["ServiceName"]).count(".s3") == 1
    assert len(gateway["RouteTableIds"]) == 2
    (flow_log,) = properties_of(resources, "FlowLog")
    assert flow_log["TrafficType"] == "ALL"


def test_only_flow_logs_of_the_account_can_assume_the_role_of_the_flow_log() -> None:
    _, resources = build()
    (role,) = (entry["Properties"] for entry in resources.values() if entry["Type"] == "AWS::IAM::Role")
    flow_logs = {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":ec2:us-east-1:123456789012:vpc-flow-log/*"]]}
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": flow_logs},
    }


def test_zones_are_the_first_ones_or_the_given_ones_without_a_lookup() -> None:
    stack, resources = build(availability_zones=3)
    zones = [subnet["AvailabilityZone"] for subnet in properties_of(resources, "Subnet")]
    assert zones == [{"Fn::Select": [number, {"Fn::GetAZs": ""}]} for number in range(3)]
    assembly = App.of(stack).synth()  # type: ignore[union-attr]
    assert "missing" not in json.loads((Path(assembly.directory) / "manifest.json").read_text())
    _, resources = build(availability_zone_ids=["use1-az4", "use1-az6"])
    subnets = properties_of(resources, "Subnet")
    assert [subnet["AvailabilityZoneId"] for subnet in subnets] == ["use1-az4", "use1-az6"]
    assert not any("AvailabilityZone" in subnet for subnet in subnets)


def test_each_private_subnet_has_a_route_to_a_nat_gateway() -> None:
    _, resources = build(availability_zones=3, nat_gateways=2)
    gateways = [name for name, entry in resources.items() if entry["Type"] == "AWS::EC2::NatGateway"]
    routes = [route["NatGatewayId"]["Ref"] for route in properties_of(resources, "Route") if "NatGatewayId" in route]
    assert routes == [gateways[0], gateways[1], gateways[0]]
    assert len(properties_of(resources, "InternetGateway")) == 1
    assert not any(subnet.get("MapPublicIpOnLaunch") for subnet in properties_of(resources, "Subnet"))


@given(st.integers(16, 22), st.integers(1, 6), st.integers(0, 6))
def test_blocks_of_subnets_are_inside_the_network_and_do_not_overlap(prefix: int, zones: int, gateways: int) -> None:
    cidr = f"10.0.0.0/{prefix}"
    private, public = subnet_cidrs(cidr)
    blocks = [IPv4Network(block) for block in [*private[:zones], *public[:gateways]]]
    assert len(blocks) == zones + gateways
    assert all(block.subnet_of(IPv4Network(cidr)) and block.prefixlen <= 28 for block in blocks)
    assert not any(first.overlaps(second) for first in blocks for second in blocks if first is not second)


@pytest.mark.parametrize(
    "arguments", [{}, {"nat_gateways": 2}, {"availability_zone_ids": ["use1-az4"], "nat_gateways": 1}]
)
def test_cdk_nag_and_cfn_lint_have_no_findings(arguments: dict[str, Any]) -> None:
    app = App(context=recommended_flags())
    stack = Stack(app, "Stack", env=Environment(account="123456789012", region="us-east-1"))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    network = TrainingVpc(stack, "Network", **arguments)
    GpuComputeEnvironment(stack, "Gpus", vpc=network, instance_types=["p5.48xlarge"], max_gpus=8, efa=True)
    app.synth()
    assert cfn_lint.findings(template_of(stack)) == []


def test_instances_start_in_the_private_subnets() -> None:
    stack = Stack(App(), "Stack", env=Environment(account="123456789012", region="us-east-1"))
    network = TrainingVpc(stack, "Network", nat_gateways=1)
    GpuComputeEnvironment(stack, "Gpus", vpc=network, instance_types=["g5.12xlarge"], max_gpus=8)
    resources = template_of(stack)["Resources"]
    (environment,) = (
        entry["Properties"] for entry in resources.values() if entry["Type"] == "AWS::Batch::ComputeEnvironment"
    )
    references = environment["ComputeResources"]["Subnets"]
    subnets = [resources[reference["Ref"]]["Properties"]["CidrBlock"] for reference in references]
    assert subnets == ["10.0.0.0/19", "10.0.32.0/19"]


def test_all_mistakes_are_reported_at_once() -> None:
    stack = Stack(App(), "Stack")
    wrong: dict[str, Any] = {
        "cidr": "10.0.0.0/28",
        "availability_zones": 0,
        "availability_zone_ids": ["a", "a", 7],
        "nat_gateways": -1,
    }
    fields = [problem.partition(":")[0] for problem in problems_of(lambda: TrainingVpc(stack, "Network", **wrong))]
    assert fields == ["cidr", "availability_zones", "availability_zone_ids[2]", "nat_gateways"]
    del wrong["availability_zone_ids"][2]
    fields = [problem.partition(":")[0] for problem in problems_of(lambda: TrainingVpc(stack, "Network", **wrong))]
    assert fields[2:5] == ["availability_zone_ids[0]", "availability_zone_ids[1]", "availability_zone_ids[1]"]
    assert stack.node.try_find_child("Network") is None
