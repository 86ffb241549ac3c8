"""Comparison of the handler with a model of its guarantee, over random histories with failures."""

import pytest

from tests.fairlane_lambda.job_events.failing_histories import check_history

IN_CI = 400
IN_SOAK = 100_000


@pytest.mark.parametrize("first", range(0, IN_CI, 100))
def test_every_event_counts_once_in_each_container_that_accepts_it(first: int) -> None:
    for seed in range(first, first + 100):
        check_history(seed)


@pytest.mark.soak
@pytest.mark.parametrize("first", range(IN_CI, IN_CI + IN_SOAK, 1_000))
def test_many_more_histories_with_failures(first: int) -> None:
    for seed in range(first, first + 1_000):
        check_history(seed)
