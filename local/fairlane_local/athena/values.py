"""Values and types of results, in the form of Athena."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

_TYPES: Final = {
    "BIGINT": ("bigint", 19),
    "BLOB": ("varbinary", 1073741824),
    "BOOLEAN": ("boolean", 0),
    "DATE": ("date", 0),
    "DECIMAL": ("decimal", 38),
    "DOUBLE": ("double", 17),
    "FLOAT": ("float", 17),
    "HUGEINT": ("bigint", 19),
    "INTEGER": ("integer", 10),
    "JSON": ("json", 0),
    "MAP": ("map", 0),
    "SMALLINT": ("smallint", 5),
    "STRUCT": ("row", 0),
    "TIMESTAMP": ("timestamp", 3),
    "TIMESTAMP WITH TIME ZONE": ("timestamp with time zone", 3),
    "TINYINT": ("tinyint", 3),
    "VARCHAR": ("varchar", 2147483647),
}
_DECIMAL_RANGE: Final = (1e-3, 1e7)
"""Numbers between these two are written without an exponent, as in Java."""


def column_info(name: str, duckdb_type: str) -> dict[str, Any]:
    """Return the metadata of a column of a result."""
    base, _, arguments = duckdb_type.partition("(")
    kind, precision = ("array", 0) if duckdb_type.endswith("]") else _TYPES.get(base.strip('"'), ("unknown", 0))
    scale = 0
    if kind == "decimal":
        precision, scale = json.loads(f"[{arguments.rstrip(')')}]")
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": name,
        "Label": name,
        "Type": kind,
        "Precision": precision,
        "Scale": scale,
        "Nullable": "UNKNOWN",
        "CaseSensitive": kind == "varchar",
    }


def to_text(value: Any) -> str | None:
    """Return a value as Athena writes it. None is NULL."""
    match value:
        case None | str():
            return value
        case bool():
            return str(value).lower()
        case float():
            return _number(value)
        case datetime():
            return value.strftime(f"%Y-%m-%d %H:%M:%S.{value.microsecond // 1000:03}{' UTC' if value.tzinfo else ''}")
        case date():
            return value.isoformat()
        case bytes():
            return value.hex(" ")
        case Mapping():
            return "{" + ", ".join(f"{_inner(key)}={_inner(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_inner, value)) + "]"
        case _:
            return str(value)


def _inner(value: Any) -> str:
    text = to_text(value)
    return "null" if text is None else text


def _number(value: float) -> str:
    """Return a number as Java writes it: 0.001, 1.0E-4, 9999999.0, 1.0E7."""
    if value != value or value in (float("inf"), float("-inf")):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    least, above = _DECIMAL_RANGE
    if value == 0 or least <= abs(value) < above:
        return repr(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    fraction = "".join(map(str, digits[1:])) or "0"
    return f"{'-' * sign}{digits[0]}.{fraction}E{int(exponent) + len(digits) - 1}"
