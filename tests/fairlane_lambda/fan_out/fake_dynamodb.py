"""DynamoDB in memory, with conditional writes. `test_ledger.py` compares it with moto."""

import re
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any

from botocore.exceptions import ClientError

Value = dict[str, Any]
Item = dict[str, Value]
Context = tuple[dict[str, str], dict[str, Value]]
Condition = Callable[[Item, Context], bool]
Operand = Callable[[Item, Context], Value | None]

_TOKENS = re.compile(r"\s*(<=|>=|<>|[#:]?\w+|[(),=<>+-])")
_PAGE = 100


class FakeDynamoDB:
    """Client of DynamoDB with one table, whose name does not matter."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], Item] = {}

    def get_item(self, **request: Any) -> dict[str, Any]:
        item = self.items.get(_key(request["Key"]))
        return {"Item": item} if item else {}

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        ((table, wanted),) = request["RequestItems"].items()
        keys = [_key(key) for key in wanted["Keys"]]
        if not keys or len(keys) > 100 or len(set(keys)) < len(keys):
            raise _error("ValidationException")
        return {"Responses": {table: [self.items[key] for key in keys if key in self.items]}, "UnprocessedKeys": {}}

    def query(self, **request: Any) -> dict[str, Any]:
        values = request["ExpressionAttributeValues"]
        prefix = values.get(":prefix", {"S": ""})["S"]
        after = _key(request["ExclusiveStartKey"]) if "ExclusiveStartKey" in request else ("", "")
        pk = values[":pk"]["S"]
        keys = sorted(key for key in self.items if key[0] == pk and key[1].startswith(prefix) and key > after)
        answer: dict[str, Any] = {"Items": [self.items[key] for key in keys[:_PAGE]]}
        if len(keys) > _PAGE:
            answer["LastEvaluatedKey"] = {"pk": {"S": pk}, "sk": {"S": keys[_PAGE - 1][1]}}
        return answer

    def put_item(self, **request: Any) -> dict[str, Any]:
        key = _key(request["Item"])
        self._check(key, request)
        self.items[key] = dict(request["Item"])
        return {}

    def delete_item(self, **request: Any) -> dict[str, Any]:
        key = _key(request["Key"])
        self._check(key, request)
        self.items.pop(key, None)
        return {}

    def update_item(self, **request: Any) -> dict[str, Any]:
        key, expression = _key(request["Key"]), request["UpdateExpression"]
        old = self._check(key, request, expression)
        new = {**request["Key"], **old}
        context = _context(request)
        for name, operand in _update(expression):
            attribute = context[0].get(name, name)
            value = operand(old, context) if operand else None
            if operand and value is None:
                raise _error("ValidationException")
            if value is None:
                new.pop(attribute, None)
            else:
                new[attribute] = value
        self.items[key] = new
        return {"Attributes": new} if request.get("ReturnValues") == "ALL_NEW" else {}

    def transact_write_items(self, **request: Any) -> dict[str, Any]:
        writes = [(kind, entry) for write in request["TransactItems"] for kind, entry in write.items()]
        keys = [_key(entry.get("Key") or entry["Item"]) for _, entry in writes]
        if not 0 < len(keys) <= 100 or len(set(keys)) < len(keys):
            raise _error("ValidationException")
        reasons: list[dict[str, Any]] = []
        for key, (_, entry) in zip(keys, writes, strict=True):
            try:
                self._check(key, entry, entry.get("UpdateExpression", ""))
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise
                item = error.response.get("Item")
                reasons.append({"Code": "ConditionalCheckFailed"} | ({"Item": item} if item else {}))
            else:
                reasons.append({"Code": "None"})
        if any(reason["Code"] != "None" for reason in reasons):
            raise _error("TransactionCanceledException", CancellationReasons=reasons)
        for kind, entry in writes:
            if kind == "Put":
                self.put_item(**entry)
            elif kind == "Update":
                self.update_item(**entry)
        return {}

    def _check(self, key: tuple[str, str], request: dict[str, Any], expression: str = "") -> Item:
        """Return the item that exists, if the condition holds."""
        item = self.items.get(key, {})
        condition = request.get("ConditionExpression", "")
        if _used(f"{condition} {expression}") != {
            *request.get("ExpressionAttributeNames", {}),
            *request.get("ExpressionAttributeValues", {}),
        }:
            raise _error("ValidationException")
        if condition and not _condition(condition)(item, _context(request)):
            raise _error("ConditionalCheckFailedException", item if item else None)
        return item


@cache
def _used(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[#:]\w+", text))


def _error(code: str, item: Item | None = None, **members: Any) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": 400}, **members}
    if item is not None:
        response["Item"] = item
    return ClientError(response, "Write")


def _key(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def _context(request: dict[str, Any]) -> Context:
    return request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})


def _number(value: Value) -> Any:
    ((kind, content),) = value.items()
    return (kind, Decimal(content)) if kind == "N" else (kind, content)


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a[0] == b[0] and a < b,
    "<=": lambda a, b: a[0] == b[0] and a <= b,
    ">": lambda a, b: a[0] == b[0] and a > b,
    ">=": lambda a, b: a[0] == b[0] and a >= b,
}


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = _TOKENS.findall(text)
        assert "".join(self.tokens) == re.sub(r"\s+", "", text)

    def peek(self) -> str:
        return self.tokens[0] if self.tokens else ""

    def pop(self, wanted: str = "") -> str:
        token: str = self.tokens.pop(0)
        assert not wanted or token == wanted, (token, wanted)
        return token

    def either(self) -> Condition:
        terms = [self.both()]
        while self.peek() == "OR":
            self.pop()
            terms.append(self.both())
        return lambda item, context: any(term(item, context) for term in terms)

    def both(self) -> Condition:
        terms = [self.single()]
        while self.peek() == "AND":
            self.pop()
            terms.append(self.single())
        return lambda item, context: all(term(item, context) for term in terms)

    def single(self) -> Condition:
        token = self.peek()
        if token == "NOT":
            self.pop()
            inner = self.single()
            return lambda item, context: not inner(item, context)
        if token == "(":
            self.pop()
            inner = self.either()
            self.pop(")")
            return inner
        if token in ("attribute_exists", "attribute_not_exists"):
            self.pop()
            self.pop("(")
            name = self.pop()
            self.pop(")")
            wanted = token == "attribute_exists"
            return lambda item, context: (context[0].get(name, name) in item) is wanted
        left, compare, right = self.operand(), _COMPARISONS[self.pop()], self.operand()

        def comparison(item: Item, context: Context) -> bool:
            a, b = left(item, context), right(item, context)
            return a is not None and b is not None and compare(_number(a), _number(b))

        return comparison

    def operand(self) -> Operand:
        token = self.pop()
        if token == "if_not_exists":
            self.pop("(")
            first = self.operand()
            self.pop(",")
            second = self.operand()
            self.pop(")")
            return lambda item, context: first(item, context) or second(item, context)
        if token.startswith(":"):
            return lambda item, context: context[1][token]
        return lambda item, context: item.get(context[0].get(token, token))

    def sum(self) -> Operand:
        left = self.operand()
        if self.peek() not in ("+", "-"):
            return left
        sign = 1 if self.pop() == "+" else -1
        right = self.operand()

        def total(item: Item, context: Context) -> Value | None:
            a, b = left(item, context), right(item, context)
            return {"N": str(Decimal(a["N"]) + sign * Decimal(b["N"]))} if a and b else None

        return total


@cache
def _condition(text: str) -> Condition:
    parser = _Parser(text)
    condition = parser.either()
    assert not parser.tokens, parser.tokens
    return condition


@cache
def _update(text: str) -> list[tuple[str, Operand | None]]:
    """Return the attributes that an expression sets, and None for those that it removes."""
    parser, changes, clause = _Parser(text), list[tuple[str, Operand | None]](), ""
    while parser.tokens:
        if parser.peek() in ("SET", "REMOVE"):
            clause = parser.pop()
        name = parser.pop()
        if clause == "SET":
            parser.pop("=")
            changes.append((name, parser.sum()))
        else:
            changes.append((name, None))
        if parser.peek() == ",":
            parser.pop()
    return changes
