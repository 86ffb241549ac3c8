"""VPC of the GPU instances of a Region."""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from fairlane.capacity import TrainingVpc
from fairlane.environment import ExistingNetworkModel, RegionModel


def network(scope: Construct, model: RegionModel) -> tuple[ec2.IVpc | TrainingVpc, dict[str, ec2.ISubnet]]:
    """Create the VPC of a Region, or import the existing one with its subnets, by their ids.

    The synth reads nothing from AWS. If `cdk.context.json` has the result of `ec2.Vpc.from_lookup` for the VPC, the
    isolated subnets are known. If not, an information names what is unknown.

    Args:
        scope: Stack of the Region.
        model: Settings of the Region.
    """
    assert model.network is not None
    if not isinstance(model.network, ExistingNetworkModel):
        return TrainingVpc(scope, "Network", log_encryption_key=model.log_encryption_key, **dict(model.network)), {}
    parent = Construct(scope, "Network")
    vpc_id = str(model.network.vpc_id)
    isolated = _isolated_subnet_ids(parent, vpc_id)
    if isolated is None:
        cdk.Annotations.of(parent).add_info_v2(
            "fairlane:RegionalStack.unknownRoutes",
            f"the routes and VPC endpoints of {vpc_id} are unknown at synth: check that its subnets reach the AWS "
            'services that instances and jobs call, by a NAT gateway or VPC endpoints (docs/gpu-queues.md, "Other '
            'networks")',
        )
    vpc = ec2.Vpc.from_vpc_attributes(
        parent,
        "Vpc",
        vpc_id=vpc_id,
        availability_zones=["those of its subnets"],
        isolated_subnet_ids=isolated or None,
    )
    subnets = {key: ec2.Subnet.from_subnet_id(parent, key, key) for key in model.network.subnet_ids}
    # Only the ids of the subnets are used.
    cdk.Annotations.of(parent).acknowledge_warning("@aws-cdk/aws-ec2:noSubnetRouteTableId")
    return vpc, subnets


def _isolated_subnet_ids(scope: Construct, vpc_id: str) -> list[str] | None:
    """Return the ids of the isolated subnets in a result of a lookup. None if the context has no result."""
    if cdk.Token.is_unresolved(cdk.Stack.of(scope).account):
        return None
    props = {"filter": {"vpc-id": vpc_id}, "returnAsymmetricSubnets": True}
    found = scope.node.try_get_context(cdk.ContextProvider.get_key(scope, provider="vpc-provider", props=props).key)
    if "subnetGroups" not in (found or {}):  # no result, or the error of a lookup
        return None
    groups = [group for group in found["subnetGroups"] if group["type"] == "Isolated"]
    return [subnet["subnetId"] for group in groups for subnet in group["subnets"]]
