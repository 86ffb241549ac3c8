"""Previews of dashboards, with the data of a log or with generated data."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from fairlane._internal.output_files import write_mistake
from fairlane.cloudwatch.alarms import evaluate_alarms
from fairlane.cloudwatch.samples import RETENTION, MetricKey, Samples
from fairlane.cloudwatch.template_alarms import TemplateAlarms
from fairlane.preview.body import Dashboard, PreviewError, Widget, parse_dashboard, read_dashboards
from fairlane.preview.capacities import queue_capacities
from fairlane.preview.page import DashboardView, States, page
from fairlane.preview.queue_day import Capacity
from fairlane.preview.sample_data import generate_samples, matching_metrics

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
_GENERATED_END: Final = int(datetime(2026, 3, 4, 18, tzinfo=UTC).timestamp())
_LONGEST_GENERATED: Final = 36 * _HOUR
_LEAD: Final = 2 * _HOUR  # Data before the time range, for alarms and statistics with long periods.
_DURATION: Final = re.compile("-P(?:{0}M)?(?:{0}W)?(?:{0}D)?(?:T(?:{0}H)?(?:{0}M)?(?:{0}S)?)?".format(r"(\d{1,9})"))
_SECONDS: Final = (30 * _DAY, 7 * _DAY, _DAY, _HOUR, _MINUTE, 1)
_HASH: Final = re.compile(r"[0-9A-F]{8}$")  # The AWS CDK appends this hash to logical ids.


def preview(path: Path, output: Path, *, name: str | None = None, data: Path | None = None, seed: int = 0) -> list[str]:
    """Write dashboards as one HTML page that needs no network.

    Args:
        path: `cdk.out` folder, CloudFormation template, or dashboard body.
        output: HTML file to write.
        name: Name of the dashboard to render. Default: all dashboards.
        data: Log with lines in the embedded metric format, as text or as JSON of CloudWatch Logs events. Default:
            generated data.
        seed: Seed of the generated data. Default: 0.

    Returns:
        Names of the dashboards on the page.

    Raises:
        PreviewError: If a dashboard or the log cannot be read, or the page cannot be written. The message is one
            sentence.
    """
    dashboards = read_dashboards(path)
    selected = [dashboard for dashboard in dashboards if name in (None, dashboard.name)]
    if not selected:
        names = ", ".join(dashboard.name for dashboard in dashboards)
        raise PreviewError(f"{path} contains no dashboard {name}: use one of {names}")
    samples, end = _read_log(data) if data else (None, _GENERATED_END)
    capacities = queue_capacities(selected[0].templates)
    views = [_preview(dashboard, samples, end, seed, capacities) for dashboard in selected]
    origin = f"Data: {data}." if data else f"Data: generated with seed {seed}."
    try:
        output.write_text(page(views, origin), encoding="utf-8")
    except OSError as error:
        raise PreviewError(f"{output}: {write_mistake(output, error)}") from error
    return [dashboard.name for dashboard in selected]


def render_dashboard(name: str, body: str, samples: Samples, states: Mapping[str, str], end: int, origin: str) -> str:
    """Return the HTML page of a dashboard that is deployed, with the samples of its metrics.

    Args:
        name: Name of the dashboard.
        body: Body of the dashboard.
        samples: Samples of all metrics.
        states: State of each alarm, by name. An empty state is unknown.
        end: End of the time range, in seconds since 1970.
        origin: Origin of the data, as a short sentence.

    Raises:
        PreviewError: If the body is not valid.
    """
    dashboard = parse_dashboard(name, body)
    named = {alarm: (alarm, state) for alarm, state in states.items()}
    return page([_view(dashboard, samples, named, _start(dashboard, end), end)], origin)


def _read_log(data: Path) -> tuple[Samples, int]:
    """Return the samples of a log, and the end of the minute of the newest sample."""
    samples = Samples()
    try:
        text = data.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PreviewError(f"cannot read {data}: {getattr(error, 'strerror', None) or error}") from error
    events = _events(text)
    for number, line in enumerate(text.split("\n") if events is None else events, 1):
        try:
            samples.add_emf([line])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            position = f"{data}, {'line' if events is None else 'event'} {number}"
            reason = f": {error}" if isinstance(error, ValueError) else ""
            raise PreviewError(f"{position}: invalid embedded metric format{reason}") from error
    if not samples.metrics():
        raise PreviewError(f"{data} contains no line in the embedded metric format")
    return samples, samples.newest - samples.newest % _MINUTE + _MINUTE


def _events(text: str) -> list[str] | None:
    """Return the messages of a `FilterLogEvents` response. None if the text is not such a response."""
    try:
        document = json.loads(text)
    except (RecursionError, ValueError):
        return None
    match document:
        case {"events": [*events]}:
            return [str(event.get("message", "")) for event in events if isinstance(event, dict)]
    return None


def _view(dashboard: Dashboard, samples: Samples, states: States, start: int, end: int) -> DashboardView:
    dashboard = replace(dashboard, widgets=tuple(_filter_alarms(widget, states) for widget in dashboard.widgets))
    return DashboardView(dashboard=dashboard, samples=samples, states=states, start=start, end=end)


def _preview(
    dashboard: Dashboard, samples: Samples | None, end: int, seed: int, capacities: Mapping[str, Capacity]
) -> DashboardView:
    start = _start(dashboard, end)
    if samples is None:
        start = max(start, end - _LONGEST_GENERATED)
        first = start - start % _HOUR - _LEAD
        periods = _metric_periods(dashboard, capacities)
        samples = generate_samples(periods, start=first, end=end, seed=seed, capacities=capacities)
    return _view(dashboard, samples, _states(dashboard.alarms, samples, end), start, end)


def _start(dashboard: Dashboard, end: int) -> int:
    """Return the start of a dashboard's time range, in seconds since 1970. Default: one day before the end."""
    if dashboard.start is None:
        return end - _DAY
    if match := _DURATION.fullmatch(dashboard.start):
        seconds = sum(int(part or 0) * unit for part, unit in zip(match.groups(), _SECONDS, strict=True))
        return end - min(seconds or _DAY, RETENTION)
    try:
        time = datetime.fromisoformat(dashboard.start)
        start = int(time.replace(tzinfo=time.tzinfo or UTC).timestamp())
    except ValueError as error:
        allowed = "a time in ISO 8601, or a duration, for example -PT3H"
        raise PreviewError(f"dashboard {dashboard.name}: start: got {dashboard.start!r}, allowed: {allowed}") from error
    return max(start, end - RETENTION) if start < end else end - _DAY


def _metric_periods(dashboard: Dashboard, capacities: Mapping[str, Capacity]) -> dict[MetricKey, int]:
    """Return the shortest period of each metric of a dashboard and of the alarms of its template, in seconds."""
    periods: dict[MetricKey, int] = {}
    expressions = []
    for metric, expression, period in (*_widget_metrics(dashboard), *_alarm_metrics(dashboard.alarms)):
        if metric:
            periods[metric] = min(period, periods.get(metric, period))
        else:
            expressions.append(expression)
    shares = {queue: set(capacity.shares) for queue, capacity in capacities.items()}
    for metric in periods:
        dimensions = dict(metric.dimensions)
        if "JobQueueName" in dimensions:
            queue_shares = shares.setdefault(dimensions["JobQueueName"], set())
            queue_shares |= {dimensions["Share"]} if "Share" in dimensions else set()
    ordered = {queue: sorted(queue_shares) for queue, queue_shares in sorted(shares.items())}
    for expression in expressions:
        for metric in matching_metrics(expression, ordered):
            periods.setdefault(metric, _MINUTE)
    return periods


def _widget_metrics(dashboard: Dashboard) -> Iterator[tuple[MetricKey | None, str, int]]:
    for widget in dashboard.widgets:
        for line in widget.properties.lines():
            is_count = line.stat.lower() in {"samplecount", "n"}
            yield line.metric, line.expression, _MINUTE if is_count else line.period


def _alarm_metrics(alarms: TemplateAlarms) -> Iterator[tuple[MetricKey | None, str, int]]:
    for alarm in alarms.alarms.values():
        for metric in alarm.metrics.values():
            yield metric.key, "", alarm.period


def _states(alarms: TemplateAlarms, samples: Samples, end: int) -> States:
    history = evaluate_alarms(alarms, samples, start=end - 6 * _HOUR, end=end)
    states = {}
    for logical_id in alarms:
        name = alarms.names[logical_id] or _HASH.sub("", logical_id)
        state = str(history.state(logical_id)) if logical_id in history else ""
        states[f"${{{logical_id}.Arn}}"] = states[name] = (name, state)
    return states


def _filter_alarms(widget: Widget, states: States) -> Widget:
    """Return an alarm widget with the alarms in the states of its filter, or a text widget if there is none."""
    state_filter = widget.properties.states
    if widget.type != "alarm" or not state_filter:
        return widget
    rows = [(arn, states.get(arn) or states.get(arn.rpartition(":alarm:")[2])) for arn in widget.properties.alarms]
    if alarms := [arn for arn, row in rows if row and row[1] in state_filter]:
        return widget.model_copy(update={"properties": widget.properties.model_copy(update={"alarms": alarms})})
    unknown = sum(not (row and row[1]) for _, row in rows)
    text = f"No alarm in state {' or '.join(state_filter)}" + (f"; {unknown} not evaluated" if unknown else "")
    properties = widget.properties.model_copy(update={"markdown": text})
    return widget.model_copy(update={"type": "text", "properties": properties})
