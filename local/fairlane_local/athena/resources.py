"""CloudFormation resources of AWS Glue and Amazon Athena, which moto lacks."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Self

from moto.athena.models import athena_backends
from moto.glue.models import glue_backends

from fairlane_local.athena import api
from fairlane_local.cloudformation.local_resource import LocalResource, register
from fairlane_local.errors import LocalAwsError

_MIN_CUTOFF: Final = 10_000_000


class _CatalogResource(LocalResource):
    """Resource of the Data Catalog. A member of its input names it, in lowercase.

    Attributes:
        input_property: Property with the input of the API.
    """

    input_property: ClassVar[str] = ""
    create_only = frozenset({"CatalogId", "DatabaseName"})

    def __init__(self, account_id: str, region: str, physical_id: str, properties: Any) -> None:
        name = properties.get(self.input_property, {}).get("Name")
        super().__init__(account_id, region, (name or physical_id).lower(), properties)

    def is_replaced_by(self, properties: Mapping[str, Any]) -> bool:
        """Return True if an update to these properties replaces the resource."""
        names = [given.get(self.input_property, {}).get("Name") for given in (properties, self.properties)]
        return names[0] != names[1] or super().is_replaced_by(properties)

    @property
    def _glue(self) -> Any:
        account_id, region = self._location
        return glue_backends[account_id][region]

    @property
    def _input(self) -> dict[str, Any]:
        """Input of the API. Parameters are texts: CloudFormation converts other values."""
        return _texts({**self.properties.get(self.input_property, {}), "Name": self.physical_resource_id})


class Database(_CatalogResource):
    """AWS::Glue::Database. `Ref` returns the name."""

    resource_type = "AWS::Glue::Database"
    input_property = "DatabaseInput"

    def create(self) -> None:
        """Create the database."""
        self._glue.create_database(self.physical_resource_id, self._input)

    def update(self, old: Self) -> None:
        """Update the description, location and parameters."""
        self._glue.update_database(self.physical_resource_id, self._input)

    def remove(self) -> None:
        """Delete the database with its tables."""
        self._glue.delete_database(self.physical_resource_id)


class Table(_CatalogResource):
    """AWS::Glue::Table. `Ref` returns the name."""

    resource_type = "AWS::Glue::Table"
    input_property = "TableInput"

    def create(self) -> None:
        """Create the table."""
        self._glue.create_table(self._database, self.physical_resource_id, self._input)

    def update(self, old: Self) -> None:
        """Add a version with the new columns, location and parameters."""
        self._glue.update_table(self._database, self.physical_resource_id, self._input)

    def remove(self) -> None:
        """Delete the table. Its objects remain. A stack can delete its database first, with the tables."""
        if self._database in self._glue.databases:
            self._glue.delete_table(self._database, self.physical_resource_id)

    @property
    def _database(self) -> str:
        return str(self.properties["DatabaseName"]).lower()


class WorkGroup(LocalResource):
    """AWS::Athena::WorkGroup. `Ref` returns the name."""

    resource_type = "AWS::Athena::WorkGroup"
    name_property = "Name"
    create_only = frozenset({"Name"})

    def create(self) -> None:
        """Create the workgroup."""
        arguments = (self.physical_resource_id, self._configuration(), self.properties.get("Description", ""))
        if self._athena.create_work_group(*arguments, self.properties.get("Tags", [])) is None:
            raise LocalAwsError("WorkGroup is already created")
        self._work_group.state = self.properties.get("State", "ENABLED")

    def update(self, old: Self) -> None:
        """Update the configuration, description, state and tags."""
        group, athena = self._work_group, self._athena
        group.__init__(athena, group.name, self._configuration(), self.properties.get("Description", ""), [])
        group.state = self.properties.get("State", "ENABLED")
        athena.tagger.delete_all_tags_for_resource(group.arn)
        athena.tagger.tag_resource(group.arn, self.properties.get("Tags", []))

    def remove(self) -> None:
        """Delete the workgroup, and its queries if `RecursiveDeleteOption` is true.

        Raises:
            LocalAwsError: If the workgroup has queries and the option is false.
        """
        athena, group = self._athena, self._work_group
        for queries in (athena.named_queries, athena.executions):
            for identifier in [key for key, query in queries.items() if query.workgroup is group]:
                if not self.properties.get("RecursiveDeleteOption", False):
                    raise LocalAwsError(f"WorkGroup {group.name} is not empty")
                del queries[identifier]
        athena.delete_work_group(group.name)

    @property
    def _athena(self) -> Any:
        account_id, region = self._location
        return athena_backends[account_id][region]

    @property
    def _work_group(self) -> Any:
        return self._athena.work_groups[self.physical_resource_id]

    def _configuration(self) -> dict[str, Any]:
        configuration = dict(self.properties.get("WorkGroupConfiguration", {}))
        cutoff = configuration.get("BytesScannedCutoffPerQuery")
        if cutoff is not None and int(cutoff) < _MIN_CUTOFF:
            raise LocalAwsError(f"BytesScannedCutoffPerQuery must be at least {_MIN_CUTOFF}, got {cutoff}")
        return configuration


class NamedQuery(LocalResource):
    """AWS::Athena::NamedQuery. `Ref` returns the ID."""

    resource_type = "AWS::Athena::NamedQuery"
    name_property = "Name"
    create_only = frozenset({"Database", "Description", "Name", "QueryString", "WorkGroup"})

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Return True for the ID."""
        return attr == "NamedQueryId"

    def create(self) -> None:
        """Create the query.

        Raises:
            LocalAwsError: If the workgroup does not exist.
        """
        account_id, region = self._location
        athena, group = athena_backends[account_id][region], self.properties.get("WorkGroup", "primary")
        if group not in athena.work_groups:
            raise LocalAwsError(f"WorkGroup {group} is not found.")
        self.physical_resource_id = athena.create_named_query(
            self.physical_resource_id,
            self.properties.get("Description", ""),
            self.properties["Database"],
            self.properties["QueryString"],
            group,
        )

    def remove(self) -> None:
        """Delete the query."""
        account_id, region = self._location
        athena_backends[account_id][region].named_queries.pop(self.physical_resource_id, None)


def install() -> None:
    """Register the resources with moto's CloudFormation, and answer queries."""
    api.install()
    register((Database, NamedQuery, Table, WorkGroup))


def _texts(given: dict[str, Any]) -> dict[str, Any]:
    """Return a copy whose `Parameters` are texts, at any depth."""
    return {
        name: {key: str(item).lower() if isinstance(item, bool) else str(item) for key, item in value.items()}
        if name == "Parameters"
        else _texts(value)
        if isinstance(value, dict)
        else value
        for name, value in given.items()
    }
