"""Order of the versions of a manifest: a version is not planned after a newer one, and changes nothing of its plan."""

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest

from fairlane_lambda.fan_out.plan import handler, planning
from fairlane_lambda.fan_out.table import Table
from fairlane_lambda.fan_out.versions import Version, Versions
from tests.fairlane_lambda.fan_out.fake_dynamodb import FakeDynamoDB
from tests.fairlane_lambda.fan_out.fake_objects import FakeObjects
from tests.fairlane_lambda.fan_out.plan_account import CONTAINERS, HOME, Account, line, manifest


@pytest.fixture
def containers(account: Account) -> Iterator[Account]:
    """Account with a queue for containers, and array jobs of at most three lines."""
    account.s3, account.dynamodb = FakeObjects(), FakeDynamoDB()
    account.batch[HOME].containers = {"training"}
    account.batch[HOME].definitions = [{"revision": 1}]
    account.config["template"] = json.dumps(CONTAINERS)
    with patch.object(planning, "CHUNK", 3):
        yield account


def put(account: Account, identifiers: str, name: str = "drives.jsonl") -> dict[str, str]:
    return account.put(manifest(*(line(one, instance_count=None) for one in identifiers)), name)


def withdrawn(account: Account) -> set[str]:
    items = [*account.table.query("drives", "line#")]
    return {item["sk"] for item in items if item["state"] == "WITHDRAWN"}


@pytest.mark.parametrize("seconds", [0, 1])
@pytest.mark.parametrize("operation", ["start", "retry"])
def test_late_event_of_an_older_version_changes_nothing(containers: Account, seconds: int, operation: str) -> None:
    older = put(containers, "abc")
    containers.s3.now += seconds
    newer = put(containers, "abd")
    first = containers.run(**newer)
    record = containers.ledger.manifest("drives")

    state = containers.run(**older, operation=operation)

    assert state["status"] == "REFUSED"
    remedy = "start the manifest again to submit this one"
    problem = f"manifests/drives.jsonl: version 2 of manifests/drives.jsonl is newer: {remedy}"
    assert containers.answer(state)["problems"] == [problem]
    assert containers.ledger.manifest("drives") == record
    assert withdrawn(containers) == set()
    assert containers.run(**newer) == first


def test_newer_object_of_another_key_counts(containers: Account) -> None:
    older = put(containers, "abc", "drives.jsonl")
    containers.s3.now += 1
    newer = containers.put("id,region,data\na,us-east-1,s3://b/a\n", "drives.csv")

    assert containers.run(**newer)["status"] == "PLANNED"
    assert containers.run(**older)["status"] == "REFUSED"


def test_of_two_objects_of_one_second_the_last_planned_one_counts(containers: Account) -> None:
    first, second = put(containers, "abc"), containers.put("id,region,data\na,us-east-1,s3://b/a\n", "drives.csv")

    assert containers.run(**second)["status"] == "PLANNED"
    assert containers.run(**first)["status"] == "PLANNED"
    assert containers.run(**second)["status"] == "PLANNED"


def test_plan_of_an_older_version_stays(containers: Account) -> None:
    older = put(containers, "abc")
    state = containers.run(**older)
    before = containers.answer(state)
    containers.run(**put(containers, "abd"))

    assert containers.run(**older)["status"] == "REFUSED"
    assert containers.answer(state) == before


def test_refused_and_checked_versions_do_not_count(containers: Account) -> None:
    older = put(containers, "abc")
    assert containers.run(**put(containers, "aa"))["status"] == "REFUSED"
    assert containers.run(**put(containers, "ab"), operation="check")["status"] == "CHECKED"

    assert containers.run(**older)["status"] == "PLANNED"
    containers.run(**put(containers, "abd"))
    assert containers.run(**older, operation="check")["status"] == "CHECKED"


@pytest.mark.parametrize("at", range(12))
def test_newer_version_that_overtakes_a_plan_wins(containers: Account, at: int) -> None:
    """The newer version is planned before any of the writes of the older one to the ledger."""
    containers.run(**put(containers, "xab"))
    older, newer = put(containers, "abcd"), put(containers, "abce")
    methods = {name: getattr(Table, name) for name in ("put", "update", "transact")}
    calls, others = 0, list[dict[str, Any]]()

    def overtaken(name: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == at + 1:
                others.append(containers.run(**newer))
            return methods[name](*arguments, **named)

        return call

    with (
        patch.object(Table, "put", overtaken("put")),
        patch.object(Table, "update", overtaken("update")),
        patch.object(Table, "transact", overtaken("transact")),
    ):
        state = containers.run(**older)
    if not others:
        assert at > 5
        others.append(containers.run(**newer))
    while others[0]["status"] == "WAIT":
        others[0] = containers.run(**others[0])
    record = containers.ledger.manifest("drives") or {}

    while state["status"] == "WAIT":
        state = containers.run(**state)
    assert record["version"] == newer["version"] == (containers.ledger.manifest("drives") or {})["version"]
    jobs = containers.part(others[0], HOME)
    assert sorted(child for job in jobs for child in job["children"]) == ["a", "b", "c", "e"]
    assert not {f"line#{job['digest']}" for job in jobs} & withdrawn(containers)
    if state["status"] == "PLANNED":  # it ended before the newer one started
        own = [job for job in containers.part(state, HOME) if job not in jobs]
        left = [job["children"] for job in own if f"line#{job['digest']}" not in withdrawn(containers)]
        assert left in ([], [["d"]])


def test_older_version_that_waits_for_its_copies_is_not_started(containers: Account) -> None:
    candidates = [{"region": HOME, "data": "s3://fan-out-bucket/a", "copy_to": "s3://near/"}]
    older = containers.put(manifest(line("a", region=None, data=None, candidates=candidates, instance_count=None)))
    with patch.object(handler, "start", return_value=True):
        waiting = containers.run(**older)
    assert waiting["status"] == "WAIT"
    newer = containers.run(**put(containers, "b"))

    with patch.object(handler, "start", return_value=False):
        state = containers.run(**waiting)

    assert (newer["status"], state["status"]) == ("PLANNED", "REFUSED")
    assert (containers.ledger.manifest("drives") or {})["version"] == newer["version"]


def test_version_that_is_registered_at_the_same_time_is_compared_again() -> None:
    table = Table(FakeDynamoDB(), "table")
    versions = Versions(table, lambda _, one, other: int(one) > int(other))
    update = Table.update

    def register_another(*arguments: Any, **named: Any) -> Any:
        with patch.object(Table, "update", update):
            versions.register("drives", version_of("3"), 1)
        return update(*arguments, **named)

    with patch.object(Table, "update", register_another):
        assert versions.register("drives", version_of("2"), 1) == version_of("3")
        assert versions.register("drives", version_of("4"), 1) is None
    assert versions.find_newer("drives", version_of("3")) == version_of("4")


def version_of(identifier: str) -> Version:
    return Version("manifests/drives.jsonl", identifier, 1)


def test_close_of_a_version_leaves_a_newer_one(containers: Account) -> None:
    first = containers.run(**put(containers, "abc"))
    containers.run(**put(containers, "abd"))
    assert not containers.ledger.close_manifest("drives", first["version"], "SUBMITTED")
    assert (containers.ledger.manifest("drives") or {})["state"] == "SUBMITTING"
