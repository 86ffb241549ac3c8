"""Random histories of versions, plans, submissions, outcomes and retries: each attempt of a line has one job at most."""

import json
import random
from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

import pytest

from fairlane_lambda.fan_out.arrays import members_key
from fairlane_lambda.fan_out.ledger import WITHDRAWN, key_of
from fairlane_lambda.fan_out.names import line_digest
from fairlane_lambda.fan_out.placement import Placer
from fairlane_lambda.fan_out.plan import past, planning
from fairlane_lambda.fan_out.table import Table
from tests.fairlane_lambda.fan_out.fake_dynamodb import FakeDynamoDB
from tests.fairlane_lambda.fan_out.fake_objects import FakeObjects
from tests.fairlane_lambda.fan_out.plan_account import CONTAINERS, HOME, TEMPLATE, Account, Last, line, manifest

WEST = "eu-west-1"
STATES = ("SUBMITTING", "RUNNING", "SUCCEEDED", "FAILED", "REFUSED", "UNKNOWN")


class Lines:
    """Items of the lines of a manifest, and of the children of its array jobs, by digest and child."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, digest: str, child: int | None = None) -> dict[str, Any] | None:
        return self._table.get(key_of("drives", digest, child))

    def put(self, digest: str, child: int | None = None, **fields: Any) -> None:
        pk, sk = key_of("drives", digest, child)
        self._table.put({"pk": pk, "sk": sk, **fields})


class History:
    """Random history of one manifest."""

    def __init__(self, account: Account, seed: int) -> None:
        self.random = random.Random(seed)
        self.account, self.ledger = account, Lines(account.table)
        self.parts: list[tuple[str, dict[str, Any]]] = []
        self.jobs: dict[str, str] = {}
        self.attempts: dict[str, tuple[str, int]] = {}
        self.versions: list[tuple[dict[str, str], list[dict[str, Any]]]] = []
        self.newest = 0

    def add_version(self) -> None:
        """Write a version of some lines, each as one of two variants."""
        lines = []
        for identifier in self.random.sample("abcdefgh", self.random.randint(1, 8)):
            candidates = [{"region": region} for region in (HOME, WEST)]
            fields: dict[str, Any] = {"region": None, "candidates": candidates}
            if identifier > "c":
                fields = {"region": WEST if identifier == "h" else HOME, "queue": "containers", "template": "simulate"}
                fields["instance_count"] = None
            lines.append(line(identifier, parameters={"x": self.random.randint(0, 1)}, **fields))
        for one in lines:
            text = json.dumps(CONTAINERS if "queue" in one else TEMPLATE)
            for attempt in range(1, 9):
                self.attempts[line_digest(one, text, attempt)] = line_digest(one, text), attempt
        self.account.s3.now += self.random.randint(0, 1)
        self.versions.append((self.account.put(manifest(*lines)), lines))

    def plan(self, version: int, operation: str) -> None:
        """Plan a version, unless it is outdated, and check that further attempts follow failures."""
        self.account.placer = self.random.choice((Placer, Last))
        event, _ = self.versions[version]
        state = self.account.run(**event, operation=operation)
        is_outdated, self.newest = version < self.newest, max(version, self.newest)
        assert state["status"] == ("REFUSED" if is_outdated else "PLANNED"), self.account.answer(state)
        if is_outdated:
            return
        states = self.states()
        for entry in state["regions"]:
            for part in self.account.part(state, entry["region"]):
                self.parts.append((entry["region"], part))
                for digest in self.members(part):
                    first, attempt = self.attempts[digest]
                    before = next((d for d, one in self.attempts.items() if one == (first, attempt - 1)), None)
                    assert attempt == 1 or states[str(before)] in ("FAILED", "REFUSED")

    def submit(self, region: str, part: Mapping[str, Any]) -> None:
        """Submit a line of a part as the function `submit` does: only if the ledger has not its digest."""
        if self.ledger.get(part["digest"]) is None:
            for digest in self.members(part):
                assert digest not in self.jobs, f"{self.attempts[digest]} has two jobs"
                self.jobs[digest] = part["name"]
            fields = {"id": part["id"], "region": region, "placement": part["reason"]}
            self.ledger.put(part["digest"], **fields, state="SUBMITTING")

    def end(self) -> None:
        """Give some line or child another state. Only ended ones stay."""
        if self.parts:
            _, part = self.random.choice(self.parts)
            item = self.ledger.get(part["digest"])
            if item and item["state"] not in (WITHDRAWN, "SUCCEEDED", "FAILED", "REFUSED"):
                item["state"] = self.random.choice(STATES)
                self.account.table.put(item)
                if len(part.get("children", ())) > 1 and item["state"] in ("FAILED", "RUNNING"):
                    for child in self.random.sample(range(len(part["children"])), len(part["children"]) // 2 + 1):
                        if self.ledger.get(part["digest"], child) is None:
                            self.ledger.put(part["digest"], child, state=self.random.choice(("SUCCEEDED", "FAILED")))

    def members(self, part: Mapping[str, Any]) -> list[str]:
        if part["kind"] == "service":
            return [part["digest"]]
        rows = self.account.read(members_key("drives", part["digest"])).splitlines()[1:]
        return [json.loads(row)[0] for row in rows]

    def states(self) -> dict[str, str]:
        """Return the state of each submitted line by its digest. A child without news is not failed with its array."""
        found = {}
        for _, part in self.parts:
            item = self.ledger.get(part["digest"])
            for child, digest in enumerate(self.members(part)):
                if item is not None and item["state"] != WITHDRAWN:
                    is_unknown = len(part.get("children", ())) > 1 and item["state"] == "FAILED"
                    state = "no news" if is_unknown else item["state"]
                    found[digest] = (self.ledger.get(part["digest"], child) or {"state": state})["state"]
        return found

    def run(self, steps: int) -> None:
        """Run the history, then plan and submit the last version completely."""
        self.add_version()
        for _ in range(steps):
            match self.random.randrange(8):
                case 0:
                    self.add_version()
                case 1 | 2:
                    operation = self.random.choice(("start", "start", "retry"))
                    self.plan(self.random.randrange(len(self.versions)), operation)
                case 3 | 4 | 5 if self.parts:
                    self.submit(*self.random.choice(self.parts))
                case _:
                    self.end()
        self.add_version()
        claimed = {digest for digest, state in self.states().items() if state == "SUBMITTING"}
        self.parts.clear()
        self.plan(len(self.versions) - 1, "start")
        for region, part in self.parts:
            self.submit(region, part)
            assert (self.ledger.get(part["digest"]) or {})["region"] == region
        planned = {digest for _, part in self.parts for digest in self.members(part)}
        for one in self.versions[-1][1]:
            digest = line_digest(one, json.dumps(CONTAINERS if "queue" in one else TEMPLATE))
            assert digest in self.jobs
            assert digest in planned or digest not in claimed


@pytest.fixture
def fan_out(account: Account) -> Account:
    for region in (HOME, WEST):
        account.config["regions"][region]["queues"].append("containers")
        account.batch[region].queues["containers"] = ("fifo", ())
        account.batch[region].containers = {"containers"}
        account.batch[region].definitions = [{"revision": 1}]
    return account


@pytest.mark.parametrize("start", [0, *(pytest.param(start, marks=pytest.mark.slow) for start in range(20, 200, 20))])
def test_each_attempt_of_a_line_has_one_job(fan_out: Account, start: int) -> None:
    for seed in range(start, start + 20):
        fan_out.s3, fan_out.dynamodb = FakeObjects(), FakeDynamoDB()
        fan_out.s3.put_object(Key="templates/simulate.json", Body=json.dumps(CONTAINERS).encode())
        history = History(fan_out, seed)
        with patch.object(planning, "CHUNK", 3), patch.object(past, "TRANSACTION", 3):
            history.run(25)
