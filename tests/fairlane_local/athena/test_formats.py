"""Formats of tables, their partitions, and values of results."""

import gzip
import time
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from fairlane_local.athena.values import column_info, to_text
from tests.fairlane_local.athena.support import Store, table

CSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"


@pytest.mark.slow
def test_csv_objects(store: Store) -> None:
    columns = {"name": "string", "number": "int", "day": "date"}
    parameters = {"skip.header.line.count": "1"}
    store.create(table("csv", columns, CSV, parameters=parameters, options={"separatorChar": ";"}))
    store.put("csv/1.csv", b'name;number;day\n"a;b";1;2026-01-02\nc;;\n')
    store.put("csv/2.csv.gz", gzip.compress(b"name;number;day\nd;2;2026-01-03\n"))
    assert store.rows("SELECT * FROM csv ORDER BY name") == [
        ["a;b", "1", "2026-01-02"],
        ["c", None, None],
        ["d", "2", "2026-01-03"],
    ]


@pytest.mark.slow
def test_parquet_objects(store: Store, tmp_path: Path) -> None:
    store.create(table("parquet", {"a": "bigint", "tags": "map<string,int>", "missing": "string"}, PARQUET))
    for number, sql in enumerate(("SELECT 1 AS A, MAP {'x': 2} AS tags, 3 AS other", "SELECT 4 AS a")):
        path = tmp_path / f"{number}.parquet"
        duckdb.sql(f"COPY ({sql}) TO '{path}' (FORMAT parquet)")
        store.put(f"parquet/{path.name}", path.read_bytes())
    assert store.rows("SELECT * FROM parquet ORDER BY a") == [["1", "{x=2}", None], ["4", None, None]]


@pytest.mark.slow
def test_hive_style_partitions(store: Store) -> None:
    store.create(table("hive", {"n": "int"}, partitions=["region", "day"]))
    for number, prefix in enumerate(("region=a/day=1/", "region=a/day=2/sub/", "region=b%20c/day=1/")):
        store.put(f"hive/{prefix}{number}.json", {"n": number})
    for hidden in ("region=a/day=1/_SUCCESS", "region=a/day=1/.x/1.json", "region=a/1.json", "other.json"):
        store.put(f"hive/{hidden}", {"n": 9})
    store.put("hive/region=a/day=3/empty.json", b"")
    rows = store.rows("SELECT n, region, day FROM hive ORDER BY n")
    assert rows == [["0", "a", "1"], ["1", "a", "2"], ["2", "b c", "1"]]
    query = store.start("SELECT * FROM hive WHERE region = 'a' AND day IN ('2', '3')")
    assert store.wait(query)["Statistics"]["DataScannedInBytes"] == len('{"n": 1}\n')


@pytest.mark.slow
def test_enum_partitions_ignore_other_prefixes(store: Store) -> None:
    parameters = {
        "projection.enabled": "TRUE",
        "projection.team.type": "enum",
        "projection.team.values": "A, b",
        "storage.location.template": "s3://store/enum/for-${team}",
    }
    store.create(table("enum", {"n": "int"}, partitions=["team"], parameters=parameters))
    for number, team in enumerate(("A", "b", "c")):
        store.put(f"enum/for-{team}/x.json", {"n": number})
    assert store.rows("SELECT n, team FROM enum ORDER BY n") == [["0", "A"], ["1", "b"]]
    assert store.rows("SELECT n FROM enum WHERE team = 'c'") == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "description", "reason"),
    [
        ("orc", {"serde": "org.apache.hadoop.hive.ql.io.orc.OrcSerde"}, "got OrcSerde, allowed: JsonSerDe, "),
        (
            "dates",
            {"partitions": ["day"], "parameters": {"projection.enabled": "true", "projection.day.type": "date"}},
            "projection.day of table store.dates: the local AWS supports days in the format yyyy-MM-dd, and a range",
        ),
        (
            "integers",
            {"partitions": ["m"], "parameters": {"projection.enabled": "true", "projection.m.type": "integer"}},
            "projection.m.type of table store.integers: got 'integer', the local AWS supports enum, injected and date",
        ),
        ("wrong", {"columns": {"n": "nosuch<"}}, "unknown column type nosuch<"),
    ],
)
def test_unsupported_tables(name: str, description: dict[str, Any], reason: str, store: Store) -> None:
    store.create(table(name, **{"columns": {"n": "int"}} | description))
    state, text = store.failure(f"SELECT * FROM {name}")
    assert state == "FAILED"
    assert reason in text


@pytest.mark.slow
def test_a_malformed_object_fails_the_query_by_its_url(store: Store) -> None:
    store.create(table("strict", {"n": "int"}))
    store.put("strict/good.json", {"n": 1})
    store.put("strict/bad.json", b'{"n": ')
    state, reason = store.failure("SELECT * FROM strict")
    assert (state, reason.split(":")[0]) == ("FAILED", "HIVE_CURSOR_ERROR")
    assert "s3://store/strict/bad.json" in reason
    assert "fairlane-athena-" not in reason


@pytest.mark.slow
def test_whole_numbers_are_divided_as_in_athena(store: Store) -> None:
    assert store.rows("SELECT 7 / 2, 7 / 2.0, from_unixtime(1.5)") == [["3", "3.5", "1970-01-01 00:00:01.500 UTC"]]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (0.1, "0.1"),
        (0.001, "0.001"),
        (0.0001, "1.0E-4"),
        (-0.00025, "-2.5E-4"),
        (9_999_999.5, "9999999.5"),
        (1e7, "1.0E7"),
        (123456789.25, "1.2345678925E8"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (Decimal("1.50"), "1.50"),
        (True, "true"),
        (None, None),
        (b"ab", "61 62"),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, 4, 5, 6000), "2026-01-02 03:04:05.006"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02 00:00:00.000 UTC"),
        ({"a": [1, None], "b": {"c": 0.5}}, "{a=[1, null], b={c=0.5}}"),
    ],
)
def test_values_are_texts_of_java(value: object, text: str | None) -> None:
    assert to_text(value) == text


def test_types_of_columns() -> None:
    types = ["DECIMAL(5,2)", "HUGEINT", "MAP(VARCHAR, DOUBLE)", "VARCHAR[]", "STRUCT(a INTEGER)", '"NULL"']
    columns = [column_info("x", kind) for kind in types]
    assert [column["Type"] for column in columns] == ["decimal", "bigint", "map", "array", "row", "unknown"]
    assert (columns[0]["Precision"], columns[0]["Scale"]) == (5, 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("days", "options", "found"),
    [
        ("2026-01-02,2026-01-03", {}, ["2", "3"]),
        (" 2026-01-03 , NOW", {"interval": "1", "interval.unit": "DAYS"}, ["3", "9"]),
        ("NOW-1DAY,NOW+1DAYS", {}, ["9"]),
        ("2026-01-03,2026-01-01", {}, []),
        ("2026-01-01", {}, None),
        ("2026-13-01,NOW", {}, None),
        ("NOW-1MONTHS,NOW", {}, None),
        ("2026-01-02,NOW", {"interval": "2"}, None),
        ("2026-01-02,NOW", {"interval.unit": "HOURS"}, None),
    ],
)
def test_a_date_projection_has_the_days_of_its_range(
    days: str, options: dict[str, str], found: list[str] | None, store: Store
) -> None:
    today = datetime.fromtimestamp(time.time(), UTC).date().isoformat()
    parameters = {"type": "date", "format": "yyyy-MM-dd", "range": days, **options}
    name = f"days_{abs(hash((days, *options.values())))}"
    properties = {f"projection.day.{key}": value for key, value in parameters.items()}
    description = table(name, {"n": "int"}, partitions=["day"], parameters={"projection.enabled": "true", **properties})
    store.create(description)
    for number, day in ((1, "2026-01-01"), (2, "2026-01-02"), (3, "2026-01-03"), (9, today), (5, "no-day")):
        store.put(f"{name}/day={day}/a.json", {"n": number})
    sql = f"SELECT n FROM {name} ORDER BY n"
    if found is None:
        assert "INVALID_TABLE_PROPERTY: projection.day of table" in store.failure(sql)[1]
    else:
        assert [row[0] for row in store.rows(sql)] == found
