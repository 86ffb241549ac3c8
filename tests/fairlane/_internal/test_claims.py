"""Scopes of constructs."""

from typing import Any

import pytest
from aws_cdk import App

from fairlane import ConfigurationError, Fifo, TrainingQueue
from fairlane._internal.claims import Claims
from fairlane.jobs import TrainingExecutionRole
from fairlane.monitoring import AlarmTopic


@pytest.mark.parametrize("scope", [None, "stack", 5])
def test_a_scope_that_is_no_construct_is_one_problem(scope: Any) -> None:
    for build in (
        lambda: TrainingQueue(scope, "Queue", queue_name="q", capacity=1, scheduling=Fifo()),
        lambda: TrainingExecutionRole(scope, "Role"),
        lambda: AlarmTopic(scope, "Topic", subscriptions=["gpus@example.com"]),
    ):
        with pytest.raises(ConfigurationError, match="a stack, or a construct in a stack") as raised:
            build()
        assert [problem.field for problem in raised.value.problems] == [("scope",)]


def test_a_scope_outside_a_stack_is_one_problem() -> None:
    with pytest.raises(ConfigurationError) as raised:
        Claims.regional(App())
    assert str(raised.value).splitlines()[1:] == [
        "  - scope: the construct is not in a stack: use a stack, or a construct in a stack"
    ]
