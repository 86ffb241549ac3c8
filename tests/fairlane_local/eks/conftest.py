import pytest

from fairlane_local import LocalAws
from tests.fairlane_local.hyperpod.support import Place


@pytest.fixture
def place(aws: LocalAws) -> Place:
    return Place(aws)
