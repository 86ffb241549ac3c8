"""Writes that meet a transaction on the same items, and transactions that DynamoDB cancels: it retries none of them."""

from collections.abc import Callable
from typing import Any
from unittest.mock import Mock, patch

import pytest
from botocore.exceptions import ClientError

from fairlane_lambda.aws_errors import is_temporary
from fairlane_lambda.fan_out.ledger import Attempt, Ledger
from fairlane_lambda.fan_out.table import Table
from fairlane_lambda.fan_out.versions import Version, Versions
from tests.fairlane_lambda.fan_out.fake_dynamodb import FakeDynamoDB
from tests.fairlane_lambda.fan_out.fake_objects import FakeObjects
from tests.fairlane_lambda.fan_out.plan_account import Account, line, manifest

VERSION = Version("manifests/drives.jsonl", "1", 1)


def conflict(operation: str) -> ClientError:
    response: Any = {"Error": {"Code": "TransactionConflictException"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    if operation == "transact_write_items":
        response["Error"]["Code"] = "TransactionCanceledException"
        response["CancellationReasons"] = [{"Code": "None"}, {"Code": "TransactionConflict"}]
    return ClientError(response, operation)


class Contended(FakeDynamoDB):
    """DynamoDB that refuses some writes because of another transaction.

    Args:
        refusals: Number of writes in a row that it refuses.
    """

    def __init__(self, refusals: int) -> None:
        super().__init__()
        self.refusals = refusals

    def _refuse(self, operation: str) -> None:
        self.refusals -= 1
        if self.refusals >= 0:
            raise conflict(operation)

    def put_item(self, **request: Any) -> dict[str, Any]:
        self._refuse("put_item")
        return super().put_item(**request)

    def update_item(self, **request: Any) -> dict[str, Any]:
        self._refuse("update_item")
        return super().update_item(**request)

    def delete_item(self, **request: Any) -> dict[str, Any]:
        self._refuse("delete_item")
        return super().delete_item(**request)

    def transact_write_items(self, **request: Any) -> dict[str, Any]:
        self._refuse("transact_write_items")
        return super().transact_write_items(**request)


def test_writes_that_meet_a_transaction_are_repeated() -> None:
    database, clock = Contended(0), Mock(now=lambda: 0)
    ledger = Ledger(Table(database, "table", clock))
    versions = Versions(ledger.table, lambda *_: False)
    writes: list[Callable[[], bool]] = [
        lambda: versions.register("drives", VERSION, 0) is None,
        lambda: ledger.claim("drives", "a", {}, Attempt("owner", 1)) is None,
        lambda: ledger.withdraw("drives", "a", 1),
        lambda: ledger.withdraw_array("drives", "b", 0, versions.guard("drives", VERSION)),
    ]
    for write in writes:
        database.refusals = 3
        assert write()
        assert database.refusals < 0
    assert [call.args[0] for call in clock.sleep_until.call_args_list] == [50, 100, 200] * 4


@pytest.mark.parametrize("is_transaction", [False, True])
def test_write_that_meets_transactions_for_long_fails_for_now(is_transaction: bool) -> None:
    table = Table(Contended(100), "table", Mock(now=lambda: 0))
    put = table.putting({"pk": "a", "sk": "b"}, "", {})

    with pytest.raises(ClientError) as failure:
        table.transact(put) if is_transaction else table.put({"pk": "a", "sk": "b"})

    assert is_temporary(failure.value)


def test_plan_that_meets_transactions_for_long_is_made_again(account: Account) -> None:
    account.s3 = FakeObjects()
    event = account.put(manifest(line("a")))
    for refusals in (1, 100):
        account.dynamodb = Contended(refusals)
        with patch.object(Table, "_pause"):
            state = account.run(**event)
        assert (state["status"] == "WAIT") is (refusals > 8)
        account.dynamodb.refusals = 0
        assert account.run(**state if refusals > 8 else event)["status"] == "PLANNED"


def test_record_of_a_plan_that_meets_transactions_for_long_is_not_outdated() -> None:
    """The plan must not end as if a newer version was planned."""
    ledger = Ledger(Table(Contended(0), "table", Mock(now=lambda: 0)))
    versions = Versions(ledger.table, lambda *_: False)
    versions.register("drives", VERSION, 0)
    with (
        patch.object(FakeDynamoDB, "transact_write_items", side_effect=conflict("transact_write_items")),
        pytest.raises(ClientError),
    ):
        ledger.put_manifest("drives", {"created_at": 0}, guard=versions.guard("drives", VERSION))
