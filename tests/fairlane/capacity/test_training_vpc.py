"""The network that Fairlane makes for machines with GPUs."""

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


def built(**arguments: Any) -> tuple[Stack, dict[str, dict[str, Any]]]:
    stack = Stack(App(), "Stack", env=Environment(account="123456789012", region="us-east-1"))
    TrainingVpc(stack, "Network", **arguments)
    return stack, template_of(stack)["Resources"]


def of_type(resources: dict[str, dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [one.get("Properties", {}) for one in resources.values() if one["Type"] == f"AWS::EC2::{kind}"]


def test_nothing_in_it_reaches_the_internet_and_all_that_machines_call_is_there() -> None:
    _, resources = built()
    assert (
        of_type(resources, "Route") == of_type(resources, "InternetGateway") == of_type(resources, "NatGateway") == []
    )
    endpoints = of_type(resources, "VPCEndpoint")
    interfaces = [one for one in endpoints if one["VpcEndpointType"] == "Interface"]
    assert sorted(one["ServiceName"] for one in interfaces) == sorted(
        f"com.amazonaws.us-east-1.{s}" for s in INTERFACES
    )
    (group,) = of_type(resources, "SecurityGroup")
    assert all(len(one["SubnetIds"]) == 2 and one["PrivateDnsEnabled"] for one in interfaces)
    assert {json.dumps(one["SecurityGroupIds"]) for one in interfaces} == {
        json.dumps([{"Fn::GetAtt": [next(k for k, v in resources.items() if v["Properties"] == group), "GroupId"]}])
    }
    assert [(rule["CidrIp"], rule["FromPort"], rule["ToPort"]) for rule in group["SecurityGroupIngress"]] == [
        ("10.0.0.0/16", 443, 443)
    ]
    (gateway,) = (one for one in endpoints if one["VpcEndpointType"] == "Gateway")
    assert json.dumps(gateway["ServiceName"]).count(".s3") == 1
    assert len(gateway["RouteTableIds"]) == 2
    (flow_log,) = of_type(resources, "FlowLog")
    assert flow_log["TrafficType"] == "ALL"


def test_zones_are_the_accounts_first_or_those_that_are_named_and_never_looked_up() -> None:
    stack, resources = built(availability_zones=3)
    zones = [subnet["AvailabilityZone"] for subnet in of_type(resources, "Subnet")]
    assert zones == [{"Fn::Select": [number, {"Fn::GetAZs": ""}]} for number in range(3)]
    assembly = App.of(stack).synth()  # type: ignore[union-attr]
    assert "missing" not in json.loads((Path(assembly.directory) / "manifest.json").read_text())
    _, resources = built(availability_zone_ids=["use1-az4", "use1-az6"])
    named = of_type(resources, "Subnet")
    assert [subnet["AvailabilityZoneId"] for subnet in named] == ["use1-az4", "use1-az6"]
    assert not any("AvailabilityZone" in subnet for subnet in named)


def test_nat_gateways_lead_every_subnet_out_by_its_own_zone_or_another() -> None:
    _, resources = built(availability_zones=3, nat_gateways=2)
    gateways = [name for name, one in resources.items() if one["Type"] == "AWS::EC2::NatGateway"]
    routes = [route["NatGatewayId"]["Ref"] for route in of_type(resources, "Route") if "NatGatewayId" in route]
    assert routes == [gateways[0], gateways[1], gateways[0]]
    assert len(of_type(resources, "InternetGateway")) == 1
    assert not any(subnet.get("MapPublicIpOnLaunch") for subnet in of_type(resources, "Subnet"))


@given(st.integers(16, 22), st.integers(1, 6), st.integers(0, 6))
def test_blocks_of_subnets_lie_apart_inside_the_network_and_never_move(prefix: int, zones: int, gateways: int) -> None:
    cidr = f"10.0.0.0/{prefix}"
    private, public = subnet_cidrs(cidr)
    blocks = [IPv4Network(block) for block in [*private[:zones], *public[:gateways]]]
    assert len(blocks) == zones + gateways
    assert all(block.subnet_of(IPv4Network(cidr)) and block.prefixlen <= 28 for block in blocks)
    assert not any(one.overlaps(other) for one in blocks for other in blocks if one is not other)


@pytest.mark.parametrize(
    "arguments", [{}, {"nat_gateways": 2}, {"availability_zone_ids": ["use1-az4"], "nat_gateways": 1}]
)
def test_every_judge_lets_it_through(arguments: dict[str, Any]) -> None:
    app = App(context=recommended_flags())
    stack = Stack(app, "Stack", env=Environment(account="123456789012", region="us-east-1"))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    network = TrainingVpc(stack, "Network", **arguments)
    GpuComputeEnvironment(stack, "Gpus", vpc=network, instance_types=["p5.48xlarge"], max_gpus=8, efa=True)
    app.synth()
    assert cfn_lint.findings(template_of(stack)) == []


def test_machines_start_in_its_private_subnets() -> None:
    stack = Stack(App(), "Stack", env=Environment(account="123456789012", region="us-east-1"))
    network = TrainingVpc(stack, "Network", nat_gateways=1)
    GpuComputeEnvironment(stack, "Gpus", vpc=network, instance_types=["g5.12xlarge"], max_gpus=8)
    resources = template_of(stack)["Resources"]
    (machines,) = (one["Properties"] for one in resources.values() if one["Type"] == "AWS::Batch::ComputeEnvironment")
    subnets = [resources[one["Ref"]]["Properties"]["CidrBlock"] for one in machines["ComputeResources"]["Subnets"]]
    assert subnets == ["10.0.0.0/19", "10.0.32.0/19"]


def test_all_mistakes_are_told_at_once() -> None:
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
