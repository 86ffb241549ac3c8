"""How many series are counted, against those that the real handlers publish."""

from itertools import product

import pytest

from fairlane.monitoring.costs import QueueUse, count_series
from tests.fairlane.monitoring.costs.real_handlers import (
    REASONS,
    event_series,
    events_of_all_kinds,
    of_source,
    polled_series,
    printed_by_the_poller,
    printed_for_events,
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
def test_the_real_poller_publishes_what_is_counted(use: QueueUse) -> None:
    counted = of_source(count_series(use, NAMES, reasons_seen=0), "queue_poller")
    assert polled_series(printed_by_the_poller(use)) == counted


@pytest.mark.parametrize("use", [use for use in QUEUES if use.shares or not use.preemption], ids=str)
def test_the_real_events_handler_publishes_what_is_counted(use: QueueUse) -> None:
    counted = of_source(count_series(use, NAMES, len(REASONS)), "job_events")
    assert event_series(printed_for_events(*events_of_all_kinds(use))) == counted


@pytest.mark.parametrize(
    ("use", "gauges", "of_events"),
    [
        # Of a queue of containers 15 gauges, 4 metrics of events, and 3 reasons of 2 metrics; of a share 9, and 9.
        (FIFO, 15, 4 + 6),
        (FAIR, 15 + 3 * 9 + 8, 4 + 6 + 4 * 9),
        (QUOTAS, 16 + 2 * 9, 4 + 6 + 2 * 10),
    ],
)
def test_known_numbers(use: QueueUse, gauges: int, of_events: int) -> None:
    series = count_series(use, NAMES, reasons_seen=3)
    assert sum(of_source(series, "queue_poller").values()) == gauges
    assert sum(of_source(series, "job_events").values()) == of_events


def test_a_queue_that_has_all_has_every_metric() -> None:
    use = QueueUse(service=True, shares=1, entitled=1, other=True, preemption=True, limit=True)
    assert all(count_series(use, NAMES, reasons_seen=1).values())


def test_a_new_metric_is_counted() -> None:
    catalog = {"metrics": {"New": {"per": ["queue", "share", "reason"]}}}
    for shares, other in product((0, 5), (False, True)):
        use = QueueUse(service=True, shares=shares, entitled=0, other=other, preemption=True, limit=True)
        assert count_series(use, catalog, reasons_seen=4) == {"New": 1 + shares + other + 4}
