"""Rule groups namespaces of Amazon Managed Service for Prometheus. The local AWS evaluates no PromQL."""

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from fairlane_local.cloudformation.local_resource import LocalResource, register
from fairlane_local.errors import LocalAwsError


class RuleGroupsNamespace(LocalResource):
    """AWS::APS::RuleGroupsNamespace, whose workspace need not exist."""

    resource_type = "AWS::APS::RuleGroupsNamespace"
    create_only = frozenset({"Name", "Workspace"})

    def create(self) -> None:
        """Check the groups.

        Raises:
            LocalAwsError: If the data is no YAML with named groups of rules.
        """
        if not _is_valid(self.properties["Data"]):
            text = f"the rules {self.properties['Name']} are not YAML with groups, each with a name and rules"
            raise LocalAwsError(text)
        workspace = self.properties["Workspace"].replace(":workspace/", ":rulegroupsnamespace/")
        self.physical_resource_id = f"{workspace}/{self.properties['Name']}"


def install() -> None:
    """Register the resource with moto's CloudFormation."""
    register((RuleGroupsNamespace,))


def _is_valid(data: str) -> bool:
    try:
        content: Any = YAML(typ="safe", pure=True).load(data)
    except YAMLError:
        return False
    groups = content.get("groups") if isinstance(content, dict) else None
    return isinstance(groups, list) and all(
        isinstance(group, dict) and isinstance(group.get("name"), str) and isinstance(group.get("rules"), list)
        for group in groups
    )
