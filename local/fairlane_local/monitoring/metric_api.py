"""Calls of the CloudWatch API for metrics and for the history of alarms, answered from the samples of the local AWS."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from moto.cloudwatch.exceptions import InvalidParameterValue, ValidationError
from moto.cloudwatch.models import CloudWatchBackend, MetricDatumBase
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult

from fairlane.cloudwatch.metric_math import evaluate
from fairlane.cloudwatch.samples import LabeledSeries, MetricKey, Series
from fairlane.cloudwatch.search import search_metrics
from fairlane_local.monitoring.alarm_changes import now
from fairlane_local.monitoring.alarm_evaluation import define
from fairlane_local.monitoring.metrics import MetricStore, metric_store

_DEFAULT_PERIOD: Final = 300
_MAX_POINTS: Final = 100_800
_MAX_SAMPLES: Final = 10_000
OLDEST: Final = 14 * 86_400
NEWEST: Final = 2 * 3_600

_put_metric_alarm = CloudWatchResponse.put_metric_alarm


def install() -> None:
    """Replace moto's calls for metrics, and add those that it lacks."""
    CloudWatchBackend.put_metric_data = _put_metric_data  # type: ignore[method-assign]
    CloudWatchBackend.get_metric_data = _get_metric_data  # type: ignore[method-assign]
    CloudWatchBackend.get_filtered_metrics = _get_filtered_metrics  # type: ignore[method-assign]
    CloudWatchResponse.get_metric_statistics = _get_metric_statistics  # type: ignore[method-assign]
    CloudWatchResponse.put_metric_alarm = _put_alarm  # type: ignore[method-assign]
    CloudWatchResponse.put_composite_alarm = _put_alarm  # type: ignore[attr-defined]
    CloudWatchResponse.describe_alarm_history = _describe_alarm_history  # type: ignore[attr-defined]


def _store(backend: CloudWatchBackend) -> MetricStore:
    return metric_store(backend.account_id, backend.region_name)


def _seconds(time: datetime) -> int:
    return math.floor((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())


def _time(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC).replace(tzinfo=None)


def _dimensions(items: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {item["Name"]: item["Value"] for item in items}


def _put_alarm(self: CloudWatchResponse) -> ActionResult:
    result = _put_metric_alarm(self)
    properties = self._get_params()
    define(self.cloudwatch_backend.alarms[properties["AlarmName"]], properties)
    return result


def _describe_alarm_history(self: CloudWatchResponse) -> ActionResult:
    request = self._get_params()
    name, kind = request.get("AlarmName"), request.get("HistoryItemType")
    start, end = (_seconds(request[key]) if key in request else None for key in ("StartDate", "EndDate"))
    items = [
        item
        for alarm in [*self.cloudwatch_backend.alarms.values()]
        for item in alarm.history
        if name in (None, alarm.name)
        and kind in (None, item["HistoryItemType"])
        and (start is None or start <= _seconds(item["Timestamp"]))
        and (end is None or _seconds(item["Timestamp"]) <= end)
    ]
    newest_first = request.get("ScanBy") != "TimestampAscending"
    items.sort(key=lambda item: item["Timestamp"], reverse=newest_first)
    return ActionResult({"AlarmHistoryItems": items[: request.get("MaxRecords", 100)]})


def _put_metric_data(self: CloudWatchBackend, namespace: str, metric_data: list[dict[str, Any]]) -> None:
    current = _seconds(now())
    for number, datum in enumerate(metric_data, 1):
        self._validate_parameters_put_metric_data(datum, number)
        second = _seconds(datum["Timestamp"]) if datum.get("Timestamp") else current
        if not current - OLDEST <= second <= current + NEWEST:
            message = "must be within the past two weeks and the next two hours"
            raise InvalidParameterValue(f"The parameter MetricData.member.{number}.Timestamp {message}.")
        _store(self).put(
            namespace,
            datum["MetricName"],
            _dimensions(datum.get("Dimensions", [])),
            _values(datum, number),
            1000 * second,
            datum.get("Unit", "None"),
        )


def _values(datum: Mapping[str, Any], number: int) -> list[float]:
    if statistics := datum.get("StatisticValues"):
        count = int(statistics["SampleCount"])
        if not 0 < count <= _MAX_SAMPLES:
            name = f"MetricData.member.{number}.StatisticValues.SampleCount"
            raise InvalidParameterValue(f"{name}: the local AWS accepts 1 to {_MAX_SAMPLES} samples.")
        low, high, total = (float(statistics[name]) for name in ("Minimum", "Maximum", "Sum"))
        rest = [(total - low - high) / (count - 2)] * (count - 2) if count > 2 else []
        return [total] if count == 1 else [low, high, *rest]
    if "Values" in datum:
        counts = datum.get("Counts") or [1] * len(datum["Values"])
        return [value for value, count in zip(datum["Values"], counts, strict=True) for _ in range(int(count))]
    return [float(datum["Value"])]


def _get_filtered_metrics(
    self: CloudWatchBackend, metric_name: str, namespace: str, dimensions: list[dict[str, str]]
) -> list[MetricDatumBase]:
    store = _store(self)
    with store.lock:
        keys = store.samples.metrics()
    metrics = [
        MetricDatumBase(key.namespace, key.name, [{"Name": n, "Value": v} for n, v in key.dimensions], now())
        for key in keys
    ]
    return [
        metric
        for metric in [*metrics, *self.aws_metric_data]
        if namespace in (None, metric.namespace)
        and metric_name in (None, metric.name)
        and all(
            any(own.name == item["Name"] and item.get("Value") in (None, own.value) for own in metric.dimensions)
            for item in dimensions or ()
        )
    ]


def _get_metric_statistics(self: CloudWatchResponse) -> ActionResult:
    request = self._get_params()
    statistics = [*request.get("Statistics", []), *request.get("ExtendedStatistics", [])]
    if not statistics:
        raise ValidationError("Must specify either Statistics or ExtendedStatistics")
    period, start, end = int(request["Period"]), _seconds(request["StartTime"]), _seconds(request["EndTime"])
    if start >= end:
        raise InvalidParameterValue("The parameter StartTime must be less than the parameter EndTime.")
    store = _store(self.cloudwatch_backend)
    key = MetricKey.from_dimensions(
        request["Namespace"], request["MetricName"], _dimensions(request.get("Dimensions", []))
    )
    points: dict[int, dict[str, Any]] = {}
    for statistic in statistics:
        for time, value in _aggregate(store, key, statistic, period, _starts(start, end, period)).items():
            point = points.setdefault(time, {"Timestamp": _time(time), "Unit": store.units.get(key, "None")})
            if statistic in request.get("Statistics", []):
                point[statistic] = value
            else:
                point.setdefault("ExtendedStatistics", {})[statistic] = value
    return ActionResult({"Label": request["MetricName"], "Datapoints": [*points.values()]})


def _starts(start: int, end: int, period: int) -> range:
    """Return the starts of the periods of an interval, at multiples of the period."""
    starts = range(start // period * period, end, period)
    if len(starts) > _MAX_POINTS:
        raise InvalidParameterValue(f"The request has {len(starts)} datapoints, allowed: {_MAX_POINTS}.")
    return starts


def _aggregate(store: MetricStore, key: MetricKey, statistic: str, period: int, starts: range) -> Series:
    try:
        with store.lock:
            return store.samples.aggregate(key, statistic, period, starts)
    except ValueError as error:
        raise InvalidParameterValue(str(error)) from None


def _get_metric_data(
    self: CloudWatchBackend,
    queries: list[dict[str, Any]],
    start_time: datetime,
    end_time: datetime,
    scan_by: str = "TimestampDescending",
) -> list[dict[str, Any]]:
    start, end = _seconds(start_time), _seconds(end_time)
    results = []
    for query in queries:
        if query.get("ReturnData") is False:
            continue
        for label, points in _query(_store(self), query, queries, start, end):
            times = sorted(points, reverse=scan_by == "TimestampDescending")
            results.append(
                {
                    "id": query["Id"],
                    "label": query.get("Label") or label or query["Id"],
                    "timestamps": [_time(time) for time in times],
                    "values": [points[time] for time in times],
                    "status_code": "Complete",
                }
            )
    return results


def _query(
    store: MetricStore, query: Mapping[str, Any], queries: Sequence[Mapping[str, Any]], start: int, end: int
) -> Iterator[tuple[str, Series]]:
    """Yield the labels and the series of a query."""
    if stat := query.get("MetricStat"):
        period = int(stat["Period"])
        yield stat["Metric"]["MetricName"], _stat_series(store, stat, _starts(start, end, period))
        return
    stats = {other["Id"]: other["MetricStat"] for other in queries if "MetricStat" in other}
    periods = {int(stat["Period"]) for stat in stats.values()}
    period = int(query.get("Period") or max(periods, default=_DEFAULT_PERIOD))
    starts = _starts(start, end, period)

    def search(expression: str, statistic: str, seconds: int) -> list[LabeledSeries]:
        with store.lock:
            return search_metrics(store.samples, expression, statistic, seconds, times=_starts(start, end, seconds))

    try:
        value = evaluate(
            query["Expression"],
            {name: _stat_series(store, stat, starts) for name, stat in stats.items()},
            starts,
            period=period,
            search=search,
            expressions={other["Id"]: other["Expression"] for other in queries if "Expression" in other},
        )
    except ValueError as error:
        raise ValidationError(f"Error in expression '{query['Id']}': {error}") from None
    if isinstance(value, dict):
        yield query["Id"], value
    else:
        yield from ((series.label, series.points) for series in value)


def _stat_series(store: MetricStore, stat: Mapping[str, Any], starts: range) -> Series:
    metric = stat["Metric"]
    key = MetricKey.from_dimensions(
        metric["Namespace"], metric["MetricName"], _dimensions(metric.get("Dimensions", []))
    )
    return _aggregate(store, key, stat["Stat"], starts.step, starts)
