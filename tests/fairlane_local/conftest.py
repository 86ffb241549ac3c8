from collections.abc import Iterator
from typing import Any

import pytest

from fairlane_local import LocalAws, client


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with LocalAws() as aws:
        yield aws


@pytest.fixture
def batch(aws: LocalAws) -> Any:
    return client("batch", aws.port, "123456789012", "us-east-1")
