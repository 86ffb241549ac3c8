"""Reads dashboards, finds or makes up data for them, and draws them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from fairlane.cloudwatch.alarms import evaluate_alarms
from fairlane.cloudwatch.samples import KEPT, MetricKey, Samples
from fairlane.cloudwatch.template_alarms import TemplateAlarms
from fairlane.preview.body import Dashboard, PreviewError, Widget, read_dashboards
from fairlane.preview.page import Shown, States, page
from fairlane.preview.queue_day import Capacity
from fairlane.preview.sample_data import capacity_of, generated, searched_metrics

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
_MADE_UP_END: Final = int(datetime(2026, 3, 4, 18, tzinfo=UTC).timestamp())
_MOST_MADE_UP: Final = 36 * _HOUR
_LEAD: Final = 2 * _HOUR  # before what is shown, for alarms and statistics of long periods
_DURATION: Final = re.compile("-P(?:{0}M)?(?:{0}W)?(?:{0}D)?(?:T(?:{0}H)?(?:{0}M)?(?:{0}S)?)?".format(r"(\d{1,9})"))
_SECONDS: Final = (30 * _DAY, 7 * _DAY, _DAY, _HOUR, _MINUTE, 1)
_HASH: Final = re.compile(r"[0-9A-F]{8}$")  # which the AWS CDK puts behind logical ids


def preview(path: Path, output: Path, *, name: str | None = None, data: Path | None = None, seed: int = 0) -> list[str]:
    """Draws dashboards as one HTML page that needs no network.

    Args:
        path: a `cdk.out` folder, a CloudFormation template, or the body of a dashboard.
        output: where the page goes.
        name: of the one dashboard to draw; by default all are drawn.
        data: a log with lines in the embedded metric format, as text or as JSON of CloudWatch Logs' events; by default
            data are made up.
        seed: what made-up data depend on.

    Returns:
        The names of the dashboards that were drawn.

    Raises:
        PreviewError: for what cannot be drawn, in one plain sentence.
    """
    found = read_dashboards(path)
    chosen = [dashboard for dashboard in found if name in (None, dashboard.name)]
    if not chosen:
        names = ", ".join(dashboard.name for dashboard in found)
        raise PreviewError(f"{path} has no dashboard {name}; it has: {names}")
    samples, end = _read(data) if data else (None, _MADE_UP_END)
    capacity = {queue: known for one in chosen[0].beside for queue, known in capacity_of(one).items()}
    shown = [_shown(dashboard, samples, end, seed, capacity) for dashboard in chosen]
    origin = f"Data of {data}." if data else f"Data are made up, from seed {seed}."
    try:
        output.write_text(page(shown, origin), encoding="utf-8")
    except OSError as error:
        raise PreviewError(f"cannot write {output}: {error.strerror}") from error
    return [dashboard.name for dashboard in chosen]


def _read(data: Path) -> tuple[Samples, int]:
    """The samples of a log, and the end of the minute of the newest."""
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
            where = f"{data}, {'line' if events is None else 'event'} {number}"
            why = f": {error}" if isinstance(error, ValueError) else ""
            raise PreviewError(f"{where}: this is not quite the embedded metric format{why}") from error
    if not samples.metrics():
        raise PreviewError(f"{data} has no line in the embedded metric format")
    return samples, samples.newest - samples.newest % _MINUTE + _MINUTE


def _events(text: str) -> list[str] | None:
    """The messages of what CloudWatch Logs answers to `FilterLogEvents`; None for anything else."""
    try:
        document = json.loads(text)
    except (RecursionError, ValueError):
        return None
    match document:
        case {"events": [*events]}:
            return [str(event.get("message", "")) for event in events if isinstance(event, dict)]
    return None


def _shown(
    dashboard: Dashboard, samples: Samples | None, end: int, seed: int, capacity: Mapping[str, Capacity]
) -> Shown:
    start = _start(dashboard, end)
    if samples is None:
        start = max(start, end - _MOST_MADE_UP)
        first = start - start % _HOUR - _LEAD
        samples = generated(_wanted(dashboard, capacity), start=first, end=end, seed=seed, capacity=capacity)
    states = _states(dashboard.alarms, samples, end)
    dashboard = replace(dashboard, widgets=tuple(_in_states(widget, states) for widget in dashboard.widgets))
    return Shown(dashboard=dashboard, samples=samples, states=states, start=start, end=end)


def _start(dashboard: Dashboard, end: int) -> int:
    """When what a dashboard shows begins; a day before its end, where it does not say."""
    if dashboard.start is None:
        return end - _DAY
    if match := _DURATION.fullmatch(dashboard.start):
        seconds = sum(int(part or 0) * unit for part, unit in zip(match.groups(), _SECONDS, strict=True))
        return end - min(seconds or _DAY, KEPT)
    try:
        moment = datetime.fromisoformat(dashboard.start)
        begun = int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())
    except ValueError as error:
        raise PreviewError(f"dashboard {dashboard.name}: start {dashboard.start} is no time") from error
    return max(begun, end - KEPT) if begun < end else end - _DAY


def _wanted(dashboard: Dashboard, capacity: Mapping[str, Capacity]) -> dict[MetricKey, int]:
    """The metrics that a dashboard and the alarms of its template name, with the shortest period of each."""
    wanted: dict[MetricKey, int] = {}
    expressions = []
    for metric, expression, period in (*_of_widgets(dashboard), *_of_alarms(dashboard.alarms)):
        if metric:
            wanted[metric] = min(period, wanted.get(metric, period))
        else:
            expressions.append(expression)
    shares = {queue: set(known.shares) for queue, known in capacity.items()}
    for metric in wanted:
        dimensions = dict(metric.dimensions)
        if "JobQueueName" in dimensions:
            known = shares.setdefault(dimensions["JobQueueName"], set())
            known |= {dimensions["Share"]} if "Share" in dimensions else set()
    ordered = {queue: sorted(known) for queue, known in sorted(shares.items())}
    for expression in expressions:
        for metric in searched_metrics(expression, ordered):
            wanted.setdefault(metric, _MINUTE)
    return wanted


def _of_widgets(dashboard: Dashboard) -> Iterator[tuple[MetricKey | None, str, int]]:
    for widget in dashboard.widgets:
        for line in widget.properties.lines():
            counted = line.stat.lower() in {"samplecount", "n"}
            yield line.metric, line.expression, _MINUTE if counted else line.period


def _of_alarms(alarms: TemplateAlarms) -> Iterator[tuple[MetricKey | None, str, int]]:
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


def _in_states(widget: Widget, states: States) -> Widget:
    """An alarm widget with the alarms that are in the states it asks for, or a text that says that none is."""
    wanted = widget.properties.states
    if widget.type != "alarm" or not wanted:
        return widget
    known = [(arn, states.get(arn) or states.get(arn.rpartition(":alarm:")[2])) for arn in widget.properties.alarms]
    if alarms := [arn for arn, found in known if found and found[1] in wanted]:
        return widget.model_copy(update={"properties": widget.properties.model_copy(update={"alarms": alarms})})
    unknown = sum(not (found and found[1]) for _, found in known)
    text = f"None in state {' or '.join(wanted)}" + (f"; {unknown} not evaluated" if unknown else "")
    properties = widget.properties.model_copy(update={"markdown": text})
    return widget.model_copy(update={"type": "text", "properties": properties})
