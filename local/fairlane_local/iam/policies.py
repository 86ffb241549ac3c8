"""Evaluator of identity policies: decision and matched policies of a request.

Source: "Policy evaluation logic" and "IAM JSON policy elements" in the IAM User Guide.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Context = Mapping[str, Sequence[str]]
"""Values of the request by condition key, in lower case."""
Document = Mapping[str, Any]

ALLOWED: Final = "allowed"
EXPLICIT_DENY: Final = "explicitDeny"
IMPLICIT_DENY: Final = "implicitDeny"

_QUALIFIER: Final = re.compile(r"(?:(?P<set>ForAnyValue|ForAllValues):)?(?P<name>\w+?)(?P<optional>IfExists)?")


class UnsupportedConditionError(Exception):
    """Condition operator that the evaluator does not know."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Decision about one action on one resource.

    Attributes:
        result: `allowed`, `explicitDeny` or `implicitDeny`.
        policies: Names of the policies with the statements that decide.
        missing_keys: Condition keys that statements for this request need and that the request does not have.
    """

    result: str
    policies: tuple[str, ...]
    missing_keys: tuple[str, ...]


def decide(documents: Mapping[str, Document], action: str, resource: str, context: Context) -> Decision:
    """Return the decision about an action on a resource by policies, which are given by their name.

    Raises:
        UnsupportedConditionError: If a statement for this action and resource has a condition that is not supported.
    """
    policies: dict[str, list[str]] = {"Allow": [], "Deny": []}
    missing: list[str] = []
    for name, document in documents.items():
        for statement in _members(document["Statement"]):
            if not _is_about(statement, action, resource):
                continue
            conditions = [
                (operator, key, _members(values))
                for operator, keys in statement.get("Condition", {}).items()
                for key, values in keys.items()
            ]
            missing += [key for _, key, _ in conditions if key.lower() not in context]
            if all(_is_met(operator, context.get(key.lower(), ()), values) for operator, key, values in conditions):
                policies[statement["Effect"]].append(name)
    effect, result = next(
        ((effect, result) for effect, result in (("Deny", EXPLICIT_DENY), ("Allow", ALLOWED)) if policies[effect]),
        ("Allow", IMPLICIT_DENY),
    )
    return Decision(result, tuple(dict.fromkeys(policies[effect])), tuple(dict.fromkeys(missing)))


def load_document(text: str) -> Document:
    """Return a policy document from its JSON text."""
    document: Document = json.loads(text)
    return document


def _is_about(statement: Document, action: str, resource: str) -> bool:
    return _matches(statement, "Action", action.lower(), str.lower) and _matches(statement, "Resource", resource, str)


def _matches(statement: Document, element: str, text: str, convert: Callable[[str], str]) -> bool:
    excluded = f"Not{element}"
    patterns = _members(statement[excluded if excluded in statement else element])
    return any(_is_like(text, convert(pattern)) for pattern in patterns) is (excluded not in statement)


def _is_met(operator: str, got: Sequence[str], values: Sequence[Any]) -> bool:
    match = _QUALIFIER.fullmatch(operator)
    name = match["name"] if match else operator
    texts = [str(value).lower() if isinstance(value, bool) else str(value) for value in values]
    if name == "Null":
        return all((not got) is (text == "true") for text in texts)
    is_negative = name in _NEGATIONS
    test = _TESTS.get(_NEGATIONS.get(name, name))
    if match is None or test is None:
        raise UnsupportedConditionError(operator)
    if not got:
        return bool(match["optional"]) or match["set"] == "ForAllValues" or is_negative
    results = [any(test(item, text) for text in texts) is not is_negative for item in got]
    return any(results) if match["set"] == "ForAnyValue" else all(results)


def _is_like(text: str, pattern: str) -> bool:
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, text, re.DOTALL) is not None


def _members(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


_TESTS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "ArnEquals": _is_like,
    "ArnLike": _is_like,
    "Bool": lambda got, value: got.lower() == value.lower(),
    "NumericEquals": lambda got, value: float(got) == float(value),
    "NumericGreaterThan": lambda got, value: float(got) > float(value),
    "NumericGreaterThanEquals": lambda got, value: float(got) >= float(value),
    "NumericLessThan": lambda got, value: float(got) < float(value),
    "NumericLessThanEquals": lambda got, value: float(got) <= float(value),
    "StringEquals": lambda got, value: got == value,
    "StringEqualsIgnoreCase": lambda got, value: got.lower() == value.lower(),
    "StringLike": _is_like,
}
_NEGATIONS: Final = {
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals",
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
}
