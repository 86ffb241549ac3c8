"""Plans and submissions of a manifest together: versions that change while they are submitted, and stops at any call."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Any
from unittest.mock import patch

import pytest

from fairlane_lambda.fan_out.arrays import members_key
from fairlane_lambda.fan_out.names import line_digest
from fairlane_lambda.fan_out.plan import planning
from tests.fairlane_lambda.fan_out.fake_objects import FakeObjects
from tests.fairlane_lambda.fan_out.plan_account import CONTAINERS, HOME, TEMPLATE, Account, line, manifest
from tests.fairlane_lambda.fan_out.test_plan_kills import Killed
from tests.fairlane_lambda.fan_out.world import World

WEST = "eu-west-1"
SHORT_MS = 33_000
"""Life of a function that submits for three seconds."""


class FanOut:
    """Fan-out whose functions `plan` and `submit` share a bucket, a ledger and AWS Batch.

    Attributes:
        parts: Inputs of `submit` of all plans, by version.
    """

    def __init__(self, account: Account) -> None:
        self.account, self.world = account, World()
        objects: Any = FakeObjects()
        self.world.s3 = account.s3 = objects
        account.dynamodb = self.world.dynamodb
        account.s3.put_object(Key="templates/simulate.json", Body=json.dumps(CONTAINERS).encode())
        self.parts: dict[str, list[dict[str, Any]]] = {}

    def put(self, lines: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        return self.account.put(manifest(*lines))

    def plan(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Plan a version, and keep the inputs of `submit`."""
        state = self.account.run(**event)
        while state["status"] == "WAIT":
            state = self.account.run(**state)
        self.parts[event["version"]] = state.get("regions", [])
        return state

    def submit(self, version: str, milliseconds: int) -> None:
        """Run the function `submit` once in each Region."""
        self.world._function_ms = milliseconds

        def invoke() -> None:
            for event in self.parts[version]:
                event.update(self.world.invoke(event))

        self.world.simulation.run([invoke])
        self.world._function_ms = 900_000

    def finish(self, *versions: str) -> None:
        """Run the executions of versions at once, until they end."""
        self.world.run([event for version in versions for event in self.parts[version]])

    def stop(self) -> None:
        self.account.ledger.set_manifest("drives", stopped=True, state="STOPPED")

    def jobs(self) -> Counter[str]:
        """Return the number of jobs by digest of a line, also of the lines of array jobs."""
        found = Counter[str]()
        for batch in self.world.batches.values():
            for job in batch.jobs:
                digest = job["jobName"].rpartition("_")[2]
                try:
                    rows = self.account.read(members_key("drives", digest)).splitlines()[1:]
                except Exception:
                    found[digest] += 1
                else:
                    found.update(json.loads(row)[0] for row in rows)
        return found


@pytest.fixture(autouse=True)
def containers(account: Account) -> Iterator[None]:
    """Queues for containers in two Regions, and array jobs of at most five lines."""
    for region in (HOME, WEST):
        account.config["regions"][region]["queues"].append("containers")
        account.batch[region].queues["containers"] = ("fifo", ())
        account.batch[region].containers = {"containers"}
        account.batch[region].definitions = [{"revision": 1}]
    with patch.object(planning, "CHUNK", 5):
        yield


def lines_of(number: int, *, changed: int = -1) -> list[dict[str, Any]]:
    """Return lines, three of four of them for containers. One is changed."""
    lines = []
    for index in range(number):
        fields: dict[str, Any] = {"region": HOME if index % 3 else WEST}
        if index % 4:
            fields |= {"queue": "containers", "template": "simulate", "instance_count": None}
        lines.append(line(f"{index}", parameters={"lr": 2 if index == changed else 1}, **fields))
    return lines


def digests(lines: Sequence[Mapping[str, Any]]) -> set[str]:
    return {line_digest(one, json.dumps(CONTAINERS if "template" in one else TEMPLATE)) for one in lines}


@pytest.mark.parametrize("seed", range(6))
def test_version_that_changes_while_it_is_submitted(account: Account, seed: int) -> None:
    """The first version is half submitted, the second one is planned, then the executions of both go on."""
    fan_out, random = FanOut(account), Random(seed)
    number = random.randint(80, 120)
    first, second = lines_of(number), lines_of(number, changed=random.randrange(number))
    if seed % 2:
        random.shuffle(second)
    older = fan_out.put(first)
    fan_out.plan(older)
    fan_out.submit(older["version"], SHORT_MS)
    assert 0 < fan_out.jobs().total() < number
    newer = fan_out.put(second)
    fan_out.plan(newer)

    fan_out.finish(older["version"], newer["version"])

    jobs = fan_out.jobs()
    assert set(jobs.values()) == {1}
    assert digests(second) <= {*jobs} <= digests(first) | digests(second)
    assert fan_out.plan(newer)["status"] == "PLANNED"
    fan_out.finish(newer["version"])
    assert fan_out.jobs() == jobs


class _Stopping:
    """Client that calls a function before one of its calls."""

    def __init__(self, client: Any, calls: Counter[str], at: int, stop: Any) -> None:
        self._client, self._calls, self._at, self._stop = client, calls, at, stop

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)
        if not callable(call) or name == "get_paginator":
            return call

        def stopping(**request: Any) -> Any:
            self._calls["all"] += 1
            if self._calls["all"] == self._at:
                self._stop()
            return call(**request)

        return stopping


def plan_with_stop(fan_out: FanOut, event: Mapping[str, Any], at: int, *, is_killed: bool) -> int:
    """Plan a version that is stopped before one of its calls, and return the number of calls."""
    calls, client = Counter[str](), fan_out.account.client

    def stop() -> None:
        fan_out.stop()
        if is_killed:
            raise Killed

    def stopping(service: str, region: str) -> Any:
        found = client(service, region)
        return _Stopping(found, calls, at, stop) if service in ("s3", "dynamodb") else found

    with patch.object(fan_out.account, "client", stopping), suppress(Killed):
        fan_out.plan(event)
    return calls["all"]


@pytest.mark.parametrize(("resumes", "is_killed"), [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("start", [0, *(pytest.param(start, marks=pytest.mark.slow) for start in range(1, 4))])
def test_stop_at_each_call_of_a_plan_then_resume(account: Account, start: int, resumes: bool, is_killed: bool) -> None:
    """The execution of the stopped plan ends. What it wrote does not undo the stop, and nothing is lost or doubled."""
    first, second = lines_of(24), lines_of(24, changed=1)
    at = start + 2  # before the first call, the plan cannot tell the stop from an earlier one
    while True:
        fan_out = FanOut(account)
        older, newer = fan_out.put(first), fan_out.put(second)
        fan_out.plan(older)
        fan_out.submit(older["version"], SHORT_MS - 1_500)
        fan_out.parts[newer["version"]] = []
        calls = plan_with_stop(fan_out, {**newer, "resume": resumes}, at, is_killed=is_killed)
        if calls < at:
            break
        record = account.ledger.manifest("drives") or {}
        assert record["stopped"], at
        before = fan_out.jobs()
        fan_out.finish(older["version"], newer["version"])
        assert fan_out.jobs() == before

        again = {"key": record["key"], "version": record["version"], "resume": True}
        if fan_out.plan(again)["status"] == "REFUSED":  # the newer version has withdrawn array jobs
            assert is_killed
            again = {**newer, "resume": True}
            assert fan_out.plan(again)["status"] == "PLANNED"
        fan_out.finish(again["version"])
        jobs = fan_out.jobs()
        assert set(jobs.values()) == {1}, at
        assert digests(second if again["version"] == newer["version"] else first) <= {*jobs}
        at += 4
    assert at > 15
