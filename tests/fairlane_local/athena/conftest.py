from collections.abc import Iterator

import pytest

from fairlane_local import LocalAws
from tests.fairlane_local.athena.support import Store


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with LocalAws() as aws:
        yield Store(aws)
