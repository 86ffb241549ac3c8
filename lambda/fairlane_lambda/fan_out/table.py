"""Items of a DynamoDB table as dictionaries, with conditional writes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from fairlane_lambda.aws_errors import error_name
from fairlane_lambda.fan_out.clock import Clock

Item = dict[str, Any]
Key = tuple[str, str]

TRANSACTION: Final = 100
"""Largest number of writes of a transaction."""
_PER_READ: Final = 100
_REFUSED: Final = "ConditionalCheckFailedException"
_CONFLICT: Final = "TransactionConflictException"
_CANCELED: Final = "TransactionCanceledException"
_FAILED_CHECK: Final = "ConditionalCheckFailed"
_ATTEMPTS: Final = 8
_FIRST_MS: Final = 50
_LONGEST_MS: Final = 3_200


class Write(NamedTuple):
    """Result of a conditional write.

    Attributes:
        is_done: True if the condition held, so that the item was written.
        item: Item after an update. If the condition did not hold, the item that exists, or `{}`.
    """

    is_done: bool
    item: Item


class Table:
    """DynamoDB table with the keys `pk` and `sk`.

    Conditions and expressions name an attribute as `#name` and a value as `:name`.

    Args:
        client: boto3 client of DynamoDB.
        name: Name of the table.
        clock: Clock of the pauses after throttled reads and after writes that met a transaction.
    """

    def __init__(self, client: Any, name: str, clock: Clock | None = None) -> None:
        self._client = client
        self._name = name
        self._clock = clock or Clock()

    def get(self, key: Key) -> Item | None:
        """Return an item, or None. The read is consistent."""
        response = self._client.get_item(TableName=self._name, Key=_key(key), ConsistentRead=True)
        return unpack(response["Item"]) if "Item" in response else None

    def read(self, keys: Sequence[Key]) -> list[Item]:
        """Return the items that exist, in any order. The reads are consistent.

        Args:
            keys: Keys of items, each once.
        """
        items = []
        for start in range(0, len(keys), _PER_READ):
            waiting = [_key(key) for key in keys[start : start + _PER_READ]]
            pauses = 0
            while waiting:
                request = {self._name: {"Keys": waiting, "ConsistentRead": True}}
                response = self._client.batch_get_item(RequestItems=request)
                items += [unpack(item) for item in response["Responses"].get(self._name, [])]
                waiting = response.get("UnprocessedKeys", {}).get(self._name, {}).get("Keys", [])
                if waiting:
                    self._pause(pauses)
                    pauses += 1
        return items

    def query(self, pk: str, prefix: str = "") -> Iterator[Item]:
        """Yield the items of a partition in the order of their sort keys.

        Args:
            pk: Key of the partition.
            prefix: Start of their sort keys. Default: all items.
        """
        condition, values = "#pk = :pk", {":pk": {"S": pk}}
        if prefix:
            condition += " AND begins_with(#sk, :prefix)"
            values[":prefix"] = {"S": prefix}
        request = {
            "TableName": self._name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": _names(condition),
            "ExpressionAttributeValues": values,
            "ConsistentRead": True,
        }
        while True:
            response = self._client.query(**request)
            yield from map(unpack, response["Items"])
            if not response.get("LastEvaluatedKey"):
                return
            request["ExclusiveStartKey"] = response["LastEvaluatedKey"]

    def put(self, item: Mapping[str, Any], condition: str = "", values: Mapping[str, Any] | None = None) -> Write:
        """Put an item, if a condition holds.

        Args:
            item: The item, with its keys.
            condition: Condition on the item that exists. Default: none.
            values: Values of the condition, by name.
        """
        return self._write(self._client.put_item, condition, "", values, Item=pack(item))

    def update(self, key: Key, expression: str, condition: str, values: Mapping[str, Any]) -> Write:
        """Update an item, if a condition holds.

        Args:
            key: Keys of the item.
            expression: Update expression.
            condition: Condition on the item that exists. Empty: none.
            values: Values of the expression and the condition, by name.
        """
        request = {"Key": _key(key), "UpdateExpression": expression, "ReturnValues": "ALL_NEW"}
        return self._write(self._client.update_item, condition, expression, values, **request)

    def delete(self, key: Key, condition: str = "", values: Mapping[str, Any] | None = None) -> Write:
        """Delete an item, if a condition holds.

        Args:
            key: Keys of the item.
            condition: Condition on the item that exists. Default: none.
            values: Values of the condition, by name.
        """
        return self._write(self._client.delete_item, condition, "", values, Key=_key(key))

    def transact(self, *writes: Mapping[str, Any]) -> dict[int, Item]:
        """Make all writes of a transaction, or none. Return the items that refused them, by the index of the write.

        Args:
            writes: Results of `check`, `putting` and `updating` for different items, at most `TRANSACTION`.
        """
        from botocore.exceptions import ClientError

        try:
            self._call(self._client.transact_write_items, TransactItems=list(writes))
        except ClientError as error:
            if found := _failed_checks(error):
                return found
            raise
        return {}

    def check(self, key: Key, condition: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the write of a transaction that only checks a condition."""
        return {"ConditionCheck": self._request(condition, "", values, Key=_key(key))}

    def putting(self, item: Mapping[str, Any], condition: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the write of a transaction that puts an item."""
        return {"Put": self._request(condition, "", values, Item=pack(item))}

    def updating(self, key: Key, expression: str, condition: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the write of a transaction that updates an item."""
        return {"Update": self._request(condition, expression, values, Key=_key(key), UpdateExpression=expression)}

    def _call(self, call: Any, **request: Any) -> Any:
        """Make a write. Repeat it while it meets a transaction on its items, or DynamoDB cancels it for now."""
        from botocore.exceptions import ClientError

        for attempt in range(_ATTEMPTS):
            try:
                return call(**request)
            except ClientError as error:
                is_repeated = error_name(error) in (_CONFLICT, _CANCELED) and not _failed_checks(error)
                if not is_repeated or attempt == _ATTEMPTS - 1:
                    raise
            self._pause(attempt)
        raise AssertionError

    def _pause(self, attempt: int) -> None:
        self._clock.sleep_until(self._clock.now() + min(_LONGEST_MS, _FIRST_MS << attempt))

    def _request(
        self, condition: str, expression: str, values: Mapping[str, Any] | None, **request: Any
    ) -> dict[str, Any]:
        request["TableName"] = self._name
        if condition:
            request["ConditionExpression"] = condition
            request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        if names := _names(f"{condition} {expression}"):
            request["ExpressionAttributeNames"] = names
        if values:
            request["ExpressionAttributeValues"] = {f":{name}": _pack(value) for name, value in values.items()}
        return request

    def _write(
        self, call: Any, condition: str, expression: str, values: Mapping[str, Any] | None, **request: Any
    ) -> Write:
        from botocore.exceptions import ClientError

        try:
            response = self._call(call, **self._request(condition, expression, values, **request))
        except ClientError as error:
            if error_name(error) != _REFUSED:
                raise
            return Write(False, unpack(error.response.get("Item") or {}))
        return Write(True, unpack(response.get("Attributes") or {}))


def _failed_checks(error: Any) -> dict[int, Item]:
    """Return the items that refused writes of a transaction, by the index of the write."""
    reasons = enumerate(error.response.get("CancellationReasons", []))
    return {at: unpack(each.get("Item") or {}) for at, each in reasons if each["Code"] == _FAILED_CHECK}


def pack(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item in the form of the API."""
    return {name: _pack(value) for name, value in item.items()}


def unpack(item: Mapping[str, Any]) -> Item:
    """Return an item of the API as a dictionary."""
    return {name: _unpack(value) for name, value in item.items()}


def _pack(value: Any) -> dict[str, Any]:
    match value:
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": str(value)}
        case None:
            return {"NULL": True}
        case Mapping():
            return {"M": pack(value)}
    return {"L": [_pack(entry) for entry in value]}


def _unpack(value: Mapping[str, Any]) -> Any:
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return int(content) if content.lstrip("-").isdecimal() else float(content)
        case "NULL":
            return None
        case "M":
            return unpack(content)
        case "L":
            return [_unpack(entry) for entry in content]
    return content


def _key(key: Key) -> dict[str, Any]:
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}


def _names(text: str) -> dict[str, str]:
    return {f"#{name}": name for name in re.findall(r"#(\w+)", text)}
