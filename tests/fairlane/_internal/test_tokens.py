"""`is_token` without the CDK, compared with `Token.is_unresolved` of the CDK."""

from pathlib import Path

import jsii
import pytest
from aws_cdk import Aws, CfnParameter, Fn, IStableAnyProducer, Lazy, Stack, Token

from fairlane._internal.tokens import is_token

PLAIN = [
    "",
    "ml.p4d.24xlarge",
    "${Token",
    "${Token[",
    "${Token[a.1",
    "$",
    0,
    1,
    -1,
    2**63,
    -1e287,
    1e300,
    -1e300,
    -(2.0**961),
    -(10**400),
    float("-inf"),
    float("nan"),
    True,
    None,
    [],
    ["a"],
    {},
]


def test_a_path_is_not_a_token() -> None:
    assert not is_token(Path("environments"))


@jsii.implements(IStableAnyProducer)
class _Never:
    def produce(self) -> object:
        raise AssertionError("resolved too early")


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_values_are_not_tokens(value: object) -> None:
    assert not is_token(value)
    # Values reach the CDK as JSON, which has neither infinity nor numbers beyond a double.
    if not isinstance(value, int | float) or abs(value) < 2.0**1023:
        assert not Token.is_unresolved(value)


def test_tokens_of_all_encodings_are_recognized(stack: Stack) -> None:
    parameter = CfnParameter(stack, "Parameter", type="Number")
    tokens = [
        Aws.REGION,
        f"prefix-{Aws.REGION}",
        Token.as_number({"Ref": "X"}),
        parameter.value_as_number,
        parameter.value_as_string,
        Fn.split(",", Aws.REGION),
        Lazy.any(_Never()),
        Fn.condition_equals("a", "b"),
        Token.as_any({"Ref": "X"}),
    ]
    for token in tokens:
        assert is_token(token), token
        assert Token.is_unresolved(token), token
