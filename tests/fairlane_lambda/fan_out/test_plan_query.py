"""Manifests that a query makes, and copies of data before the jobs."""

from typing import Any
from unittest.mock import patch

import pytest

from fairlane_lambda.fan_out.copy_jobs import CopyFailed
from fairlane_lambda.fan_out.plan import handler
from tests.fairlane_lambda.fan_out.plan_account import BUCKET, HOME, Account, error, line, manifest

HEADER = '"id","region","data","instance_count","lr"\n'
ROWS = '"a","us-east-1","s3://b/a","15","0.5"\n"b","us-east-1","s3://b/b","1",\n'


def query(account: Account, content: str, **event: Any) -> dict[str, Any]:
    """Return the state after a query that ends between two calls."""
    started = account.run(**event)
    assert started["status"] == "WAIT"
    assert account.run(**started) == started
    account.athena.state = "SUCCEEDED"
    account.s3.put_object(Bucket=BUCKET, Key="queries/query-1.csv", Body=content.encode())
    return account.run(**started)


def test_query_makes_the_manifest(account: Account) -> None:
    state = query(account, HEADER + ROWS, operation="query")

    assert account.athena.queries == ["SELECT 1"]
    assert (state["status"], state["manifest"]) == ("PLANNED", "campaigns")
    assert [job["id"] for job in account.part(state, HOME)] == ["a", "b"]
    assert (account.ledger.manifest("campaigns") or {})["key"] == "queries/query-1.csv"


def test_daily_query_trains_only_what_is_new(account: Account) -> None:
    account.settle(query(account, HEADER + ROWS, operation="query"))
    account.athena.state = "RUNNING"

    state = query(account, HEADER + ROWS + '"c","us-east-1","s3://b/c","2",\n', operation="query")

    assert [job["id"] for job in account.part(state, HOME)] == ["c"]


def test_result_of_a_query_can_be_retried(account: Account) -> None:
    first = query(account, HEADER + ROWS, operation="query")
    account.settle(first, "FAILED")

    retry = account.run(key="queries/query-1.csv", version=first["version"], operation="retry")

    assert retry["manifest"] == "campaigns"
    assert [job["id"] for job in account.part(retry, HOME)] == ["a", "b"]


def test_query_can_be_checked(account: Account) -> None:
    state = query(account, HEADER + ROWS, operation="check", query=True)

    assert state["status"] == "CHECKED"
    assert account.answer(state)["new"] == 2
    assert account.ledger.manifest("campaigns") is None


def test_query_without_rows_is_refused(account: Account) -> None:
    state = query(account, HEADER, operation="query")

    assert state["status"] == "REFUSED"
    assert account.answer(state)["problems"] == ["the query gives no rows"]


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
def test_query_that_fails_is_refused(account: Account, state: str, capsys: pytest.CaptureFixture[str]) -> None:
    started = account.run(operation="query")
    account.athena.state, account.athena.reason = state, "COLUMN_NOT_FOUND: secret"

    refused = account.run(**started)

    assert account.answer(refused)["problems"] == [f"query: {state}: COLUMN_NOT_FOUND: secret"]
    assert "secret" not in capsys.readouterr().out


def test_query_that_athena_refuses_is_refused(account: Account) -> None:
    with patch.object(account.athena, "start_query_execution", side_effect=error("InvalidRequestException", "Start")):
        state = account.run(operation="query")

    assert state["status"] == "REFUSED"
    assert account.answer(state)["problems"][0].startswith("query: An error occurred")


def test_query_that_writes_elsewhere_is_refused(account: Account) -> None:
    started = account.run(operation="query")
    account.athena.state = "SUCCEEDED"
    with patch("tests.fairlane_lambda.fan_out.plan_account.BUCKET", "other"):
        state = account.run(**started)

    assert account.answer(state)["problems"] == [
        f"query: the query is no SELECT, or its workgroup does not write to {BUCKET}"
    ]


def test_fan_out_without_a_query_is_refused(account: Account) -> None:
    account.config["query"] = None

    assert account.answer(account.run(operation="query"))["problems"] == ["query: the fan-out has no query"]


def copied() -> str:
    candidates = [{"region": HOME, "data": f"s3://{BUCKET}/a", "copy_to": "s3://near/"}]
    return manifest(line(region=None, data=None, candidates=candidates, data_gb=100))


def test_jobs_wait_for_copies(account: Account) -> None:
    pending = ["plans/copies/waiting/1.json"] * 2 + [""]
    seen, waiting = [], []

    def start(copies: Any, key: str) -> str:
        seen.append([*copies])
        waiting.append(key)
        return pending.pop(0)

    with patch.object(handler, "start", start):
        first = account.plan(copied())
        second = account.run(**first)
        third = account.run(**second)

    assert (first["status"], first["seconds"], second["status"], third["status"]) == ("WAIT", 60, "WAIT", "PLANNED")
    assert [[(copy.source, copy.target, copy.lines) for copy in copies] for copies in seen] == [
        [(f"s3://{BUCKET}/a", "s3://near/a", (1,))]
    ] * 3
    assert waiting == ["", *["plans/copies/waiting/1.json"] * 2]
    [job] = account.part(third, HOME)
    assert "s3://near/a" in job["request"]["serviceRequestPayload"]


def test_failed_copies_are_refused_in_one_answer(account: Account) -> None:
    problems = [f"line {number}: 3 objects failed" for number in range(102)]
    with patch.object(handler, "start", side_effect=CopyFailed(*problems)):
        state = account.plan(copied())

    assert state["status"] == "REFUSED"
    assert account.answer(state)["problems"] == [*problems[:100], "and 2 more problems"]


def test_a_copy_names_the_first_lines_that_need_it(account: Account) -> None:
    candidates = [{"region": HOME, "data": f"s3://{BUCKET}/a", "copy_to": "s3://near/"}]
    lines = [line(f"{number}", region=None, data=None, candidates=candidates) for number in range(12)]

    state = account.plan(manifest(*lines), operation="check")

    [copy] = account.answer(state)["copies"]
    assert copy["lines"] == [*range(1, 12)]


def test_two_sources_are_not_copied_to_one_location(account: Account) -> None:
    account.config["copy_from"] = ["s3://"]
    lines = [
        line(
            bucket,
            region=None,
            data=None,
            candidates=[{"region": HOME, "data": f"s3://{bucket}/a/", "copy_to": "s3://near/"}],
        )
        for bucket in ("one", "two")
    ]

    state = account.plan(manifest(*lines), operation="check")

    assert account.answer(state)["problems"] == [
        "line 2: copy_to: line 1 copies other data to the same location: use another copy_to"
    ]


def test_check_lists_copies_and_starts_none(account: Account) -> None:
    with patch.object(handler, "start", side_effect=AssertionError):
        state = account.plan(copied(), operation="check")

    [copy] = account.answer(state)["copies"]
    assert (copy["from"], copy["to"], copy["region"], copy["gigabytes"]) == (
        f"s3://{BUCKET}/a",
        "s3://near/a",
        HOME,
        100,
    )


@pytest.mark.parametrize("key", ["copy_from", "copy_to"])
def test_copies_outside_of_the_prefixes_are_refused(account: Account, key: str) -> None:
    account.config[key] = ["s3://elsewhere/"]

    state = account.plan(copied(), operation="check")

    assert account.answer(state)["problems"] == [
        f"line 1: no candidate left: {HOME}: {key} of the fan-out has no prefix for the copy"
    ]
