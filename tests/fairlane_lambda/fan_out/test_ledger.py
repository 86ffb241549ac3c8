"""The ledger, and the DynamoDB of the other tests beside moto's."""

from collections.abc import Callable
from random import Random
from typing import Any
from unittest import mock

import pytest
from botocore.exceptions import ClientError

from fairlane_lambda.fan_out.arrays import ArrayJob
from fairlane_lambda.fan_out.arrays import Run as ArrayRun
from fairlane_lambda.fan_out.lease import Lease, Run
from fairlane_lambda.fan_out.ledger import REFUSED, SUBMITTED, SUBMITTING, Attempt, Ledger, key_of
from fairlane_lambda.fan_out.pace import Pace
from fairlane_lambda.fan_out.plan.past import put_members
from fairlane_lambda.fan_out.table import Table, pack, unpack
from fairlane_lambda.fan_out.versions import Version, Versions

from .fake_dynamodb import FakeDynamoDB
from .simulation import FunctionRun, Simulation

DIGEST = "0" * 32
FIELDS = {"id": "a", "kind": "service", "gpus": 120, "placement": "data"}


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(Table(FakeDynamoDB(), "table"))


def line(ledger: Ledger, digest: str = DIGEST) -> dict[str, Any]:
    return ledger.read("drives", [digest])[1][digest]


def test_line_is_claimed_once(ledger: Ledger) -> None:
    assert ledger.claim("drives", DIGEST, FIELDS, Attempt("a", 1_000)) is None
    found = ledger.claim("drives", DIGEST, FIELDS, Attempt("b", 2_000))
    assert found is not None
    assert (found["owner"], found["attempted_at"], found["state"]) == ("a", 1_000, SUBMITTING)
    assert line(ledger).items() >= {**FIELDS, "claimed_at": 1_000, "tries": 1, "digest": DIGEST, "child": None}.items()


def test_repeated_writes_of_an_attempt_are_its_own(ledger: Ledger) -> None:
    first, second = Attempt("a", 1_000), Attempt("a", 2_000)
    assert [ledger.claim("drives", DIGEST, FIELDS, first) for _ in "12"] == [None, None]
    assert [ledger.renew("drives", DIGEST, 1_000, {"gpus": 8}, second) for _ in "12"] == [None, None]
    assert (line(ledger)["tries"], line(ledger)["gpus"]) == (2, 8)
    assert ledger.claim("drives", DIGEST, FIELDS, first) is not None


def test_attempt_ends_once(ledger: Ledger) -> None:
    ledger.claim("drives", DIGEST, FIELDS, Attempt("a", 1_000))
    ledger.renew("drives", DIGEST, 1_000, {}, Attempt("b", 2_000))
    assert not ledger.settle("drives", DIGEST, SUBMITTED, 1_000, job_id="old")
    assert not ledger.withdraw("drives", DIGEST, 1_000)
    assert ledger.settle("drives", DIGEST, SUBMITTED, 2_000, job_id="new")
    assert not ledger.settle("drives", DIGEST, REFUSED, 2_000)
    assert ledger.renew("drives", DIGEST, 2_000, {}, Attempt("c", 3_000)) is not None
    assert not ledger.withdraw("drives", DIGEST, 2_000)
    assert (line(ledger)["state"], line(ledger)["job_id"]) == (SUBMITTED, "new")


def test_event_is_not_overwritten(ledger: Ledger) -> None:
    ledger.claim("drives", DIGEST, FIELDS, Attempt("a", 1_000))
    ledger.table.update(key_of("drives", DIGEST), "SET #state = :state", "", {"state": "RUNNABLE"})
    assert not ledger.settle("drives", DIGEST, SUBMITTED, 1_000)
    assert line(ledger)["state"] == "RUNNABLE"


def test_manifests_and_lines_of_many_pages(ledger: Ledger) -> None:
    digests = [f"{index:032}" for index in range(250)]
    for digest in digests:
        ledger.claim("drives", digest, {"id": digest}, Attempt("a", 1_000))
    ledger.table.put({"pk": "drives", "sk": key_of("drives", DIGEST, 7)[1], "id": "child"})
    children = [item for item in ledger.lines("drives") if item["child"] is not None]
    assert [(item["digest"], item["child"], item["id"]) for item in children] == [(DIGEST, 7, "child")]
    assert len(list(ledger.lines("drives"))) == 251
    assert ledger.manifest("drives") is None
    assert not ledger.set_manifest("drives", stopped=True)
    for name in ("drives", "a"):
        ledger.put_manifest(name, {"version": "v", "created_at": 1_000, "regions": {"eu-west-1": 2}})
    assert ledger.set_manifest("drives", stopped=True)
    record, lines = ledger.read("drives", [*digests, *digests])
    assert (record["stopped"], record["regions"], set(lines)) == (True, {"eu-west-1": 2}, set(digests))
    assert [item["pk"] for item in ledger.manifests()] == ["a", "drives"]


def test_values_of_items() -> None:
    item = {"text": "a", "number": -3, "ratio": 0.5, "flag": True, "none": None, "map": {"a": [1, "b"]}}
    assert unpack(pack(item)) == item


def _random_step(random: Random) -> Callable[[Ledger], object]:
    """Return a random call whose result does not depend on the kind of the table."""
    digest, owner, at, last = (
        f"{random.randrange(3)}" * 32,
        random.choice("ab"),
        random.randrange(4),
        random.randrange(4),
    )
    manifest = random.choice(["drives", "nights"])
    run = Run(owner, random.randrange(100_000), FunctionRun(Simulation(random.randrange(300_000)), 10**9))
    version = Version("key", owner, random.randrange(2))
    runs = [ArrayRun(number, "id", "", "{}", random.choice(["", "0" * 32])) for number in random.sample("abc", 2)]
    job = ArrayJob(manifest, {"region": "eu-west-1"}, runs)
    steps: list[Callable[[Ledger], object]] = [
        lambda ledger: ledger.claim(manifest, digest, FIELDS, Attempt(owner, at)),
        lambda ledger: ledger.renew(manifest, digest, last, {"gpus": at}, Attempt(owner, at)),
        lambda ledger: ledger.settle(manifest, digest, SUBMITTED, last, job_id="j", ratio=0.5),
        lambda ledger: ledger.withdraw(manifest, digest, last),
        lambda ledger: ledger.put_manifest(manifest, {"created_at": at, "regions": {"a": 1}}),
        lambda ledger: ledger.put_manifest(manifest, {"created_at": at, "version": owner}, keeps_stop=True),
        lambda ledger: ledger.set_manifest(manifest, stopped=True),
        lambda ledger: ledger.close_manifest(manifest, owner, "SUBMITTED"),
        lambda ledger: ledger.withdraw_array(
            manifest, digest, at, Versions(ledger.table, is_later).guard(manifest, version)
        ),
        lambda ledger: Versions(ledger.table, is_later).register(manifest, version, at),
        lambda ledger: put_members(
            ledger.table, manifest, job, at, Versions(ledger.table, is_later).guard(manifest, version)
        ),
        lambda ledger: Lease(ledger.table, manifest, "eu-west-1", run).acquire(),
        lambda ledger: Lease(ledger.table, manifest, "eu-west-1", run).release(),
        lambda ledger: Pace(ledger.table, "eu-west-1", run.clock, 200_000).take(),
        lambda ledger: Pace(ledger.table, "eu-west-1", run.clock, 200_000).slow_down(300_000),
        lambda ledger: ledger.read(manifest, [digest]),
        lambda ledger: list(ledger.lines(manifest)),
    ]
    return random.choice(steps)


def is_later(_: str, one: str, other: str) -> bool:
    return one > other


def test_writes_have_the_conditions_of_dynamodb(monkeypatch: pytest.MonkeyPatch) -> None:
    boto3, moto = pytest.importorskip("boto3"), pytest.importorskip("moto")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with moto.mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        keys = {"pk": "HASH", "sk": "RANGE"}
        client.create_table(
            TableName="table",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
        )
        real, fake = Ledger(Table(client, "table")), Ledger(Table(FakeDynamoDB(), "table"))
        random = Random(20)
        done = 0
        for number in range(150):
            step = _random_step(random)
            expected = step(real)
            assert step(fake) == expected, number
            done += expected is not False
        assert 0 < done < 150
        for pk in ("drives", "nights", "manifests", "pace"):
            assert list(fake.table.query(pk)) == list(real.table.query(pk))


def test_unread_keys_are_read_again_after_longer_and_longer_pauses() -> None:
    fake, simulation = FakeDynamoDB(), Simulation(0)
    table = Table(fake, "table", FunctionRun(simulation, 10**9))
    table.put({"pk": "a", "sk": "1"})
    unread = {"Responses": {}, "UnprocessedKeys": {"table": {"Keys": [{"pk": {"S": "a"}, "sk": {"S": "1"}}]}}}
    with mock.patch.object(
        fake, "batch_get_item", side_effect=[unread, unread, {"Responses": {"table": [pack({"pk": "a", "sk": "1"})]}}]
    ):
        assert table.read([("a", "1")]) == [{"pk": "a", "sk": "1"}]
    assert simulation.now == 50 + 100


def test_a_transaction_that_meets_another_one_is_repeated() -> None:
    fake, simulation = FakeDynamoDB(), Simulation(0)
    table = Table(fake, "table", FunctionRun(simulation, 10**9))
    reasons = [{"Code": "TransactionConflict"}]
    response: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
    conflict = ClientError(response, "TransactWriteItems")
    with mock.patch.object(fake, "transact_write_items", side_effect=[conflict, conflict, {}]) as transact:
        assert table.transact(table.putting({"pk": "a", "sk": "1"}, "", {})) == {}
    assert (transact.call_count, simulation.now) == (3, 50 + 100)


def test_a_withdrawn_array_job_is_not_claimed_and_is_no_line(ledger: Ledger) -> None:
    guard = newest(ledger)
    assert ledger.withdraw_array("drives", DIGEST, 1_000, guard)
    assert ledger.withdraw_array("drives", DIGEST, 2_000, guard)
    found = ledger.claim("drives", DIGEST, {"id": "a"}, Attempt("a", 1_000))
    assert found
    assert found["state"] == "WITHDRAWN"
    assert [*ledger.lines("drives")] == []


def test_a_claimed_array_job_is_not_withdrawn(ledger: Ledger) -> None:
    ledger.claim("drives", DIGEST, {"id": "a"}, Attempt("a", 1_000))
    assert not ledger.withdraw_array("drives", DIGEST, 2_000, newest(ledger))
    assert [item["state"] for item in ledger.lines("drives")] == ["SUBMITTING"]


def test_an_outdated_version_withdraws_no_array_job(ledger: Ledger) -> None:
    guard = newest(ledger)
    ledger.table.put({"pk": "drives", "sk": "newest", "version": "2"})
    assert not ledger.withdraw_array("drives", DIGEST, 1_000, guard)
    assert ledger.read("drives", [DIGEST])[1] == {}


def newest(ledger: Ledger) -> dict[str, Any]:
    """Register version 1 of a manifest, and return the guard of its writes."""
    ledger.table.put({"pk": "drives", "sk": "newest", "version": "1"})
    return ledger.table.check(("drives", "newest"), "#version = :version", {"version": "1"})
