"""Queries in DuckDB over the objects of tables."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from fairlane_local.athena.errors import QueryError
from fairlane_local.athena.tables import Part, Table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Rows = Iterator[tuple[Any, ...]]

_BATCH: Final = 1000
_SETTINGS: Final[dict[str, str | bool | int | float | list[str]]] = {
    "memory_limit": "1GB",
    "temp_directory": "",
    "threads": 2,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
    "integer_division": True,
}
"""Settings of a query. A query that needs more memory fails. Whole numbers are divided as in Athena."""


@contextmanager
def connect() -> Iterator["DuckDBPyConnection"]:
    """Provide an empty database in memory."""
    import duckdb  # noqa: PLC0415  takes 0.2 s, and most servers answer no query

    with duckdb.connect(":memory:", config=_SETTINGS) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def load(connection: "DuckDBPyConnection", table: Table, parts: Iterable[Part]) -> None:
    """Load the objects of a table into a database.

    Raises:
        QueryError: If the format is not supported, or if an object does not have the format of the table.
    """
    from duckdb import Error  # noqa: PLC0415  loaded by connect

    if table.serde not in _READERS:
        raise QueryError(f"SerDe of {table.database}.{table.name}: got {table.serde}, allowed: {', '.join(_READERS)}")
    name = f"{quote(table.database)}.{quote(table.name)}"
    types = {column: _type(kind) for column, kind in (table.columns | table.partition_columns).items()}
    columns = ", ".join(f"{quote(column)} {kind}" for column, kind in types.items())
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(table.database)}")
    connection.execute(f"CREATE TABLE {name} ({columns})")
    stored = {column: types[column] for column in table.columns}
    partitions = "".join(f", ? AS {quote(column)}" for column in table.partition_columns)
    for partition, group in groupby(sorted(parts, key=lambda part: part.partition), lambda part: part.partition):
        found = [*group]
        for joins in (True, False) if table.serde == "JsonSerDe" else (False,):
            with _files(found, joins=joins) as files:
                try:
                    source, arguments = _READERS[table.serde](connection, table, stored, [*files])
                    sql = f"INSERT INTO {name} BY NAME SELECT *{partitions} FROM ({source})"
                    connection.execute(sql, [*partition, *arguments])
                    break
                except Error as error:
                    if joins:
                        continue  # only an error of a single object has its URL
                    reason = _reason(error)
                    for path, url in files.items():
                        reason = reason.replace(path, url)
                    raise QueryError(f"HIVE_CURSOR_ERROR: {reason}") from None


def lock(connection: "DuckDBPyConnection", database: str) -> None:
    """Select the default database, and take the access to files, to networks and to settings."""
    for statement in (
        f"CREATE SCHEMA IF NOT EXISTS {quote(database)}",
        f"USE {quote(database)}",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ):
        connection.execute(statement)


def execute(connection: "DuckDBPyConnection", sql: str) -> tuple[list[tuple[str, str]], Rows]:
    """Return the names and types of the columns of a result, and its rows.

    Raises:
        QueryError: If the query fails.
    """
    from duckdb import Error  # noqa: PLC0415  loaded by connect

    try:
        columns = [(name, kind) for name, kind, *_ in connection.execute(f"DESCRIBE {sql}").fetchall()]
        connection.execute(sql)
        return columns, _rows(connection)
    except Error as error:
        raise QueryError(_reason(error)) from None


def quote(name: str) -> str:
    """Return an identifier of DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def _rows(connection: "DuckDBPyConnection") -> Rows:
    from duckdb import Error  # noqa: PLC0415  loaded by connect

    try:
        while rows := connection.fetchmany(_BATCH):
            yield from rows
    except Error as error:
        raise QueryError(_reason(error)) from None


def _reason(error: Exception) -> str:
    """Return the message of DuckDB, without the excerpt of the translated query."""
    return str(error).partition("\n\nLINE ")[0]


@contextmanager
def _files(parts: Iterable[Part], *, joins: bool) -> Iterator[Mapping[str, str]]:
    """Provide files with the content of objects, and the URLs of the objects by path of the file.

    Objects of lines are joined: DuckDB reads 10,000 files in 5 seconds, and one file with their lines in 0.1 seconds.
    """
    with tempfile.TemporaryDirectory(prefix="fairlane-athena-") as directory:
        urls = {}
        for number, part in enumerate(parts):
            suffix = PurePosixPath(part.url).suffix
            path = Path(directory, "lines.json" if joins and suffix != ".gz" else f"{number}{suffix}")
            with path.open("ab") as file:
                file.write(part.key.value + b"\n" * joins)
            urls[str(path)] = part.url
        yield urls


def _type(hive_type: str) -> str:
    from sqlglot import exp  # noqa: PLC0415  loaded by the statement
    from sqlglot.errors import SqlglotError  # noqa: PLC0415

    try:
        return exp.DataType.build(hive_type, dialect="hive").sql(dialect="duckdb")
    except SqlglotError:
        raise QueryError(f"HIVE_INVALID_METADATA: unknown column type {hive_type}") from None


def _read_json(connection: Any, table: Table, types: Mapping[str, str], files: list[str]) -> tuple[str, list[Any]]:
    """Read a JSON object from each line. `ignore.malformed.json` makes a row of NULLs of other lines."""
    ignores = str(table.serde_parameters.get("ignore.malformed.json", "")).lower() == "true"
    source = "SELECT * FROM read_json(?, columns = ?, format = 'newline_delimited', ignore_errors = ?)"
    return source, [files, dict(types), ignores]


def _read_csv(connection: Any, table: Table, types: Mapping[str, str], files: list[str]) -> tuple[str, list[Any]]:
    """Read lines of texts in quotes. An empty text is NULL in columns of other types."""
    columns = ", ".join(
        quote(name) if kind == "TEXT" else f"CAST(nullif({quote(name)}, '') AS {kind}) AS {quote(name)}"
        for name, kind in types.items()
    )
    source = (
        f"SELECT {columns} FROM read_csv(?, columns = ?, delim = ?, quote = ?, escape = ?, skip = ?, header = false, "
        "auto_detect = false, null_padding = true, nullstr = '\1')"
    )
    serde = table.serde_parameters
    quotes = serde.get("quoteChar", '"')
    skipped = int(table.parameters.get("skip.header.line.count", 0))
    texts = dict.fromkeys(types, "VARCHAR")
    return source, [files, texts, serde.get("separatorChar", ","), quotes, serde.get("escapeChar", quotes), skipped]


def _read_parquet(connection: Any, table: Table, types: Mapping[str, str], files: list[str]) -> tuple[str, list[Any]]:
    """Read columns by name. A column that the objects lack is NULL."""
    source = "FROM read_parquet(?, union_by_name = true)"
    stored = {name.lower(): name for name, *_ in connection.execute(f"DESCRIBE {source}", [files]).fetchall()}
    columns = ", ".join(
        f"CAST({quote(stored[name]) if name in stored else 'NULL'} AS {kind}) AS {quote(name)}"
        for name, kind in types.items()
    )
    return f"SELECT {columns} {source}", [files]


_Reader = Callable[[Any, Table, Mapping[str, str], list[str]], tuple[str, list[Any]]]
_READERS: Final[Mapping[str, _Reader]] = {
    "JsonSerDe": _read_json,
    "OpenCSVSerde": _read_csv,
    "ParquetHiveSerDe": _read_parquet,
}
"""SELECT of the columns in the objects, with its arguments, by the name of the SerDe."""
