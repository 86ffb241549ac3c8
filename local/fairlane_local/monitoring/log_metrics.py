"""Metrics of log events: samples in embedded metric format, and samples of metric filters."""

import logging
from collections.abc import Sequence
from typing import Any

from moto.logs import models
from moto.logs.models import LogStream

from fairlane.cloudwatch.samples import emf_samples
from fairlane_local.monitoring import metric_filters
from fairlane_local.monitoring.alarm_changes import now
from fairlane_local.monitoring.metric_api import NEWEST, OLDEST
from fairlane_local.monitoring.metrics import metric_store
from fairlane_local.simulation import current_simulation

_put_log_events = LogStream.put_log_events


def install() -> None:
    """Make moto's log streams publish the metrics of their events, and have the local time."""
    models.utcnow = now  # type: ignore[attr-defined]
    LogStream.put_log_events = _put_events_and_metrics  # type: ignore[method-assign]


def _put_events_and_metrics(self: LogStream, log_events: list[dict[str, Any]]) -> str:
    token = _put_log_events(self, log_events)
    publish(self.account_id, self.region, [event["message"] for event in log_events])
    metric_filters.publish(self.account_id, self.region, self.log_group.name, log_events)
    return token


def publish(account_id: str, region: str, lines: Sequence[str]) -> None:
    """Put the metrics of log lines into the store of an account and Region.

    Samples outside the times of PutMetricData are ignored: a timestamp far in the future would delete all others.
    """
    current = current_simulation().timeline.milliseconds // 1000
    store = metric_store(account_id, region)
    for line in lines:
        if '"_aws"' not in line:
            continue
        try:
            for sample in emf_samples([line]):
                if not current - OLDEST <= sample.time_seconds <= current + NEWEST:
                    logging.getLogger(__name__).warning("a log event has metrics outside the times of PutMetricData")
                    break
                time = 1000 * sample.time_seconds
                store.put(sample.namespace, sample.name, sample.dimensions, sample.values, time, sample.unit)
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            logging.getLogger(__name__).warning("a log event is not in embedded metric format: %s", error)
