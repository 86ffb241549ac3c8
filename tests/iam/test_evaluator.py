"""Statements that the evaluator of IAM requests applies to an action, by its name."""

from typing import Any

import pytest

from tests.iam_evaluator import Request, allowed

BUCKET, OBJECT = "arn:aws:s3:::datasets", "arn:aws:s3:::datasets/1"
REQUESTS = [Request("s3:ListBucket", BUCKET), Request("s3:GetObject", OBJECT), Request("s3:PutObject", OBJECT)]


def statement(resource: str = "*", effect: str = "Allow", **members: Any) -> dict[str, Any]:
    return {"Effect": effect, "Resource": resource, **members}


@pytest.mark.parametrize(
    ("statements", "outcomes"),
    [
        ([], [False, False, False]),
        ([statement(Action="s3:GetObject")], [False, True, False]),
        ([statement(Action=["sqs:SendMessage", "S3:getobject"])], [False, True, False]),
        ([statement(Action="s3:*Object")], [False, True, True]),
        ([statement(Action="s3:?etObject")], [False, True, False]),
        ([statement(Action="s3:GetObject*")], [False, True, False]),
        ([statement(Action="*")], [True, True, True]),
        ([statement(NotAction="s3:GetObject")], [True, False, True]),
        ([statement(Action="*"), statement(Action="s3:P*", effect="Deny")], [True, True, False]),
        ([statement(Action="*"), statement(NotAction="s3:List*", effect="Deny")], [True, False, False]),
        ([statement(OBJECT, Action="s3:GetObject"), statement(BUCKET, Action="s3:PutObject")], [False, True, False]),
    ],
)
def test_a_statement_is_about_the_actions_that_it_names(statements: list[Any], outcomes: list[bool]) -> None:
    for _ in range(2):
        assert allowed(statements, REQUESTS) == outcomes
    assert [allowed(statements, [request])[0] for request in REQUESTS] == outcomes


def test_a_context_is_part_of_a_request() -> None:
    condition = {"StringEquals": {"s3:prefix": "a/"}}
    own = [statement(BUCKET, Action="s3:ListBucket", Condition=condition)]
    contexts = [{}, {"s3:prefix": "a/"}, {"s3:prefix": "b/"}, {"s3:prefix": "a/"}]
    assert allowed(own, [Request("s3:ListBucket", BUCKET, context) for context in contexts]) == [False, True] * 2


@pytest.mark.parametrize(
    "mistake",
    [statement(Action="s3 PutObject"), statement(effect="Grant")],
)
def test_a_statement_with_a_mistake_is_an_error_whatever_the_requests(mistake: dict[str, Any]) -> None:
    with pytest.raises(AssertionError, match=r"policy\.errors"):
        allowed([statement(Action="s3:ListBucket"), mistake], REQUESTS[:1])


def test_an_action_that_does_not_exist_is_an_error_whatever_the_statements() -> None:
    with pytest.raises(AssertionError, match=r"invalid\.action"):
        allowed([], [REQUESTS[0], Request("s3:ReadObject", OBJECT)])
