"""Tables of the Glue Data Catalog, and the S3 objects of their partitions."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from moto.glue.models import glue_backends
from moto.s3.models import FakeKey, s3_backends

from fairlane_local.athena.errors import QueryError
from fairlane_local.simulation import current_simulation

Values = Mapping[str, frozenset[str]]
"""Values that a query selects, by partition column. A column without values is not restricted."""

_HIDDEN: Final = re.compile(r"(?<![^/])[._]")
_PLACEHOLDER: Final = re.compile(r"\$\{(\w+)\}")
_NOW: Final = re.compile(r"NOW(?:([+-]\d{1,5})DAYS?)?")
_INTERVAL: Final = (("", "1"), (".unit", "days"))


@dataclass(frozen=True, slots=True)
class Part:
    """Object of a table.

    Attributes:
        url: S3 URL of the object.
        key: Object in moto.
        partition: Values of the partition columns.
    """

    url: str
    key: FakeKey
    partition: tuple[str, ...]


class Table:
    """Table of the Data Catalog.

    Args:
        database: Name of the database.
        name: Name of the table.
        description: Table as GetTable describes it.

    Attributes:
        columns: Hive types of the columns in the objects, by name.
        partition_columns: Hive types of the partition columns, by name.
        serde: Name of the SerDe, without its package.
        serde_parameters: Parameters of the SerDe.
        parameters: Parameters of the table.
    """

    def __init__(self, database: str, name: str, description: Mapping[str, Any]) -> None:
        storage = description.get("StorageDescriptor", {})
        serde = storage.get("SerdeInfo", {})
        self.database, self.name = database, name
        self.columns = _types(storage.get("Columns", []))
        self.partition_columns = _types(description.get("PartitionKeys") or [])
        self.serde = str(serde.get("SerializationLibrary", "")).rsplit(".", 1)[-1]
        self.serde_parameters: Mapping[str, str] = serde.get("Parameters", {})
        self.parameters: Mapping[str, str] = description.get("Parameters", {})
        self._location = str(storage.get("Location", "")).rstrip("/") + "/"

    def parts(self, selected: Values) -> Iterator[Part]:
        """Yield the objects of the partitions that a query selects.

        Objects whose name begins with `_` or `.` are hidden, and empty objects have no rows.

        Raises:
            QueryError: If the query names no value of an injected partition column, if the projection has another type
                than `enum`, `injected` and `date`, or if the bucket does not exist.
        """
        allowed = dict(self._projected(selected))
        projects = self._parameter("projection.enabled") == "true"
        template = (self._parameter("storage.location.template") if projects else "") or self._location + "".join(
            f"{name}=${{{name}}}/" for name in self.partition_columns
        )
        bucket, path = _split(template.rstrip("/") + "/")
        texts = _PLACEHOLDER.split(path)
        pattern = re.compile(
            "".join(f"(?P<{text}>[^/]+)" if number % 2 else re.escape(text) for number, text in enumerate(texts))
        )
        for name, key in _objects(bucket):
            match = pattern.match(name)
            if (
                match is None
                or key.size == 0
                or any(part[0] in "._" for part in name[match.end() :].split("/") if part)
            ):
                continue
            values = {column: unquote(match[column]) for column in self.partition_columns}
            if all(value in allowed.get(column, (value,)) for column, value in values.items()):
                yield Part(f"s3://{bucket}/{name}", key, tuple(values.values()))

    def _projected(self, selected: Values) -> Iterator[tuple[str, frozenset[str]]]:
        """Yield the values of the partition columns that the query or the projection restricts."""
        for column in self.partition_columns:
            values = selected.get(column)
            if self._parameter("projection.enabled") == "true":
                match self._parameter(f"projection.{column}.type"):
                    case "injected":
                        if values is None:
                            raise QueryError(
                                f"CONSTRAINT_VIOLATION: Injected projected partition column {column} must have only "
                                "(and at least one) equality conditions in the WHERE clause!"
                            )
                    case "enum":
                        texts = self._parameter(f"projection.{column}.values", keep_case=True).split(",")
                        projected = frozenset(text.strip() for text in texts)
                        values = projected if values is None else projected & values
                    case "date":
                        projected = self._days(column)
                        values = projected if values is None else projected & values
                    case other:
                        raise QueryError(
                            f"INVALID_TABLE_PROPERTY: projection.{column}.type of table {self.database}.{self.name}: "
                            f"got '{other}', the local AWS supports enum, injected and date"
                        )
            if values is not None:
                yield column, values

    def _days(self, column: str) -> frozenset[str]:
        """Return the days of a date projection with the format yyyy-MM-dd and an interval of one day."""
        texts = self._parameter(f"projection.{column}.range", keep_case=True).split(",")
        first, last = (_day(text.strip()) for text in texts) if len(texts) == 2 else (None, None)
        form = self._parameter(f"projection.{column}.format", keep_case=True)
        interval = [self._parameter(f"projection.{column}.interval{more}") or default for more, default in _INTERVAL]
        if form != "yyyy-MM-dd" or first is None or last is None or interval != ["1", "days"]:
            raise QueryError(
                f"INVALID_TABLE_PROPERTY: projection.{column} of table {self.database}.{self.name}: the local AWS "
                "supports days in the format yyyy-MM-dd, and a range of days such as NOW-30DAYS,NOW"
            )
        return frozenset(str(first + timedelta(days)) for days in range((last - first).days + 1))

    def _parameter(self, name: str, *, keep_case: bool = False) -> str:
        value = str(self.parameters.get(name, ""))
        return value if keep_case or name == "storage.location.template" else value.lower()


def find_table(account_id: str, region: str, database: str, name: str) -> Table:
    """Return a table of the Data Catalog.

    Raises:
        QueryError: If the database or the table does not exist.
    """
    databases = glue_backends[account_id][region].databases
    if database not in databases:
        raise QueryError(f"SCHEMA_NOT_FOUND: Schema '{database}' does not exist")
    table = databases[database].tables.get(name)
    if table is None:
        raise QueryError(f"TABLE_NOT_FOUND: Table 'awsdatacatalog.{database}.{name}' does not exist")
    return Table(database, name, table.as_dict())


def put_object(url: str, body: bytes) -> None:
    """Put an object into the bucket of an S3 URL.

    Raises:
        QueryError: If the bucket does not exist.
    """
    bucket, name = _split(url)
    _backend(bucket).put_object(bucket, name, body)


def has_bucket(url: str) -> bool:
    """Return True if the bucket of an S3 URL exists."""
    return _split(url)[0] in s3_backends.bucket_accounts


def _day(text: str) -> date | None:
    """Return the day of an end of a range: a day, or a number of days before or after now. None for other texts."""
    match = _NOW.fullmatch(text)
    now = datetime.fromtimestamp(current_simulation().timeline.clock.now(), UTC)
    try:
        return date.fromisoformat(text) if match is None else (now + timedelta(days=int(match[1] or 0))).date()
    except ValueError:
        return None


def _types(columns: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {column["Name"].lower(): column.get("Type", "string") for column in columns}


def _objects(bucket: str) -> list[tuple[str, FakeKey]]:
    """Return the current objects of a bucket. Requests can change the bucket meanwhile, hence the copy."""
    versions = list(dict.items(_backend(bucket).get_bucket(bucket).keys))
    return sorted((name, keys[-1]) for name, keys in versions if keys and isinstance(keys[-1], FakeKey))


def _backend(bucket: str) -> Any:
    if bucket not in s3_backends.bucket_accounts:
        raise QueryError(f"The specified bucket does not exist: {bucket}")
    partition, account_id = s3_backends.bucket_accounts[bucket]
    return s3_backends[account_id][partition]


def _split(url: str) -> tuple[str, str]:
    parts = urlsplit(url.replace("?", "%3F").replace("#", "%23"))
    return parts.netloc, parts.path.removeprefix("/").replace("%3F", "?").replace("%23", "#")
