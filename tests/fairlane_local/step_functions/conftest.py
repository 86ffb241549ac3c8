from collections.abc import Iterator

import pytest

from fairlane_local import LocalAws
from fairlane_local.clock import Clock
from tests.fairlane_local.step_functions.support import Machines


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with LocalAws(clock=Clock(None)) as aws:
        yield aws


@pytest.fixture
def machines(aws: LocalAws) -> Machines:
    return Machines(aws)
