"""Command that renders the picture of quotas and borrowing of HyperPod teams.

Usage: python -m tests.docs.hyperpod_pictures FOLDER
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from fairlane._charts.chart import Chart, Entry
from fairlane._charts.layout import AXIS, chart_layout
from fairlane.environment import load_environment
from fairlane.hyperpod import QuotaRow, quota_rows
from tests.docs.pictures import BROWSER, HEIGHTS, WIDTH, html_of
from tests.support import REPOSITORY

GPUS = "nvidia.com/gpu"
DEFAULT = "research, with AWS's<br>default limit of 50 %"
_OWN, _BORROWED, _CAP = "var(--series-1)", "fade(var(--series-1))", "var(--series-2)"
_MIXED = "color-mix(in srgb, var(--series-1) 45%, var(--card))"


def rows() -> Iterator[tuple[str, QuotaRow]]:
    """Yield the teams of the example environment with their GPUs, and one of them with the default borrow limit."""
    settings = load_environment(REPOSITORY / "environments" / "hyperpod.yaml").hyperpod["training"]

    def of(teams: Sequence[object]) -> list[QuotaRow]:
        table = quota_rows(settings.governance, teams, settings.instance_groups)  # type: ignore[arg-type]
        return [row for row in table if row.resource == GPUS]

    yield from ((row.team_name, row) for row in of(settings.teams))
    *others, last = settings.teams
    yield DEFAULT, of([*others, replace(last, borrow_limit=None)])[-1]


def chart() -> Chart:
    """Return bars of what each team is guaranteed and may borrow, with a line at its cap."""
    teams = dict(rows())
    names = [*teams]
    bars = [
        {
            "type": "bar",
            "orientation": "h",
            "y": names,
            "x": [getattr(row, amount) for row in teams.values()],
            "marker": {"color": color},
            "text": [f"{getattr(row, amount):g}" if getattr(row, amount) else "" for row in teams.values()],
            "textfont": {"color": ink, "size": 15},
            "textposition": "inside",
            "insidetextanchor": "middle",
            "textangle": 0,
            "width": 0.56,
        }
        for amount, color, ink in (("guaranteed", _OWN, "var(--card)"), ("may_borrow", _BORROWED, "var(--ink)"))
    ]
    caps = [
        {
            "type": "line",
            "x0": row.cap,
            "x1": row.cap,
            "y0": number - 0.4,
            "y1": number + 0.4,
            "line": {"color": _CAP, "width": 4},
        }
        for number, row in enumerate(teams.values())
    ]
    ceilings = [
        {
            "x": row.ceiling,
            "y": number,
            "text": f"ceiling {row.ceiling:g}",
            "xanchor": "left",
            "xshift": 10,
            "showarrow": False,
            "font": {"color": "var(--ink)", "size": 14},
        }
        for number, row in enumerate(teams.values())
    ]
    figure = {
        "data": bars,
        "layout": chart_layout(
            barmode="stack",
            shapes=caps,
            annotations=ceilings,
            font={"family": "inherit", "size": 14, "color": "var(--quiet)"},
            xaxis={**AXIS, "range": [0, 256], "dtick": 32, "gridcolor": "var(--line)", "title": {"text": "GPUs"}},
            yaxis={**AXIS, "type": "category", "autorange": "reversed", "ticklabelstandoff": 8},
        ),
    }
    legend = [
        Entry(label="guaranteed, lent while the team does not use it", color=_OWN),
        Entry(label="may be borrowed while others do not use it", color=_MIXED),
        Entry(label="cap", color=_CAP),
    ]
    return Chart(kind="use", title="", figure=figure, legend=legend)


def draw(folder: Path) -> None:
    """Write the picture in the light and the dark color scheme."""
    height = HEIGHTS[1]
    with TemporaryDirectory() as scratch:
        file = Path(scratch) / "picture.html"
        file.write_text(html_of({"": chart()}))
        looks = [
            {"width": WIDTH, "height": height, "scheme": scheme, "png": str(folder / f"hyperpod-quotas-{scheme}.png")}
            for scheme in ("light", "dark")
        ]
        command = ["node", str(BROWSER), str(file), json.dumps(looks)]
        results = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    if errors := [error for look in results for error in look["errors"]]:
        raise SystemExit(str(errors))


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
