"""Tests of the number of series against the series that the real handlers publish."""

from itertools import product

import pytest

from fairlane.monitoring.costs import QueueUse, count_series
from tests.fairlane.monitoring.costs.real_handlers import (
    REASONS,
    event_series,
    events_of_all_kinds,
    events_output,
    polled_series,
    poller_output,
    select_source,
)
from tests.fairlane_lambda.queue_poller.polling import NAMES

FIFO = QueueUse(service=False, shares=0, entitled=0, other=False, preemption=False, limit=True)
FAIR = QueueUse(service=False, shares=3, entitled=3, other=True, preemption=False, limit=True)
QUOTAS = QueueUse(service=True, shares=2, entitled=2, other=False, preemption=True, limit=True)

QUEUES = [
    QueueUse(service=service, shares=shares, entitled=entitled, other=other, preemption=preemption, limit=limit)
    for service, preemption in ((False, False), (True, False), (True, True))
    for shares, entitled, other in (
        (0, 0, False),
        (0, 0, True),
        (3, 0, True),
        (3, 2, False),
        (3, 2, True),
        (3, 3, True),
    )
    for limit in (False, True)
    if not (other and preemption)
]


@pytest.mark.parametrize("use", QUEUES, ids=str)
def test_the_poller_publishes_the_counted_series(use: QueueUse) -> None:
    counted = select_source(count_series(use, NAMES, reason_count=0), "queue_poller")
    assert polled_series(poller_output(use)) == counted


@pytest.mark.parametrize("use", [use for use in QUEUES if use.shares or not use.preemption], ids=str)
def test_the_events_function_publishes_the_counted_series(use: QueueUse) -> None:
    counted = select_source(count_series(use, NAMES, len(REASONS)), "job_events")
    assert event_series(events_output(*events_of_all_kinds(use))) == counted


@pytest.mark.parametrize(
    ("use", "gauges", "event_series_count"),
    [
        # A container queue has 15 gauges, 4 event metrics, and 2 metrics with 3 reasons; a share has 9 and 9.
        (FIFO, 15, 4 + 6),
        (FAIR, 15 + 3 * 9 + 8, 4 + 6 + 4 * 9),
        (QUOTAS, 16 + 2 * 9, 4 + 6 + 2 * 10),
    ],
)
def test_the_number_of_series_of_example_queues(use: QueueUse, gauges: int, event_series_count: int) -> None:
    series = count_series(use, NAMES, reason_count=3)
    assert sum(select_source(series, "queue_poller").values()) == gauges
    assert sum(select_source(series, "job_events").values()) == event_series_count


def test_a_queue_with_all_properties_has_all_metrics() -> None:
    use = QueueUse(service=True, shares=1, entitled=1, other=True, preemption=True, limit=True)
    assert all(count_series(use, NAMES, reason_count=1).values())


def test_a_new_metric_is_counted() -> None:
    catalog = {"metrics": {"New": {"per": ["queue", "share", "reason"]}}}
    for shares, other in product((0, 5), (False, True)):
        use = QueueUse(service=True, shares=shares, entitled=0, other=other, preemption=True, limit=True)
        assert count_series(use, catalog, reason_count=4) == {"New": 1 + shares + other + 4}
