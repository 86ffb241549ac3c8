from collections.abc import Iterator
from typing import Any

import pytest

from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.clock import Clock
from fairlane_local.server.access import client
from fairlane_local.server.local_aws import LocalAws
from tests.fairlane_local.batch.support import ACCOUNT


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    """Local AWS with a manual clock and without throttling."""
    with LocalAws(clock=Clock(None), options=JobOptions(throttle=False)) as aws:
        yield aws


@pytest.fixture
def batch(aws: LocalAws) -> Any:
    return client("batch", aws.port, ACCOUNT, "us-east-1")
