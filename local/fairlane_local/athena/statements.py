"""Queries in the SQL of Athena: their tables, the partitions that they select, and their translation for DuckDB."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from fairlane_local.athena.errors import QueryError
from fairlane_local.athena.selection import Selection
from fairlane_local.athena.tables import Table, Values

if TYPE_CHECKING:
    from sqlglot import exp

TableName = tuple[str, str]

_CATALOG: Final = "awsdatacatalog"


class Statement:
    """Query of a database.

    Args:
        text: Query in the SQL of Athena.
        database: Database of tables without one.
        parameters: SQL literals that replace the question marks.

    Raises:
        QueryError: If the text is no query, or if the parameters do not fit.
    """

    def __init__(self, text: str, database: str, parameters: Sequence[str] = ()) -> None:
        from sqlglot import exp, parse  # noqa: PLC0415  takes 0.3 s, and most servers answer no query
        from sqlglot.errors import ParseError, TokenError  # noqa: PLC0415

        try:
            statements = [statement for statement in parse(_bind(text, parameters), read="athena") if statement]
        except (ParseError, TokenError) as error:
            raise QueryError(_syntax_error(error)) from None
        if len(statements) != 1:
            raise QueryError(f"Only one sql statement is allowed. Found: {len(statements)}")
        (self._query,) = statements
        if not isinstance(self._query, exp.Query | exp.Values):
            raise QueryError(f"Queries of this type are not supported: got {self._query.key.upper()}, allowed: SELECT")
        self._database = database.lower()

    def tables(self) -> set[TableName]:
        """Return the database and name of each table.

        Raises:
            QueryError: If a table is of another catalog.
        """
        names = set()
        for _, _, table in Selection(self._qualified({})).tables():
            if table.catalog.lower() not in {"", _CATALOG}:
                raise QueryError(f"CATALOG_NOT_FOUND: Catalog '{table.catalog}' does not exist")
            names.add(_name(table))
        return names

    def selected(self, tables: Mapping[TableName, Table]) -> dict[TableName, Values]:
        """Return the values of the partition columns that the query selects, by table."""
        schema: dict[str, Any] = {}
        for (database, name), table in tables.items():
            schema.setdefault(database, {})[name] = table.columns | table.partition_columns
        selection = Selection(self._qualified(schema))
        uses: dict[TableName, list[dict[str, frozenset[str] | None]]] = {}
        for scope, alias, source in selection.tables():
            columns = tables[_name(source)].partition_columns
            values = {column: selection.values(scope, alias, column) for column in columns}
            uses.setdefault(_name(source), []).append(values)
        return {
            name: {
                column: frozenset().union(*(use[column] or () for use in found))
                for column in tables[name].partition_columns
                if all(use[column] is not None for use in found)
            }
            for name, found in uses.items()
        }

    def to_duckdb(self) -> str:
        """Return the query in the SQL of DuckDB. Columns without a name get those of Athena, for example `_col0`."""
        from sqlglot import exp  # noqa: PLC0415

        query = self._query.copy()
        for table in query.find_all(exp.Table):
            table.set("catalog", None)
        first = query
        while isinstance(first, exp.SetOperation):
            first = first.left
        if isinstance(first, exp.Select):
            names = (exp.Alias, exp.Column, exp.Star)
            columns = [
                column if isinstance(column, names) else exp.alias_(column, f"_col{number}")
                for number, column in enumerate(first.expressions)
            ]
            first.set("expressions", columns)
        return query.sql(dialect="duckdb")

    def _qualified(self, schema: dict[str, Any]) -> "exp.Expr":
        from sqlglot import exp  # noqa: PLC0415
        from sqlglot.errors import SqlglotError  # noqa: PLC0415
        from sqlglot.optimizer.qualify import qualify  # noqa: PLC0415

        try:
            database = exp.to_identifier(self._database, quoted=True).sql("athena")
            return qualify(self._query.copy(), "athena", db=database, schema=schema, validate_qualify_columns=False)
        except SqlglotError as error:
            raise QueryError(f"SYNTAX_ERROR: {error}") from None


def _bind(text: str, parameters: Sequence[str]) -> str:
    """Return a query whose question marks are replaced by literals."""
    from sqlglot import TokenType, exp, parse_one, tokenize  # noqa: PLC0415
    from sqlglot.errors import ParseError  # noqa: PLC0415

    marks = [token for token in tokenize(text, read="athena") if token.token_type is TokenType.PLACEHOLDER]
    if len(marks) != len(parameters):
        raise QueryError(f"Incorrect number of parameters: expected {len(marks)} but found {len(parameters)}")
    for mark, parameter in reversed([*zip(marks, parameters, strict=True)]):
        try:
            literal = parse_one(parameter, read="athena")
        except ParseError:
            literal = exp.Column()
        if any(literal.find_all(exp.Column, exp.Query)):
            raise QueryError(f"ExecutionParameters: got {parameter}, allowed: a literal; texts are in single quotes")
        text = f"{text[: mark.start]}{parameter}{text[mark.end + 1 :]}"
    return text


def _syntax_error(error: Any) -> str:
    for found in getattr(error, "errors", ()):
        return f"line {found['line']}:{found['col']}: {found['description']}"
    return str(error)


def _name(table: "exp.Table") -> TableName:
    return table.db.lower(), table.name.lower()
