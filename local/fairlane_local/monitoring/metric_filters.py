"""Metric filters of CloudWatch Logs: each log event that matches a pattern is a sample of a metric."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from moto.logs.exceptions import InvalidParameterException, LimitExceededException
from moto.logs.metric_filters import MetricFilters
from moto.logs.models import LogsBackend, logs_backends

from fairlane_local.cloudformation.local_resource import LocalResource, register
from fairlane_local.monitoring.filter_patterns import FilterPatternError, matches, parse_pattern, value_at
from fairlane_local.monitoring.metrics import metric_store

_MOST_DIMENSIONS: Final = 3
_MOST_FILTERS: Final = 100

_add_filter = MetricFilters.add_filter


class MetricFilter(LocalResource):
    """AWS::Logs::MetricFilter."""

    resource_type = "AWS::Logs::MetricFilter"
    name_property = "FilterName"
    create_only = frozenset({"FilterName", "LogGroupName"})

    def create(self) -> None:
        """Create the filter, or replace the filter with the same name."""
        (transformation,) = self.properties["MetricTransformations"]
        settings = {name[0].lower() + name[1:]: value for name, value in transformation.items()}
        pairs = transformation.get("Dimensions", [])
        settings["dimensions"] = {pair["Key"]: pair["Value"] for pair in pairs}
        self._logs.put_metric_filter(
            self.physical_resource_id,
            self.properties["FilterPattern"],
            self.properties["LogGroupName"],
            [settings],  # type: ignore[arg-type]  # moto's annotation is wrong
        )

    def remove(self) -> None:
        """Delete the filter."""
        self._logs.delete_metric_filter(self.physical_resource_id, self.properties["LogGroupName"])

    @property
    def _logs(self) -> LogsBackend:
        account_id, region = self._location
        return logs_backends[account_id][region]


def install() -> None:
    """Register the resource with moto's CloudFormation, and let moto check and replace filters."""
    register((MetricFilter,))
    MetricFilters.add_filter = _put_filter  # type: ignore[method-assign]


def _put_filter(
    self: MetricFilters, filter_name: str, filter_pattern: str, log_group_name: str, metric_transformations: Any
) -> None:
    (transformation,) = metric_transformations
    try:
        parse_pattern(filter_pattern)
    except FilterPatternError as error:
        raise InvalidParameterException(str(error)) from error
    dimensions = transformation.get("dimensions") or {}
    if len(dimensions) > _MOST_DIMENSIONS:
        text = f"a metric filter has at most {_MOST_DIMENSIONS} dimensions, and {filter_name} has {len(dimensions)}"
        raise InvalidParameterException(text)
    if dimensions and transformation.get("defaultValue") is not None:
        text = f"the metric filter {filter_name} has dimensions and a default value: AWS refuses both together"
        raise InvalidParameterException(text)
    self.delete_filter(filter_name, log_group_name)
    if sum(own["logGroupName"] == log_group_name for own in self.metric_filters) >= _MOST_FILTERS:
        raise LimitExceededException
    _add_filter(self, filter_name, filter_pattern, log_group_name, metric_transformations)


def publish(account_id: str, region: str, log_group_name: str, log_events: Sequence[Mapping[str, Any]]) -> None:
    """Put the samples of all metric filters of a log group into the store of an account and Region.

    A dimension whose field is missing in the log event makes no sample.
    """
    filters = [
        own for own in logs_backends[account_id][region].filters.metric_filters if own["logGroupName"] == log_group_name
    ]
    for log_event in log_events if filters else ():
        message, time = str(log_event["message"]), int(log_event["timestamp"])
        for own in filters:
            if matches(own["filterPattern"], message):
                _put_sample(account_id, region, own["metricTransformations"][0], message, time)


def _put_sample(account_id: str, region: str, transformation: Mapping[str, Any], message: str, time: int) -> None:
    selectors = transformation.get("dimensions") or {}
    dimensions = {name: value_at(selector, message) for name, selector in selectors.items()}
    value = transformation["metricValue"]
    number = value_at(value, message) if value.startswith("$") else value
    if None in dimensions.values():
        return
    try:
        sample = float(number)
    except (TypeError, ValueError):
        logging.getLogger(__name__).warning("a log event has no number at %s", value)
        return
    store = metric_store(account_id, region)
    names = {name: str(text) for name, text in dimensions.items()}
    unit = transformation.get("unit") or "None"
    store.put(transformation["metricNamespace"], transformation["metricName"], names, sample, time, unit)
