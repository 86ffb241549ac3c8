"""Subnets, placement groups and security groups of the instances of a GPU compute environment."""

from collections.abc import Iterator, Sequence

from aws_cdk import aws_ec2 as ec2
from constructs import Construct, Node

from fairlane.errors import Problem


def other_vpc_problems(vpc: object, subnets: object) -> Iterator[Problem]:
    """Yield the subnets of another VPC. The VPC of a subnet that is imported by its id is unknown."""
    vpc_id = getattr(vpc, "vpc_id", None)
    for index, subnet in enumerate(subnets if isinstance(subnets, Sequence) and vpc_id else ()):
        scope = subnet.node.scope if isinstance(getattr(subnet, "node", None), Node) else None
        if getattr(scope, "vpc_id", vpc_id) != vpc_id:
            sentence = f"{subnet.node.path} is a subnet of another VPC: use subnets of the given vpc"
            yield Problem.relation(("subnets", index), sentence)


def placement_group(scope: Construct) -> str:
    """Create a placement group that keeps instances with EFA close to each other, and return its name."""
    group = ec2.PlacementGroup(scope, "PlacementGroup", strategy=ec2.PlacementGroupStrategy.CLUSTER)
    resource = group.node.default_child
    assert isinstance(resource, ec2.CfnPlacementGroup)
    resource.add_property_deletion_override("Tags")  # CloudFormation changes them only by replacement
    return group.placement_group_name


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
