"""The smallest faithful evaluator of IAM policies: a request is allowed if every resource of it is.

After "Policy evaluation logic" in the IAM User Guide, for identity policies of one account: an explicit deny wins, then
an allow for each resource is needed. What it does not know raises, so that no policy passes unread.
"""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any

Statement = dict[str, Any]
Context = dict[str, str | int]


def is_allowed(statements: Sequence[Statement], action: str, resources: Sequence[str], context: Context) -> bool:
    """Tells whether one request, which needs the action on each of the resources, is allowed."""
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
        "Bool": lambda got, wanted: str(got).lower() == wanted,
        "StringEquals": lambda got, wanted: got == wanted,
        "StringLike": lambda got, wanted: _like(str(got), wanted),
        "NumericLessThanEquals": lambda got, wanted: float(got) <= float(wanted),
    }
    return any(tests[name](context[key], value) for value in values)


def _like(text: str, pattern: str) -> bool:
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
