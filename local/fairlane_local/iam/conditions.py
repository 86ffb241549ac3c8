"""Conditions of policies with numbers, which AWS accepts with and without quotes."""

from typing import Any

from moto.iam.policy_validation import IAMPolicyDocumentValidator

_check = IAMPolicyDocumentValidator._validate_condition_syntax


def install() -> None:
    """Make moto accept numbers without quotes, such as the ceiling of a priority."""
    validator: Any = IAMPolicyDocumentValidator
    validator._validate_condition_syntax = staticmethod(_check_with_texts)


def _check_with_texts(statement: dict[str, Any]) -> None:
    match statement.get("Condition"):
        case dict(condition):
            texts = {operator: _texts(values) for operator, values in condition.items()}
            _check(statement | {"Condition": texts})
        case _:
            _check(statement)


def _texts(values: Any) -> Any:
    if not isinstance(values, dict):
        return values
    return {key: str(value) if type(value) in {int, float} else value for key, value in values.items()}
