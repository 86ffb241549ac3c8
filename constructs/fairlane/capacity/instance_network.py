"""Subnets, placement groups and security groups of the instances of a GPU compute environment."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import aws_cdk as cdk
import jsii
from aws_cdk import aws_ec2 as ec2
from constructs import Construct, IConstruct, Node

from fairlane._internal.nag import flat
from fairlane.errors import Problem

_ENDPOINTS: Final = ("ecs", "ecs-agent", "ecs-telemetry", "ecr.api", "ecr.dkr", "logs", "s3")
"""Services that instances and containers without access to the Internet reach through VPC endpoints only."""


def other_vpc_problems(vpc: object, subnets: object) -> Iterator[Problem]:
    """Yield the subnets of another VPC. The VPC of a subnet that is imported by its id is unknown."""
    vpc_id = getattr(vpc, "vpc_id", None)
    for index, subnet in enumerate(subnets if isinstance(subnets, Sequence) and vpc_id else ()):
        scope = subnet.node.scope if isinstance(getattr(subnet, "node", None), Node) else None
        if getattr(scope, "vpc_id", vpc_id) != vpc_id:
            sentence = f"{subnet.node.path} is a subnet of another VPC: use subnets of the given vpc"
            yield Problem.relation(("subnets", index), sentence)


def cluster_placement_group(scope: Construct, construct_id: str = "PlacementGroup") -> ec2.PlacementGroup:
    """Create a placement group that keeps instances with EFA close to each other."""
    group = ec2.PlacementGroup(scope, construct_id, strategy=ec2.PlacementGroupStrategy.CLUSTER)
    resource = group.node.default_child
    assert isinstance(resource, ec2.CfnPlacementGroup)
    resource.add_property_deletion_override("Tags")  # CloudFormation changes them only by replacement
    return group


def own_security_group(scope: Construct, vpc_id: str, efa: bool) -> str:
    """Create a security group that allows inbound traffic only from its own instances, and return its id."""
    group = ec2.CfnSecurityGroup(
        scope,
        "SecurityGroup",
        vpc_id=vpc_id,
        group_description="Instances for GPU jobs",
        security_group_egress=[
            ec2.CfnSecurityGroup.EgressProperty(
                cidr_ip="0.0.0.0/0", ip_protocol="-1", description="All outbound traffic"
            )
        ],
    )
    group_id = group.attr_group_id
    # The nodes of a multi-node job communicate with each other, with or without EFA.
    ec2.CfnSecurityGroupIngress(
        scope,
        "FromItself",
        group_id=group_id,
        source_security_group_id=group_id,
        ip_protocol="-1",
        description="Traffic between the instances",
    )
    if efa:  # EFA traffic requires a rule for the group itself; a rule for all addresses is not enough
        ec2.CfnSecurityGroupEgress(
            scope,
            "ToItself",
            group_id=group_id,
            destination_security_group_id=group_id,
            ip_protocol="-1",
            description="EFA traffic between the instances",
        )
    return group_id


def warn_of_missing_endpoints(scope: Construct, vpc: Any, subnet_ids: Sequence[str]) -> None:
    """Warn at synth if all subnets are isolated, and the app has not all VPC endpoints that jobs need.

    Of an imported VPC, only `Vpc.from_lookup` and `isolated_subnet_ids` tell the isolated subnets. A `TrainingVpc` has
    the endpoints.
    """
    isolated = vpc.isolated_subnets if hasattr(vpc, "isolated_subnets") else ()
    if isolated and {*subnet_ids} <= {subnet.subnet_id for subnet in isolated}:
        cdk.Aspects.of(scope).add(_EndpointAdvisor(scope, vpc))


@jsii.implements(cdk.IAspect)
class _EndpointAdvisor:
    """Aspect that finds the VPC endpoints when all constructs of the app exist."""

    def __init__(self, environment: Construct, vpc: ec2.IVpc) -> None:
        self._environment, self._vpc_id, self._imported = environment, vpc.vpc_id, not isinstance(vpc, ec2.Vpc)

    def visit(self, node: IConstruct) -> None:
        if node is not self._environment:
            return
        services = [
            flat(cdk.Stack.of(endpoint).resolve(endpoint.service_name))
            for endpoint in node.node.root.node.find_all()
            if isinstance(endpoint, ec2.CfnVPCEndpoint) and endpoint.vpc_id == self._vpc_id and endpoint.service_name
        ]
        missing = [service for service in _ENDPOINTS if not any(name.endswith(f".{service}") for name in services)]
        if missing:
            unknown = f"; the endpoints that {self._vpc_id} already has are unknown: check them" * self._imported
            cdk.Annotations.of(node).add_warning_v2(
                "fairlane:GpuComputeEnvironment.isolatedSubnets",
                f"the subnets are isolated, and the app has no VPC endpoints for {', '.join(missing)}: without another "
                "route to these services, the instances never accept jobs, or jobs get no image and write no logs"
                f"{unknown}",
            )
