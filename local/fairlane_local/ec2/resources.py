"""What networks and machines of templates need of EC2's resources beyond moto's."""

from contextlib import suppress
from typing import Any

from moto.ec2.exceptions import InvalidPermissionNotFoundError
from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.vpcs import VPC

from fairlane_local.cloudformation.local_resource import LocalResource, Record, register


class PlacementGroup(Record):
    """AWS::EC2::PlacementGroup: a name, as no machine is ever started here."""

    @classmethod
    def cloudformation_type(cls) -> str:
        return "AWS::EC2::PlacementGroup"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr == "GroupName"


class SecurityGroupEgress(LocalResource):
    """AWS::EC2::SecurityGroupEgress, from one security group to another."""

    @classmethod
    def cloudformation_type(cls) -> str:
        return "AWS::EC2::SecurityGroupEgress"

    @classmethod
    def cloudformation_name_type(cls) -> str:
        return ""

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> Any:
        properties = cloudformation_json["Properties"]
        rules, _ = _backend(account_id, region_name).authorize_security_group_egress(**_rule(properties))
        return cls(account_id, region_name, rules[0].id, properties)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Any:
        original_resource.delete(account_id, region_name)
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)

    def delete(self, account_id: str, region_name: str) -> None:
        """Takes the rule out of its group, unless an update has."""
        with suppress(InvalidPermissionNotFoundError):
            _backend(account_id, region_name).revoke_security_group_egress(**_rule(self.properties))


def install() -> None:
    """Registers the resources with moto's CloudFormation, and lets networks be deleted.

    Moto refuses to delete a network while its own leftovers of it stand.
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
