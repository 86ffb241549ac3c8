"""Random plans, submissions, stops and retries of versions of a manifest, some of them inside or killed by another."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from random import Random
from typing import Any
from unittest.mock import patch

import pytest

from fairlane_lambda.fan_out.placement import Placer
from fairlane_lambda.fan_out.plan import past, planning
from tests.fairlane_lambda.fan_out.plan_account import HOME, Account, Last, line
from tests.fairlane_lambda.fan_out.simulation import Killed as FunctionKilled
from tests.fairlane_lambda.fan_out.test_plan_kills import Killed
from tests.fairlane_lambda.fan_out.test_plan_stops import WEST, FanOut, digests
from tests.fairlane_lambda.fan_out.world import Faults

CANDIDATES = [{"region": region, "data": "s3://b/data"} for region in (HOME, WEST)]


class Hooked:
    """Client that calls a function before and after each call."""

    def __init__(self, client: Any, hook: Any) -> None:
        self._client, self._hook = client, hook

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)
        if not callable(call) or name in ("get_paginator", "exceptions"):
            return call

        def hooked(**request: Any) -> Any:
            self._hook(False)
            answer = call(**request)
            self._hook(True)
            return answer

        return hooked


class History:
    """Random history of a manifest.

    Attributes:
        versions: Inputs of `plan`, in the order of the versions.
        lines: Lines by version.
    """

    def __init__(self, account: Account, seed: int) -> None:
        self.account, self.random = account, Random(seed)
        self.fan_out, choice = FanOut(account), self.random.choice
        account.remaining_ms = choice([0, 900_000])
        shares = {"kills": 0.01, "lost": 0.05, "repeated": 0.1, "failed": 0.05}
        chosen: Any = {name: choice([0, share]) for name, share in shares.items()}
        self.fan_out.world.faults = Faults(random=self.random, **chosen)
        self.versions: list[dict[str, str]] = []
        self.lines: dict[str, list[dict[str, Any]]] = {}
        self._fields: dict[int, tuple[bool, int, bool]] = {}
        self._newest = 0

    def step(self, depth: int = 0) -> None:
        """Plan a new version or one of the last, submit, stop, or let jobs fail."""
        chance, random = self.random.random(), self.random
        if chance < 0.3 or not self.versions:
            self.plan(self._put(), depth)
        elif chance < 0.5:
            operation = random.choice(["start", "start", "start", "retry"])
            self.plan(random.choice(self.versions[-3:]), depth, operation=operation, resume=random.random() < 0.5)
        elif chance < 0.75 and not depth:
            with suppress(FunctionKilled):
                self.fan_out.submit(random.choice(self.versions)["version"], random.choice([31_000, 33_000, 40_000]))
        elif chance < 0.85:
            self.fan_out.stop()
        elif chance < 0.95:
            self._fail_jobs()

    def plan(self, event: dict[str, str], depth: int = 0, **options: Any) -> str | None:
        """Plan a version until it is planned, refused or killed, and return the status.

        Args:
            event: Version.
            depth: Number of plans that this one is a step of. -1: without faults.
            **options: Further input.
        """
        with self._faults(depth), suppress(Killed):
            state: dict[str, Any] = {"status": "WAIT", **event, **options}
            for _ in range(60):
                if state["status"] == "WAIT":
                    state = self.account.run(**state)
            newest = int((self.account.ledger.manifest("drives") or {"version": 0})["version"])
            assert newest >= self._newest
            self._newest = newest
            if state["status"] == "PLANNED":
                assert f"{newest}" == event["version"]
                self.fan_out.parts[event["version"]] += state["regions"]
            assert state["status"] in ("PLANNED", "REFUSED")
            return str(state["status"])
        return None

    @contextmanager
    def _faults(self, depth: int) -> Iterator[None]:
        """Kill the function before or after one of its calls, or make another step before it."""
        kind, at, calls = self.random.choice(["before", "after", "step", "step", ""]), self.random.randint(1, 60), 0
        client = self.account.client

        def hook(is_after: bool) -> None:
            nonlocal calls
            calls += not is_after
            if calls != at or kind not in ("after" if is_after else "before", "" if is_after else "step"):
                return
            if kind != "step":
                raise Killed
            calls += 1
            if depth < 2:
                with patch.object(self.account, "client", client):
                    self.step(depth + 1)

        def hooked(service: str, region: str) -> Any:
            found = client(service, region)
            return Hooked(found, hook) if service in ("s3", "dynamodb") and depth >= 0 else found

        placer = self.random.choice([Placer, Last])
        with patch.object(self.account, "client", hooked), patch.object(self.account, "placer", placer):
            yield

    def _put(self) -> dict[str, str]:
        """Write a version in which lines were added, changed and removed."""
        random = self.random
        for number, (is_array, value, has_candidates) in [*self._fields.items()]:
            self._fields[number] = is_array, value + (random.random() < 0.05), has_candidates
            if random.random() < 0.05:
                del self._fields[number]
        for _ in range(random.randrange(4) if self._fields else 30):
            self._fields[random.randrange(60)] = random.random() < 0.75, 1, random.random() < 0.4
        lines = []
        for number, (is_array, value, has_candidates) in self._fields.items():
            fields: dict[str, Any] = {"region": HOME if number % 3 else WEST, "parameters": {"lr": value}}
            if has_candidates:
                fields |= {"region": None, "data": None, "candidates": CANDIDATES}
            if is_array:
                fields |= {"queue": "containers", "template": "simulate", "instance_count": None}
            lines.append(line(f"{number}", **fields))
        self.account.s3.now += random.choice([0, 1])
        event = self.fan_out.put(lines)
        self.versions.append(event)
        self.lines[event["version"]], self.fan_out.parts[event["version"]] = lines, []
        return event

    def _fail_jobs(self) -> None:
        table = self.account.table
        for item in [*self.account.ledger.lines("drives")]:
            if item["state"] == "SUBMITTED" and item["child"] is None and self.random.random() < 0.2:
                table.update((item["pk"], item["sk"]), "SET #state = :state", "", {"state": "FAILED"})
                for child in range(item.get("children", 1) if item.get("children", 1) > 1 else 0):
                    if self.random.random() < 0.5:
                        table.put({"pk": item["pk"], "sk": f"{item['sk']}#{child}", "state": "FAILED"})


@pytest.mark.parametrize("seed", [*range(16), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(16, 400))])
def test_each_line_has_one_job_after_a_random_history(account: Account, seed: int) -> None:
    history = History(account, seed)
    for region in (HOME, WEST):
        account.config["regions"][region]["queues"].append("containers")
        account.batch[region].queues["containers"] = ("fifo", ())
        account.batch[region].containers = {"containers"}
        account.batch[region].definitions = [{"revision": 1}]
    fan_out, random = history.fan_out, history.random
    sizes = random.choice([3, 5, 8]), random.choice([3, 4, 100])
    with patch.object(planning, "CHUNK", sizes[0]), patch.object(past, "TRANSACTION", sizes[1]):
        for _ in range(random.randint(3, 10)):
            history.step()
        event = history.versions[-1]
        assert history.plan(event, -1, resume=True) == "PLANNED"
        fan_out.finish(*history.lines)

        jobs = fan_out.jobs()
        assert {*jobs.values()} == {1}
        assert digests(history.lines[event["version"]]) <= {*jobs}
        assert history.plan(event, -1) == "PLANNED"
        fan_out.finish(event["version"])
        assert fan_out.jobs() == jobs
