"""Minimal evaluator of IAM policies. A request is allowed if the action is allowed on each of its resources.

Source: "Policy evaluation logic" in the IAM User Guide, for identity policies of one account. An explicit deny takes
precedence over an allow. Unsupported elements of a statement raise an error.
"""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any

Statement = dict[str, Any]
Context = dict[str, str | int]


def is_allowed(statements: Sequence[Statement], action: str, resources: Sequence[str], context: Context) -> bool:
    """Return True if a request that needs the action on each of the resources is allowed."""
    for statement in statements:
        unknown = set(statement) - {"Effect", "Action", "Resource", "Condition", "Sid"}
        assert not unknown, f"not evaluated: {unknown}"
    effects = [
        {statement["Effect"] for statement in statements if _applies(statement, action, resource, context)}
        for resource in resources
    ]
    return all("Allow" in effect and "Deny" not in effect for effect in effects)


def _applies(statement: Statement, action: str, resource: str, context: Context) -> bool:
    return (
        any(_like(action.lower(), pattern.lower()) for pattern in _listed(statement["Action"]))
        and any(_like(resource, pattern) for pattern in _listed(statement["Resource"]))
        and all(
            _holds(operator, key, _listed(values), context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _holds(operator: str, key: str, values: list[Any], context: Context) -> bool:
    name = operator.removesuffix("IfExists")
    if key not in context:
        return name != operator
    tests: dict[str, Callable[[Any, Any], bool]] = {
        "ArnLike": lambda got, value: _like(str(got), value),
        "Bool": lambda got, value: str(got).lower() == value,
        "StringEquals": lambda got, value: got == value,
        "StringLike": lambda got, value: _like(str(got), value),
        "NumericLessThanEquals": lambda got, value: float(got) <= float(value),
    }
    return any(tests[name](context[key], value) for value in values)


def _like(text: str, pattern: str) -> bool:
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
