"""CloudFormation resources of Amazon EC2 that moto lacks: placement groups and egress rules."""

from contextlib import suppress
from typing import Any, Self

from moto.ec2.exceptions import InvalidPermissionNotFoundError
from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.vpcs import VPC

from fairlane_local.cloudformation.local_resource import LocalResource, register


class PlacementGroup(LocalResource):
    """AWS::EC2::PlacementGroup: a name only, because no instance is started."""

    resource_type = "AWS::EC2::PlacementGroup"
    create_only = frozenset({"PartitionCount", "SpreadLevel", "Strategy", "Tags"})

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Return True for the name."""
        return attr == "GroupName"


class SecurityGroupEgress(LocalResource):
    """AWS::EC2::SecurityGroupEgress, from one security group to another."""

    resource_type = "AWS::EC2::SecurityGroupEgress"

    def create(self) -> None:
        """Add the rule to its group."""
        rules, _ = _backend(*self._location).authorize_security_group_egress(**_rule(self.properties))
        self.physical_resource_id = rules[0].id

    def update(self, old: Self) -> None:
        """Remove the old rule and add the new one."""
        old.remove()
        self.create()

    def remove(self) -> None:
        """Remove the rule from its group. A rule that an update has already removed is ignored."""
        with suppress(InvalidPermissionNotFoundError):
            _backend(*self._location).revoke_security_group_egress(**_rule(self.properties))


def install() -> None:
    """Register the resources with moto's CloudFormation, and enable the deletion of VPCs.

    Moto refuses to delete a VPC while the route tables that moto created for it exist.
    """
    register((PlacementGroup, SecurityGroupEgress))
    VPC.delete = _delete_vpc  # type: ignore[attr-defined]


def _rule(properties: Any) -> dict[str, Any]:
    destination = {"GroupId": properties["DestinationSecurityGroupId"]}
    return {
        "group_name_or_id": properties["GroupId"],
        "ip_protocol": properties["IpProtocol"],
        "from_port": properties.get("FromPort"),
        "to_port": properties.get("ToPort"),
        "ip_ranges": [],
        "source_groups": [destination],
    }


def _delete_vpc(self: VPC, account_id: str, region_name: str) -> None:
    backend = _backend(account_id, region_name)
    for table in backend.describe_route_tables(filters={"vpc-id": self.id}):
        table._associations.clear()
        backend.route_tables.pop(table.id)
    backend.delete_vpc(self.id)


def _backend(account_id: str, region_name: str) -> EC2Backend:
    return ec2_backends[account_id][region_name]
