"""Dashboard rows of a fan-out: the current state of its lines, and the lines of each Region over time."""

from collections.abc import Iterator
from typing import Final

from fairlane.monitoring.dashboards.widgets import Rows, Widget, graph, number, text
from fairlane.monitoring.monitored_fan_out import MonitoredFanOut

_NUMBERS: Final = {
    "Lines waiting": "FanOutLinesWaiting",
    "Lines submitted": "FanOutLinesSubmitted",
    "Lines running": "FanOutLinesRunning",
    "Lines done": "FanOutLinesDone",
    "Lines failed": "FanOutLinesFailed",
}
_GRAPHS: Final = ("Lines waiting", "Lines running", "Lines failed")


def fan_out_rows(fan_out: MonitoredFanOut) -> Iterator[list[Widget]]:
    """Yield two rows of a fan-out: numbers of all Regions together, and graphs by Region."""
    region, age = fan_out.region, fan_out.metric("FanOutOldestUnsubmittedAge")
    hours: Rows = [
        age.graph_row(id="age", visible=False),
        [{"expression": "age / 3600", "id": "hours", "label": "now"}],
    ]
    yield [
        text(f"### Fan-out {fan_out.name}\n{region}", width=3, height=3),
        *(
            number(title, [fan_out.metric(name).graph_row(label="now")], region=region)
            for title, name in _NUMBERS.items()
        ),
        number("Oldest unsubmitted line (hours)", hours, region=region, width=6),
    ]
    yield [
        graph(
            f"{title} by Region",
            [fan_out.metric(_NUMBERS[title], name).graph_row(label=name) for name in fan_out.regions],
            region=region,
            unit="lines",
            stacked=True,
        )
        for title in _GRAPHS
    ]
