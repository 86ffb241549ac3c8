"""Fixtures of the functions of a fan-out."""

from collections.abc import Iterator

import pytest

from tests.fairlane_lambda.fan_out.plan_account import Account
from tests.fairlane_lambda.fan_out.plan_account import account as plan_account


@pytest.fixture
def account() -> Iterator[Account]:
    with plan_account() as one:
        yield one
