"""VPC of the GPU instances of a Region."""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from fairlane.capacity import TrainingVpc
from fairlane.environment import ExistingNetworkModel, RegionModel


def network(scope: Construct, model: RegionModel) -> tuple[ec2.IVpc | TrainingVpc, dict[str, ec2.ISubnet]]:
    """Create the VPC of a Region, or import the existing one with its subnets, by their ids.

    Args:
        scope: Stack of the Region.
        model: Settings of the Region.
    """
    assert model.network is not None
    if not isinstance(model.network, ExistingNetworkModel):
        return TrainingVpc(scope, "Network", log_encryption_key=model.log_encryption_key, **dict(model.network)), {}
    parent = Construct(scope, "Network")
    vpc = ec2.Vpc.from_vpc_attributes(
        parent, "Vpc", vpc_id=str(model.network.vpc_id), availability_zones=["those of its subnets"]
    )
    subnets = {key: ec2.Subnet.from_subnet_id(parent, key, key) for key in model.network.subnet_ids}
    for subnet in subnets.values():  # only the ids of the subnets are used
        cdk.Annotations.of(subnet).acknowledge_warning("@aws-cdk/aws-ec2:noSubnetRouteTableId")
    return vpc, subnets
