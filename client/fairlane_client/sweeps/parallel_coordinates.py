"""Parallel coordinates: a line per run, across an axis for each parameter and one for the metric.

Plotly's own chart of this kind requires WebGL and a page that may compile scripts. This is a scatter chart.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fairlane._charts.chart import Chart, Entry
from fairlane._charts.layout import AXIS, chart_layout, escape_html
from fairlane_client.text import shortened

MOST_AXES: Final = 8
"""Maximum number of parameters in the chart."""
_MOST_LABELS: Final = 6
_LONGEST_LABELS: Final = 108
"""Number of characters of labels of all axes that fit beside each other."""
_LONGEST_LABEL: Final = 24
_LONGEST_NAME: Final = 14
_LOGARITHMIC: Final = 100
"""Ratio of the largest and smallest number from which an axis is logarithmic."""

Result = Mapping[str, Any]


class Axis:
    """Axis of a parameter or metric.

    Args:
        name: Name of the parameter or metric.
        values: Values of the runs.
        longest: Largest number of characters of a label.
        listed: Values in the order of the axis. Default: a range of numbers.

    Attributes:
        name: Name of the parameter or metric.
        labels: Labels by their position, 0 to 1.
    """

    def __init__(self, name: str, values: Sequence[Any], longest: int, listed: Sequence[Any] | None = None) -> None:
        self.name = name
        if listed is not None:
            listed = sorted(listed) if all(map(_is_number, listed)) else listed
            last = max(len(listed) - 1, 1)
            self._positions = {json.dumps(v): i / last if len(listed) > 1 else 0.5 for i, v in enumerate(listed)}
            every = 1 if len(listed) <= _MOST_LABELS else last
            self.labels = {self._positions[json.dumps(value)]: _text(value, longest) for value in listed[::every]}
            return
        self._positions = {}
        self._low, self._high = min(values), max(values)
        self._is_log = self._low > 0 and self._high / self._low >= _LOGARITHMIC
        self.labels = {self.position(value): _text(value, longest) for value in (self._low, self._high)}

    def position(self, value: Any) -> float:
        """Return the position of a value on the axis, 0 to 1."""
        if self._positions:
            return self._positions[json.dumps(value)]
        if self._low == self._high:
            return 0.5
        low, high, at = (math.log(n) if self._is_log else n for n in (self._low, self._high, value))
        return float(round((at - low) / (high - low), 4))


def parallel_chart(
    results: Sequence[Result], number: int, space: Mapping[str, Any], names: Sequence[str], metric: str
) -> Chart:
    """Return the chart of runs.

    Args:
        results: Results in the chart, an even choice of all results, the best one first.
        number: Number of all results.
        space: Values by parameter.
        names: Parameters with an axis.
        metric: Metric that the sweep compares.
    """
    longest = min(_LONGEST_LABEL, _LONGEST_LABELS // (len(names) + 1))
    axes = [
        Axis(
            name,
            [result["parameters"][name] for result in results],
            longest,
            None if isinstance(space[name], Mapping) else space[name],
        )
        for name in names
    ]
    axes.append(Axis(metric, [result["value"] for result in results], longest))
    best = max(len(results) // 10, 1)
    groups: dict[str, list[Result]] = {"best 10 %": [*results[:best]], "other": [], "stopped": []}
    for result in results[best:]:
        groups["stopped" if result["state"] == "STOPPED" else "other"].append(result)
    looks = {"stopped": ("fade(var(--mark))", 0.75), "other": ("fade(var(--series-1))", 1), "best 10 %": _BEST}
    data = [_lines(groups[label], axes, *look) for label, look in looks.items() if groups[label]]
    legend = [
        Entry(label=label, color=looks[label][0].removeprefix("fade(").replace("))", ")"))
        for label, group in groups.items()
        if group
    ]
    layout = chart_layout(
        xaxis={
            **AXIS,
            "range": [-0.04 * len(axes), len(axes) - 1 + 0.055 * len(axes)],
            "tickvals": [*range(len(axes))],
            "ticktext": [escape_html(shortened(axis.name, _LONGEST_NAME)) for axis in axes],
            "gridcolor": "var(--line)",
            "tickangle": 0,
        },
        yaxis={**AXIS, "range": [-0.05, 1.05], "visible": False},
        hovermode=False,
        annotations=[
            {
                "x": at,
                "y": position,
                "text": escape_html(label),
                "showarrow": False,
                "xanchor": "left",
                "xshift": 2,
                "bgcolor": "var(--card)",
                "borderpad": 1,
                "font": {"size": 11},
            }
            for at, axis in enumerate(axes)
            for position, label in axis.labels.items()
        ],
    )
    title = "Parallel coordinates" + (f": {len(results):,} of {number:,} runs" if len(results) < number else "")
    if len(names) == MOST_AXES < len(space):
        title += f", {len(names)} of {len(space)} parameters"
    return Chart(kind="parallel", title=title, wide=True, figure={"data": data, "layout": layout}, legend=legend)


_BEST: Final = ("var(--series-2)", 1.75)


def _lines(results: Sequence[Result], axes: Sequence[Axis], color: str, width: float) -> dict[str, Any]:
    """Return the lines of runs as one trace."""
    y: list[float | None] = []
    for result in results:
        values = [*(result["parameters"][axis.name] for axis in axes[:-1]), result["value"]]
        y += [*(axis.position(value) for axis, value in zip(axes, values, strict=True)), None]
    x = [*range(len(axes)), None] * len(results)
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": {"color": color, "width": width}}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any, longest: int) -> str:
    return f"{value:.4g}" if isinstance(value, float) else shortened(str(value), longest)
