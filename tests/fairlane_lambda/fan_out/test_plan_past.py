"""Reads of a plan from the ledger, which do not grow with the history of the manifest, and renewals of its lines."""

import json
from collections import Counter
from typing import Any
from unittest.mock import patch

import pytest

from fairlane_lambda.fan_out.names import line_digest, line_key, member_key
from fairlane_lambda.fan_out.plan import planning
from fairlane_lambda.fan_out.table import Table
from tests.fairlane_lambda.fan_out.fake_dynamodb import FakeDynamoDB
from tests.fairlane_lambda.fan_out.fake_objects import FakeObjects
from tests.fairlane_lambda.fan_out.plan_account import CONTAINERS, HOME, TEMPLATE, Account, line, manifest
from tests.fairlane_lambda.fan_out.test_plan_kills import Killer

DAY = 24 * 3600
YEAR = 400 * DAY


class Time:
    """Time of the function."""

    def __init__(self) -> None:
        self.days = 0.0

    def time(self) -> float:
        return 1_800_000_000 + self.days * DAY


@pytest.fixture
def time() -> Any:
    clock = Time()
    with patch("fairlane_lambda.fan_out.plan.manifest.time", clock):
        yield clock


@pytest.fixture
def fan_out(account: Account) -> Account:
    account.s3, account.dynamodb = FakeObjects(), FakeDynamoDB()
    account.config["regions"][HOME]["queues"].append("containers")
    account.batch[HOME].queues["containers"] = ("fifo", ())
    account.batch[HOME].containers = {"containers"}
    account.batch[HOME].definitions = [{"revision": 1}]
    account.s3.put_object(Key="templates/simulate.json", Body=json.dumps(CONTAINERS).encode())
    return account


def run(identifier: str) -> dict[str, Any]:
    return line(identifier, queue="containers", template="simulate", instance_count=None)


def settle(account: Account, state: dict[str, Any], job_state: str, clock: Time) -> None:
    """Submit the lines of a plan, as the function `submit` does."""
    account.settle(state, job_state)
    for entry in state["regions"]:
        for job in account.part(state, entry["region"]):
            expires(account, line_key(job["digest"]), int(clock.time()) + YEAR)


def expires(account: Account, key: str, at: int) -> None:
    account.table.update(("drives", key), "SET #expires = :at", "", {"at": at})


def days(account: Account, key: str, clock: Time) -> float:
    """Return the number of days after which an item expires."""
    item = account.table.get(("drives", key))
    assert item
    return float((item["expires"] - clock.time()) / DAY)


def test_calls_do_not_grow_with_the_history_of_a_manifest(fan_out: Account) -> None:
    """Each day has 30 new lines and 30 of the day before."""
    calls: list[int] = []
    with patch.object(planning, "CHUNK", 10):
        for day in range(12):
            numbers = range(30 * day, 30 * day + 60)
            lines = [run(f"{number}") if number % 2 else line(f"{number}") for number in numbers]
            event, counter, client = fan_out.put(manifest(*lines)), Counter[str](), fan_out.client

            def counting(service: str, region: str, calls: Any = counter, client: Any = client) -> Any:
                found = client(service, region)
                return Killer(found, calls, 0, after=False) if service in ("s3", "dynamodb") else found

            with (
                patch.object(fan_out, "client", counting),
                patch.object(Table, "query", side_effect=AssertionError("reads the history")),
            ):
                state = fan_out.run(**event)
            answer = fan_out.answer(state)
            expected = (60, 0, 0) if not day else (30, 30, 30)
            assert (answer["new"], answer["unchanged"], answer["removed"]) == expected
            fan_out.settle(state, "SUCCEEDED")
            calls.append(counter["all"])

    assert len(set(calls[1:])) == 1


@pytest.mark.parametrize("is_array", [False, True])
def test_line_that_stays_in_the_manifest_never_expires(fan_out: Account, time: Time, is_array: bool) -> None:
    lines = [run("a"), run("b")] if is_array else [line("a"), line("b")]
    first = fan_out.run(**fan_out.put(manifest(*lines)))
    settle(fan_out, first, "SUCCEEDED", time)
    [digest, *_] = [job["digest"] for job in fan_out.part(first, HOME)]
    keys = [line_key(digest)]
    if is_array:
        keys += [member_key(line_digest(one, json.dumps(CONTAINERS))) for one in lines]
        for child in (0, 1):
            fan_out.table.put({"pk": "drives", "sk": line_key(digest, child), "state": "FAILED"})
            expires(fan_out, line_key(digest, child), int(time.time()) + YEAR)
            keys.append(line_key(digest, child))

    for day in (199, 201, 390, 402, 700, 800, 1100):
        time.days = day
        fan_out.s3.now = int(time.time())
        state = fan_out.run(**fan_out.put(manifest(*lines)))
        assert state["regions"] == []
        for key in keys:
            assert days(fan_out, key, time) > (199 if day != 1100 else 399)
    assert {days(fan_out, key, time) for key in keys} == {400}


def test_line_is_renewed_once_in_half_of_its_life(fan_out: Account, time: Time) -> None:
    lines = [*(line(f"{number}") for number in range(150)), *(run(f"r{number}") for number in range(150))]
    settle(fan_out, fan_out.run(**fan_out.put(manifest(*lines))), "SUCCEEDED", time)
    transact, sizes = Table.transact, list[int]()

    def count(table: Table, *writes: Any) -> Any:
        sizes.extend([len(writes)] if "Update" in writes[0] else [])
        return transact(table, *writes)

    with patch.object(Table, "transact", count):
        for day in (100, 201, 300, 390):
            time.days = day
            fan_out.run(**fan_out.put(manifest(*lines)))
        assert (sum(sizes), max(sizes)) == (150 + 150 + 2, 100)  # the array job is in two blocks of lines


def test_check_renews_nothing(fan_out: Account, time: Time) -> None:
    settle(fan_out, fan_out.run(**fan_out.put(manifest(line("a")))), "SUCCEEDED", time)
    time.days = 300
    before = dict(fan_out.dynamodb.items)

    assert fan_out.run(**fan_out.put(manifest(line("a"))), operation="check")["status"] == "CHECKED"

    assert fan_out.dynamodb.items == before


def test_further_attempts_live_as_long_as_the_first(fan_out: Account, time: Time) -> None:
    one = line("a")
    event = fan_out.put(manifest(one))
    settle(fan_out, fan_out.run(**event), "FAILED", time)
    time.days = 150
    settle(fan_out, fan_out.run(**event, operation="retry"), "SUCCEEDED", time)

    time.days = 201
    fan_out.run(**event)
    first, second = (line_key(line_digest(one, json.dumps(TEMPLATE), attempt)) for attempt in (1, 2))
    assert days(fan_out, first, time) == days(fan_out, second, time) == 400
    assert fan_out.run(**event, operation="retry")["regions"] == []


def test_renewal_that_meets_another_write_is_made_alone(fan_out: Account, time: Time) -> None:
    lines = [line("a"), line("b")]
    settle(fan_out, fan_out.run(**fan_out.put(manifest(*lines))), "SUCCEEDED", time)
    time.days = 300
    keys = [line_key(line_digest(one, json.dumps(TEMPLATE))) for one in lines]
    transact = Table.transact

    def expire(table: Table, *writes: Any) -> Any:
        if "Update" in writes[0]:
            fan_out.dynamodb.items.pop(("drives", keys[0]), None)
        return transact(table, *writes)

    with patch.object(Table, "transact", expire):
        assert fan_out.run(**fan_out.put(manifest(*lines)))["status"] == "PLANNED"

    assert fan_out.table.get(("drives", keys[0])) is None
    assert days(fan_out, keys[1], time) == 400
