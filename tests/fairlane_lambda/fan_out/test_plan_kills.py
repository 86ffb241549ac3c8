"""Plans that are killed before or after any of their calls to Amazon S3 and DynamoDB, and run again."""

import json
from collections import Counter
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import pytest

from fairlane_lambda.fan_out.placement import Placer
from fairlane_lambda.fan_out.plan import past, planning
from fairlane_lambda.fan_out.table import Table
from tests.fairlane_lambda.fan_out.fake_dynamodb import FakeDynamoDB
from tests.fairlane_lambda.fan_out.fake_objects import FakeObjects
from tests.fairlane_lambda.fan_out.plan_account import BUCKET, CONTAINERS, HOME, TEMPLATE, Account, Last, line, manifest

WEST = "eu-west-1"


class Killed(BaseException):
    """End of the function by a kill."""


class Killer:
    """Client that kills the function at one call.

    Args:
        client: Client that makes the calls.
        calls: Number of calls so far. Clients share it.
        at: Number of the call, from 1. 0 for never.
        after: True to kill after the call.
    """

    def __init__(self, client: Any, calls: Counter[str], at: int, after: bool) -> None:
        self._client, self._calls, self._at, self._after = client, calls, at, after

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)
        if not callable(call) or name in ("get_paginator", "exceptions"):
            return call

        def kill(**request: Any) -> Any:
            self._calls["all"] += 1
            is_last = self._calls["all"] == self._at
            if is_last and not self._after:
                raise Killed
            try:
                return call(**request)
            finally:
                if is_last:
                    raise Killed

        return kill


def run(account: Account, event: dict[str, Any], at: int, after: bool) -> tuple[dict[str, Any] | None, int]:
    """Return the state, or None if the function was killed, and the number of calls."""
    calls: Counter[str] = Counter()
    client = account.client

    def killing(service: str, region: str) -> Any:
        found = client(service, region)
        return Killer(found, calls, at, after) if service in ("s3", "dynamodb") else found

    with patch.object(account, "client", killing):
        try:
            return account.run(**event), calls["all"]
        except Killed:
            return None, calls["all"]


def jobs(account: Account, state: dict[str, Any]) -> dict[str, str]:
    """Return the name of the job by line."""
    found: dict[str, str] = {}
    for entry in state["regions"]:
        for job in account.part(state, entry["region"]):
            for identifier in job.get("children", [job["id"]]):
                assert identifier not in found
                found[identifier] = f"{entry['region']} {job['name']}"
    return found


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
def test_killed_plan_has_the_same_jobs_when_it_runs_again(account: Account, after: bool) -> None:
    for region in (HOME, WEST):
        account.config["regions"][region]["queues"].append("containers")
        account.batch[region].queues["containers"] = ("fifo", ())
        account.batch[region].containers = {"containers"}
        account.batch[region].definitions = [{"revision": 1}]
    account.config["template"] = json.dumps(TEMPLATE)
    account.s3.put_object(Bucket=BUCKET, Key="templates/simulate.json", Body=json.dumps(CONTAINERS).encode())
    containers = {"queue": "containers", "template": "simulate", "instance_count": None}
    candidates = [{"region": region} for region in (HOME, WEST)]
    lines = [
        line("a", region=None, candidates=candidates),
        line("b", region=WEST),
        line("c", **containers),
        line("d", **containers),
    ]
    lines += [line("e", region=WEST, **containers), line("f", **containers)]
    versions = 0

    def event() -> dict[str, Any]:
        nonlocal versions
        versions += 1
        return account.put(manifest(*lines), f"drives-{versions}.jsonl")

    with patch.object(planning, "CHUNK", 2):
        _, calls = run(account, event(), 0, after)
        assert calls > 10
        for at in range(1, calls + 1):
            again = event()
            killed, _ = run(account, again, at, after)
            assert killed is None
            state, _ = run(account, again, 0, after)
            assert state
            assert state["status"] == "PLANNED"
            first = jobs(account, state)
            assert [*sorted(first)] == ["a", "b", "c", "d", "e", "f"]
            account.placer = Last
            assert jobs(account, account.run(**again)) == first
            account.placer = Placer


@pytest.mark.parametrize("is_killed", [False, True])
def test_plan_that_lacks_time_for_its_array_jobs_goes_on(account: Account, is_killed: bool) -> None:
    """Each run adds an array job, one that is killed too: no run starts from zero."""
    account.s3, account.dynamodb = FakeObjects(), FakeDynamoDB()
    account.batch[HOME].containers = {"training"}
    account.batch[HOME].definitions = [{"revision": 1}]
    account.config["template"] = json.dumps(CONTAINERS)
    account.remaining_ms = 900_000 if is_killed else 10_000
    event = account.put(manifest(*(line(f"{number}", instance_count=None) for number in range(35))))
    transact, states, runs, calls = Table.transact, list[str](), 0, 0

    def kill(table: Table, *writes: Any) -> Any:
        nonlocal calls
        calls += 1
        if is_killed and calls > 6:  # an array job has five transactions
            raise Killed
        return transact(table, *writes)

    with (
        patch.object(planning, "CHUNK", 10),
        patch.object(past, "TRANSACTION", 3),
        patch.object(Table, "transact", kill),
    ):
        while "PLANNED" not in states:
            runs, calls = runs + 1, 0
            with suppress(Killed):
                state = account.run(**event)
                states.append(state["status"])
            assert runs < 6

    assert sorted(jobs(account, state), key=int) == [f"{number}" for number in range(35)]
    assert states == (["PLANNED"] if is_killed else ["WAIT"] * 3 + ["PLANNED"])
