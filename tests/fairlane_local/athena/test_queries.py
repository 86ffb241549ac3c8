"""Calls, errors and limits of queries."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from fairlane_local import LocalAws
from fairlane_local.athena import engine, executions
from fairlane_local.clock import Clock
from tests.fairlane_local.athena.support import Store, table

pytestmark = pytest.mark.slow


def test_the_result_is_a_csv_object(store: Store) -> None:
    sql = "SELECT 'a \"b\"' AS text, CAST(NULL AS varchar) AS nothing, 1e-4, ARRAY[1, NULL], DATE '2026-01-02'"
    query = store.start(sql)
    description = store.wait(query)
    assert description["ResultConfiguration"]["OutputLocation"] == f"s3://store/athena/{query}.csv"
    body = store.s3.get_object(Bucket="store", Key=f"athena/{query}.csv")["Body"].read().decode()
    assert body == ('"text","nothing","_col2","_col3","_col4"\n"a ""b""",,"1.0E-4","[1, null]","2026-01-02"\n')
    result = store.athena.get_query_results(QueryExecutionId=query)["ResultSet"]
    columns = result["ResultSetMetadata"]["ColumnInfo"]
    assert [column["Type"] for column in columns] == ["varchar", "varchar", "double", "array", "date"]
    assert result["Rows"][1]["Data"][1] == {}
    assert query in store.athena.list_query_executions(WorkGroup="store")["QueryExecutionIds"]


def test_a_page_has_a_thousand_rows_with_the_header(store: Store) -> None:
    query = store.start("SELECT n FROM UNNEST(sequence(1, 2500)) AS t(n) ORDER BY n")
    store.wait(query)
    pages = [*store.athena.get_paginator("get_query_results").paginate(QueryExecutionId=query)]
    rows = [[row["Data"][0]["VarCharValue"] for row in page["ResultSet"]["Rows"]] for page in pages]
    assert [len(page) for page in rows] == [1000, 1000, 501]
    assert (rows[0][:2], rows[1][0], rows[2][-1]) == (["n", "1"], "1000", "2500")
    with pytest.raises(ClientError, match="MaxResults is more than"):
        store.athena.get_query_results(QueryExecutionId=query, MaxResults=1001)


def test_named_queries_are_read_by_id_at_most_50_at_once(store: Store) -> None:
    def create(number: int, **more: str) -> str:
        request = {"Name": f"query-{number}", "Database": "store", "QueryString": f"SELECT {number}"} | more
        return str(store.athena.create_named_query(WorkGroup="store", **request)["NamedQueryId"])

    first, second = create(1, Description="the first"), create(2)
    answer = store.athena.batch_get_named_query(NamedQueryIds=[second, "absent", first, second])
    common = {"Database": "store", "WorkGroup": "store"}
    one = {"NamedQueryId": first, "Name": "query-1", "QueryString": "SELECT 1", "Description": "the first", **common}
    two = {"NamedQueryId": second, "Name": "query-2", "QueryString": "SELECT 2", **common}
    message = "NamedQuery absent was not found"
    assert answer["NamedQueries"] == [two, one]
    assert answer["UnprocessedNamedQueryIds"] == [
        {"NamedQueryId": "absent", "ErrorCode": "INVALID_INPUT", "ErrorMessage": message}
    ]
    assert store.athena.get_named_query(NamedQueryId=first)["NamedQuery"] == one
    with pytest.raises(ClientError, match=message):
        store.athena.get_named_query(NamedQueryId="absent")
    ids = [f"absent-{number}" for number in range(51)]
    assert len(store.athena.batch_get_named_query(NamedQueryIds=ids[:50])["UnprocessedNamedQueryIds"]) == 50
    with pytest.raises(ClientError, match="NamedQueryIds has 51 IDs: use 1 to 50"):
        store.athena.batch_get_named_query(NamedQueryIds=ids)


def test_parameters_are_literals(store: Store) -> None:
    assert store.rows("SELECT ?, '?' -- ?\n WHERE 1 < ?", "'it''s'", "2") == [["it's", "?"]]
    for parameters in (("1",), ("1", "2", "3")):
        with pytest.raises(ClientError, match=f"expected 2 but found {len(parameters)}"):
            store.start("SELECT ?, ?", *parameters)
    for parameter in ("text", "(SELECT 1)", "1, 2"):
        with pytest.raises(ClientError, match="a literal; texts are in single quotes"):
            store.start("SELECT ?", parameter)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELEC 1", "line 1:"),
        ("SELECT * FROM (", "line 1:"),
        ("SELECT 'a", "Error tokenizing"),
        (" ; ", "Found: 0"),
        ("SELECT 1; SELECT 2", "Found: 2"),
        ("DROP TABLE results", "got DROP, allowed: SELECT"),
        ("INSERT INTO results SELECT 1", "got INSERT, allowed: SELECT"),
        ("CREATE TABLE x AS SELECT 1", "got CREATE, allowed: SELECT"),
        ("COPY results TO 'x'", "got COPY, allowed: SELECT"),
        ("SET memory_limit = '8GB'", "got SET, allowed: SELECT"),
    ],
)
def test_other_statements_are_refused(sql: str, message: str, store: Store) -> None:
    with pytest.raises(ClientError, match=f"InvalidRequestException.*{message}"):
        store.start(sql)


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT nosuch FROM failures WHERE sweep = 'a'", 'Referenced column "nosuch" not found'),
        ("SELECT * FROM other", "TABLE_NOT_FOUND: Table 'awsdatacatalog.store.other' does not exist"),
        ("SELECT * FROM x.results", "SCHEMA_NOT_FOUND: Schema 'x' does not exist"),
        ("SELECT * FROM glue.store.results", "CATALOG_NOT_FOUND: Catalog 'glue' does not exist"),
        ("SELECT CAST('a' AS integer)", "Could not convert string 'a' to INT32"),
        ("SELECT nosuch(1)", "nosuch does not exist"),
    ],
)
def test_a_query_that_fails_has_a_reason(sql: str, reason: str, store: Store) -> None:
    query = store.start(sql)
    status = store.wait(query)["Status"]
    assert status["State"] == "FAILED"
    assert reason in status["StateChangeReason"]
    assert "\n\nLINE" not in status["StateChangeReason"]
    with pytest.raises(ClientError, match="Final query state: FAILED"):
        store.athena.get_query_results(QueryExecutionId=query)


def test_no_file_of_the_computer_is_readable(store: Store, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("secret\n")
    variable = 41  # noqa: F841  DuckDB would find a data frame with this name
    for source in (
        f"read_csv('{secret}')",
        f"read_text('{secret}')",
        f"read_json('{secret}')",
        f"read_blob('{secret}')",
    ):
        state, reason = store.failure(f"SELECT * FROM {source}")
        assert state == "FAILED"
        assert "disabled by configuration" in reason
    for source in (f'"{secret}"', "variable", "duckdb_secrets"):
        assert store.failure(f"SELECT * FROM {source}")[1].startswith("TABLE_NOT_FOUND")
    assert os.environ["PATH"] not in store.failure("SELECT getenv('PATH')")[1]


def test_a_query_above_the_limit_of_its_workgroup_is_cancelled(store: Store) -> None:
    store.create(table("large", {"a": "string"}))
    store.put("large/1.json", json.dumps({"a": "x" * 9_999_987}).encode())
    assert store.rows("SELECT length(a) FROM large") == [["9999987"]]
    store.put("large/2.json", {"a": ""})
    assert store.failure("SELECT * FROM large") == ("CANCELLED", "Bytes scanned limit was exceeded")


def test_a_query_that_needs_too_much_memory_fails(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(engine._SETTINGS, "memory_limit", "20MB")
    assert "Out of Memory" in store.failure("SELECT array_agg(n) FROM UNNEST(sequence(1, 3000000)) AS t(n)")[1]


def test_a_result_has_a_largest_number_of_rows(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executions, "_MAX_ROWS", 3)
    assert len(store.rows("SELECT n FROM UNNEST(sequence(1, 3)) AS t(n)")) == 3
    assert store.failure("SELECT n FROM UNNEST(sequence(1, 4)) AS t(n)")[1].endswith("at most 3 rows: add a LIMIT")


def test_a_stopped_query_is_cancelled(store: Store) -> None:
    numbers = ", ".join(f"UNNEST(sequence(1, 9999)) AS t{n}(n{n})" for n in range(4))
    query = store.start(f"SELECT sum(n0 * n1 + n2 * n3) FROM {numbers}")
    with pytest.raises(ClientError, match="Query has not yet finished"):
        store.athena.get_query_results(QueryExecutionId=query)
    store.athena.stop_query_execution(QueryExecutionId=query)
    assert store.wait(query)["Status"]["State"] == "CANCELLED"
    store.athena.stop_query_execution(QueryExecutionId=query)
    assert store.rows("SELECT 1") == [["1"]]


def test_a_token_starts_one_query(store: Store) -> None:
    token = "t" * 32
    first = store.start("SELECT 1", ClientRequestToken=token)
    assert store.start("SELECT 1", ClientRequestToken=token) == first
    with pytest.raises(ClientError, match="Idempotent parameters do not match"):
        store.start("SELECT 2", ClientRequestToken=token)


def test_workgroups_and_output_locations(store: Store) -> None:
    with pytest.raises(ClientError, match="WorkGroup none is not found"):
        store.start("SELECT 1", WorkGroup="none")
    with pytest.raises(ClientError, match="No output location provided"):
        store.start("SELECT 1", WorkGroup="primary")
    with pytest.raises(ClientError, match="Unable to verify/create output bucket none"):
        store.start("SELECT 1", WorkGroup="primary", ResultConfiguration={"OutputLocation": "s3://none/"})
    given = {"OutputLocation": "s3://store/mine"}
    for group, prefix in (("primary", "mine"), ("store", "athena")):  # the group `store` enforces its location
        query = store.start("SELECT 1", WorkGroup=group, ResultConfiguration=given)
        location = store.wait(query)["ResultConfiguration"]["OutputLocation"]
        assert location == f"s3://store/{prefix}/{query}.csv"
    for call in (store.athena.get_query_execution, store.athena.stop_query_execution):
        with pytest.raises(ClientError, match="QueryExecution x was not found"):
            call(QueryExecutionId="x")


def test_a_server_without_queries_loads_neither_duckdb_nor_sqlglot() -> None:
    code = "import fairlane_local, sys; fairlane_local.LocalAws(); print({'duckdb', 'sqlglot'} & sys.modules.keys())"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout == "set()\n"


def test_time_stands_until_a_query_has_ended() -> None:
    with LocalAws(clock=Clock(None)) as aws:
        store = Store(aws)
        query = store.start("SELECT 1")
        aws.timeline.advance(1)
        execution = store.athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]
    assert execution["Status"]["State"] == "SUCCEEDED"
    assert execution["Status"]["CompletionDateTime"] == execution["Status"]["SubmissionDateTime"]
