"""Partitions that a query selects, from the conditions of its parts."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.optimizer.scope import Scope


class Selection:
    """Conditions on the tables of a query.

    Args:
        query: Query with a qualified name of each column.
    """

    def __init__(self, query: "exp.Expr") -> None:
        from sqlglot.optimizer.scope import Scope, traverse_scope  # noqa: PLC0415  loaded by the statement

        self._scopes = traverse_scope(query)
        self._uses: dict[int, list[tuple[Scope, str | None]]] = {}
        for scope in self._scopes:
            for alias, (_, source) in scope.selected_sources.items():
                if isinstance(source, Scope):
                    self._uses.setdefault(id(source), []).append((scope, alias))
            for branch in scope.set_operation_scopes:
                self._uses.setdefault(id(branch), []).append((scope, None))

    def tables(self) -> Iterator[tuple["Scope", str, "exp.Table"]]:
        """Yield each use of a table: the part of the query, the alias of the table there, and the table."""
        from sqlglot import exp  # noqa: PLC0415

        for scope in self._scopes:
            for alias, (_, source) in scope.selected_sources.items():
                if isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier):
                    yield scope, alias, source

    def values(self, scope: "Scope", alias: str, column: str) -> frozenset[str] | None:
        """Return the values of a column that a part of the query and the parts around it use. None: all values."""
        from sqlglot import exp  # noqa: PLC0415

        select: Any = scope.expression
        found = [_values(select, alias, column)]
        if not select.args.get("limit") and not select.find(exp.Window):
            found += [
                self._output_values(scope, position)
                for position, output in enumerate(select.selects)
                if _is_column(output.unalias(), alias, column)
            ]
        return _all_of(found)

    def _output_values(self, scope: "Scope", position: int) -> frozenset[str] | None:
        """Return the values of an output column of a part that the parts around it use."""
        query: Any = scope.expression
        name = query.selects[position].alias_or_name
        found = [
            self._output_values(user, position) if alias is None else self.values(user, alias, name)
            for user, alias in self._uses.get(id(scope), ())
            if user is not scope
        ]
        return _any_of(found) if found else None


def _values(select: "exp.Expr", alias: str, column: str) -> frozenset[str] | None:
    """Return the values of a column that the WHERE clause and the joins allow. None: all values."""
    where = select.args.get("where")
    joins = [
        join.args.get("on")
        for join in select.args.get("joins") or ()
        if join.side in ("", "LEFT" if join.alias_or_name == alias else "RIGHT")  # an outer join keeps all other rows
    ]
    return _all_of([_allowed(condition, alias, column) for condition in (where and where.this, *joins)])


def _allowed(condition: Any, alias: str, column: str) -> frozenset[str] | None:
    from sqlglot import exp  # noqa: PLC0415

    match condition:
        case exp.Paren():
            return _allowed(condition.this, alias, column)
        case exp.And():
            return _all_of([_allowed(side, alias, column) for side in (condition.left, condition.right)])
        case exp.Or():
            return _any_of([_allowed(side, alias, column) for side in (condition.left, condition.right)])
        case exp.EQ():
            for side, other in ((condition.left, condition.right), (condition.right, condition.left)):
                if _is_column(side, alias, column) and isinstance(other, exp.Literal):
                    return frozenset({other.name})
        case exp.In() if _is_column(condition.this, alias, column) and not condition.args.get("query"):
            if all(isinstance(item, exp.Literal) for item in condition.expressions):
                return frozenset(item.name for item in condition.expressions)
    return None


def _all_of(found: Sequence[frozenset[str] | None]) -> frozenset[str] | None:
    known = [values for values in found if values is not None]
    return frozenset.intersection(*known) if known else None


def _any_of(found: Sequence[frozenset[str] | None]) -> frozenset[str] | None:
    return None if None in found else frozenset().union(*(values or () for values in found))


def _is_column(value: Any, alias: str, column: str) -> bool:
    from sqlglot import exp  # noqa: PLC0415

    return isinstance(value, exp.Column) and value.table == alias and value.name.lower() == column
