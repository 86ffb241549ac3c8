"""Command that renders the pictures of elastic training: two days of a cluster, and two changes of a job's size.

Usage: python -m tests.docs.elastic_pictures FOLDER
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fairlane._charts.chart import Chart, Entry
from fairlane._charts.layout import AXIS, chart_layout
from fairlane.rehearsal import Timeline
from fairlane.rehearsal.hyperpod import ClusterRehearsal, read_cluster, read_cluster_trace, rehearse_cluster
from fairlane.rehearsal.report.charts import Window, sizes_chart, use_chart
from tests.docs.pictures import BROWSER, HEIGHTS, WIDTH, html_of
from tests.support import REPOSITORY

HOURS = 48
_WAITS, _SAVES, _RESTARTS = "fade(var(--series-1))", "var(--series-2)", "var(--series-4)"
_SIZES = (("elastic", "var(--series-3)", "solid"), ("static", "var(--mark)", "dot"))
_PALE = "color-mix(in srgb, var(--series-1) 45%, var(--card))"


@cache
def rehearsals() -> dict[str, ClusterRehearsal]:
    """Return the rehearsals of the scenario, with the elastic job and with the same job at one size."""
    setup = read_cluster(REPOSITORY / "environments" / "hyperpod.yaml", "training")
    trace = read_cluster_trace(REPOSITORY / "docs" / "examples" / "two-nights.csv", setup)
    traces = {"static": trace.static(), "elastic": trace}
    return {name: rehearse_cluster(setup, each, hours=HOURS) for name, each in traces.items()}


def row(name: str) -> int:
    """Return the row of a job of the trace by its name."""
    return [job.name for job in rehearsals()["elastic"].trace.jobs].index(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Change of the size of the job, in seconds from its cause.

    Attributes:
        cause: Text about the cause.
        before: Number of GPUs before.
        after: Number of GPUs after.
        waits: Number of seconds of work before the signal.
        saves: Number of seconds of the last step and the checkpoint.
        restarts: Number of seconds until the first step at the new size.
    """

    cause: str
    before: int
    after: int
    waits: int
    saves: int
    restarts: int


def changes() -> Iterator[Change]:
    """Yield the changes at the first night and at the second morning."""
    elastic = rehearsals()["elastic"]
    llama, day = elastic.runs[row("llama")], elastic.outcomes[row("monday")]
    steps = dict(llama.steps)
    machine = llama.job
    for cause, second in (("22:00, inference frees 96 GPUs", day.end), ("08:00, inference takes 96 GPUs", None)):
        start = elastic.trace.jobs[row("tuesday")].submit if second is None else second
        moment = min(time for time in steps if time > start)
        sizes = elastic.size_of(llama.row)
        before, after = (llama.gpus * sizes.value_at(time) for time in (moment - 1, moment))
        saves = machine.checkpoint_seconds
        yield Change(
            cause=cause,
            before=before,
            after=after,
            waits=moment - start - saves,
            saves=saves,
            restarts=machine.restart_seconds,
        )


def days_charts() -> dict[str, Chart]:
    """Return charts of the GPUs by team, and of the size of the job with and without elasticity."""
    elastic = rehearsals()["elastic"]
    start, end = elastic.span
    window = Window(start=start, end=end)
    use = use_chart({name: team.use for name, team in elastic.teams.items()}, {}, elastic.capacity or 0, window)
    sizes = sizes_chart({name: _gpus(rehearsals()[name]) for name, _, _ in _SIZES}, window)
    assert use.figure is not None
    assert sizes.figure is not None
    for area in use.figure["data"]:
        area["line"]["width"] = 0
    for line, (_, color, dash) in zip(sizes.figure["data"], _SIZES, strict=True):
        line["line"] |= {"color": color, "width": 2.5, "dash": dash}
    for figure, top in ((use.figure, 256), (sizes.figure, 128)):
        ticks = [*range(0, top + 1, top // 4)]
        figure["layout"]["yaxis"] |= {"tickmode": "array", "tickvals": ticks, "range": [-0.02 * top, 1.08 * top]}
    urgent = elastic.outcomes[row("urgent")]
    assert urgent.first_start is not None
    sizes.figure["layout"]["annotations"] = [
        {
            "x": window.x(urgent.first_start + 5400),
            "y": 32,
            "text": f"an urgent job takes 8 GPUs:<br>{_gpus(elastic).value_at(urgent.first_start)} go on",
            "yanchor": "bottom",
            "yshift": 8,
            "showarrow": False,
            "bgcolor": "var(--card)",
            "font": {"color": "var(--ink)", "size": 13},
        }
    ]
    legend = [Entry(label=f"{name} job", color=color, dash=2 * (dash == "dot")) for name, color, dash in _SIZES]
    return {"GPUs in use by team": use, "GPUs of the job llama of research": replace(sizes, legend=legend)}


def _gpus(rehearsal: ClusterRehearsal) -> Timeline:
    """Return the GPUs of the elastic job over time, up to the end of the rehearsal."""
    before, steps = 0, {}
    for second, size in rehearsal.size_of(row("llama")):
        if second < rehearsal.span[1]:
            steps[second], before = 8 * (size - before), size
    return Timeline(steps)


def changes_chart() -> Chart:
    """Return bars of the seconds of two changes of the size."""
    each = [*changes()]
    names = [f"<b>{change.before} to {change.after} GPUs</b><br>{change.cause}" for change in each]
    parts = (("waits", _WAITS, "var(--ink)"), ("saves", _SAVES, "var(--card)"), ("restarts", _RESTARTS, "var(--card)"))
    bars: list[dict[str, Any]] = [
        {
            "type": "bar",
            "orientation": "h",
            "y": names,
            "x": [getattr(change, part) for change in each],
            "marker": {"color": color},
            "text": [f"{getattr(change, part)} s" if getattr(change, part) else "" for change in each],
            "textfont": {"color": ink, "size": 15},
            "textposition": "inside",
            "insidetextanchor": "middle",
            "textangle": 0,
            "width": 0.5,
        }
        for part, color, ink in parts
    ]
    notes = [
        {
            "x": change.waits + change.saves + change.restarts,
            "y": number,
            "text": f"works at {change.after} GPUs",
            "xanchor": "left",
            "xshift": 10,
            "showarrow": False,
            "bgcolor": "var(--card)",
            "font": {"color": "var(--ink)", "size": 14},
        }
        for number, change in enumerate(each)
    ]
    notes.append(
        {
            "x": each[1].waits + each[1].saves,
            "y": 1.26,
            "text": "inference starts",
            "ax": 0,
            "ay": 24,
            "arrowcolor": "var(--quiet)",
            "arrowwidth": 1.5,
            "arrowhead": 2,
            "bgcolor": "var(--card)",
            "font": {"color": "var(--ink)", "size": 14},
        }
    )
    figure = {
        "data": bars,
        "layout": chart_layout(
            barmode="stack",
            annotations=notes,
            font={"family": "inherit", "size": 14, "color": "var(--quiet)"},
            xaxis={**AXIS, "range": [0, 840], "dtick": 60, "gridcolor": "var(--line)", "title": {"text": "Seconds"}},
            yaxis={**AXIS, "type": "category", "autorange": "reversed", "ticklabelstandoff": 8},
        ),
    }
    legend = [
        Entry(label="works at the old size: scaling timeout", color=_PALE),
        Entry(label="last step and checkpoint: at most the graceful shutdown", color=_SAVES),
        Entry(label="processes start and load the checkpoint", color=_RESTARTS),
    ]
    return Chart(kind="use", title="", figure=figure, legend=legend)


def draw(html: str, folder: Path, names: tuple[str, str], height: int) -> None:
    """Write a picture in the light and the dark color scheme."""
    with TemporaryDirectory() as scratch:
        file = Path(scratch) / "picture.html"
        file.write_text(html)
        looks = [
            {"width": WIDTH, "height": height, "scheme": scheme, "png": str(folder / f"{name}.png")}
            for scheme, name in zip(("light", "dark"), names, strict=True)
        ]
        command = ["node", str(BROWSER), str(file), json.dumps(looks)]
        results = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    if errors := [error for look in results for error in look["errors"]]:
        raise SystemExit(str(errors))


if __name__ == "__main__":
    images = Path(sys.argv[1])
    pages = html_of(days_charts(), legends=True)
    draw(pages, images / "scenarios", ("growing-at-night", "growing-at-night-dark"), HEIGHTS[2])
    draw(html_of({"": changes_chart()}), images, ("elastic-changes-light", "elastic-changes-dark"), HEIGHTS[1])
