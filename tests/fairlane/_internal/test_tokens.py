"""`is_token` knows the CDK's encodings without the CDK; here the CDK judges it."""

import jsii
import pytest
from aws_cdk import Aws, CfnParameter, Fn, IStableAnyProducer, Lazy, Stack, Token

from fairlane._internal.tokens import is_token

PLAIN = ["", "ml.p4d.24xlarge", "${Token", "$", 0, 1, -1, 2**63, -1e287, 1e300, True, None, [], ["a"], {}]


@jsii.implements(IStableAnyProducer)
class _Never:
    def produce(self) -> object:
        raise AssertionError("resolved too early")


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_values_are_no_tokens(value: object) -> None:
    assert not is_token(value)
    assert not Token.is_unresolved(value)


def test_tokens_of_every_encoding_are_tokens(stack: Stack) -> None:
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
