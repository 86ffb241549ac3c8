from collections.abc import Iterator

import pytest

from fairlane_local import LocalAws
from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.clock import Clock
from tests.fairlane_local.hyperpod.training.support import Cluster


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Cluster of 8 instances on a manual clock: 4 of the team a, and 4 of the team b."""
    options = JobOptions(run_seconds=1000, stop_seconds=5, throttle=False)
    with LocalAws(clock=Clock(None), options=options) as aws:
        yield Cluster(aws)
