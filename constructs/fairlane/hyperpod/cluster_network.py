"""Network of a HyperPod cluster: its subnets, their zones, and the security group of the nodes."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from aws_cdk import aws_ec2 as ec2
from constructs import Construct, IConstruct

from fairlane._internal.tokens import is_token
from fairlane.capacity.training_vpc import TrainingVpc
from fairlane.errors import Problem
from fairlane.hyperpod.cluster_rules import control_plane_problems

_PATHS: Final = (ec2.CfnRoute, ec2.CfnSubnetRouteTableAssociation, ec2.CfnVPCEndpoint)


class ClusterNetwork:
    """VPC and subnets of a cluster.

    Args:
        vpc: VPC. Values of a wrong type are a problem.
        subnets: Subnets of the nodes. None for the private subnets of the VPC.

    Attributes:
        vpc: VPC. None without.
    """

    def __init__(self, vpc: Any, subnets: Sequence[ec2.ISubnet] | None) -> None:
        self._given, self._subnets = vpc, subnets
        self.vpc: ec2.IVpc | None = vpc.vpc if isinstance(vpc, TrainingVpc) else vpc

    @cached_property
    def private_subnets(self) -> Sequence[ec2.ISubnet]:
        """Private subnets of the VPC. Isolated subnets if it has no others, or those given if it has none at all."""
        return (self.vpc.private_subnets or self.vpc.isolated_subnets or self._subnets or ()) if self.vpc else ()

    @cached_property
    def subnet_ids(self) -> Sequence[str]:
        """IDs of the nodes' subnets."""
        return [subnet.subnet_id for subnet in (self.private_subnets if self._subnets is None else self._subnets)]

    @cached_property
    def zones(self) -> Mapping[str, str]:
        """Availability Zones by subnet ID, without those of imported subnets with unknown zones."""
        public = self.vpc.public_subnets if self.vpc else ()
        subnets = [*self.private_subnets, *public, *(self._subnets or ())]
        return {subnet.subnet_id: zone for subnet in subnets if (zone := _zone(subnet))}

    @cached_property
    def paths(self) -> Sequence[IConstruct]:
        """Routes and endpoints of the VPC by which nodes reach AWS. Empty if the VPC is imported."""
        return [each for each in self._given.node.find_all() if isinstance(each, _PATHS)]

    def problems(self, *, own_kubernetes: bool) -> Iterator[Problem]:
        """Yield the problems of the VPC.

        Args:
            own_kubernetes: True if the EKS cluster is created in the VPC.
        """
        if self.vpc is None:
            yield Problem(("vpc",), None, "the VPC of the nodes, because HyperPod on EKS requires one")
            return
        zones = {self.zones.get(subnet.subnet_id, subnet.subnet_id) for subnet in self.private_subnets}
        if own_kubernetes and not any(map(is_token, zones)):
            yield from control_plane_problems(("vpc",), len(zones))
        public = {subnet.subnet_id for subnet in self.vpc.public_subnets}
        if public.intersection(self.subnet_ids):
            sentence = "nodes have no public addresses, so public subnets do not connect them: use private subnets"
            yield Problem.relation(("subnets",), sentence)

    @property
    def lacks_endpoints(self) -> bool:
        """True if the VPC is a `TrainingVpc` without NAT gateways, whose endpoints are those of AWS Batch."""
        return isinstance(self._given, TrainingVpc) and not self._given.nat_gateways

    def security_group(self, scope: Construct, kubernetes_group: str) -> str:
        """Create the security group of the nodes, and return its ID.

        Nodes communicate with each other, as EFA requires, and with the control plane and other nodes of Kubernetes.

        Args:
            scope: Scope of the security group.
            kubernetes_group: ID of the security group that EKS created for the Kubernetes cluster.
        """
        assert self.vpc is not None
        group = ec2.CfnSecurityGroup(
            scope,
            "SecurityGroup",
            vpc_id=self.vpc.vpc_id,
            group_description="Nodes of a HyperPod cluster",
            security_group_egress=[
                ec2.CfnSecurityGroup.EgressProperty(
                    cidr_ip="0.0.0.0/0", ip_protocol="-1", description="All outbound traffic"
                )
            ],
        ).attr_group_id
        rules = {
            "FromItself": (group, group, "Traffic between the nodes"),
            "FromKubernetes": (group, kubernetes_group, "Traffic from the control plane and other nodes"),
            "ToKubernetes": (kubernetes_group, group, "Traffic from the HyperPod nodes"),
        }
        for construct_id, (target, source, description) in rules.items():
            ec2.CfnSecurityGroupIngress(
                scope,
                construct_id,
                group_id=target,
                source_security_group_id=source,
                ip_protocol="-1",
                description=description,
            )
        ec2.CfnSecurityGroupEgress(  # EFA requires a rule for the group itself; one for all addresses is not enough
            scope,
            "ToItself",
            group_id=group,
            destination_security_group_id=group,
            ip_protocol="-1",
            description="EFA traffic between the nodes",
        )
        return group


def _zone(subnet: ec2.ISubnet) -> str | None:
    try:
        return subnet.availability_zone
    except RuntimeError:  # of a subnet that is imported without a zone
        return None
