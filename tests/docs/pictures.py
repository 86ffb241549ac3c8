"""Command that renders the pictures of the scenario pages: charts of use over time.

Usage: python -m tests.docs.pictures FOLDER
"""

import json
import subprocess
import sys
from collections import Counter
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from fairlane._charts.chart import Chart
from fairlane._charts.layout import Figure
from fairlane.rehearsal import Rehearsal, Timeline
from fairlane.rehearsal.report.charts import MOST_SHARES, Window, use_chart
from tests.docs.scenarios import PAGES, Page
from tests.support import REPOSITORY

WIDTH = 1000
HEIGHTS = {1: 420, 2: 560}
BROWSER = REPOSITORY / "tests" / "fairlane" / "preview" / "browser.mjs"
TEMPLATE = """{% extends "charts.html.j2" %}
{% from "legend.html.j2" import legend %}
{% block style %}
body { display: flex; flex-direction: column; height: {{ height }}px; padding: 0; background: var(--card); }
.widget { flex: 1; border: 0; }
.legend { font-size: 13px; }
{% endblock %}
{% block body %}
{% for title, chart in charts.items() %}
<article class="widget">
{% if charts | length > 1 %}<h2 class="title">{{ title }}</h2>{% endif %}
<div class="content chart-content">
<div class="chart" id="chart-use-{{ loop.index0 }}"></div>
{% if legends or loop.last %}{{ legend(chart.legend if legends or loop.length == 1 else chart.legend[:-1]) }}{% endif %}
</div>
</article>
{% endfor %}
{% endblock %}
"""


class Hours(Window):
    """Time window in hours from 0."""

    def x(self, time: float) -> float:
        return time / 3600

    def axis(self) -> Figure:
        axis = Window.axis(self)
        return axis | {"title": axis["title"] | {"text": "Hour"}, "dtick": 1}


def chart_of(rehearsal: Rehearsal) -> Chart:
    """Return the chart of use by share, or by job if there are few jobs and all have names."""
    start, end = rehearsal.span
    window = (Hours if end - start < 2 * 86_400 else Window)(start=start, end=end)
    names = {job.name for job in rehearsal.trace if job.name}
    if len(names) == len(rehearsal.trace) <= MOST_SHARES:
        use, entitled = use_by_job(rehearsal), {}
    else:
        use = {name: share.use for name, share in rehearsal.shares.items()}
        entitled = {name: share.entitlement or 0 for name, share in rehearsal.shares.items() if len(use) <= 3}
    chart = use_chart(use, entitled, sum(rehearsal.capacity.values()), window)
    assert chart.figure is not None
    for area in chart.figure["data"]:
        area["line"]["width"] = 0  # otherwise the edges of empty areas cover other areas
    return chart


def use_by_job(rehearsal: Rehearsal) -> dict[str, Timeline]:
    """Return the use of each job, sorted by start, share and priority."""
    jobs = []
    for job, outcome in zip(rehearsal.trace, rehearsal.outcomes, strict=True):
        changes = Counter[int]()
        for run in outcome.runs:
            changes[run.start] += job.instances
            changes[run.stop] -= job.instances
        share = rehearsal.trace.share_names.index(job.share)
        jobs.append(((outcome.first_start, share, -job.priority), job.name, Timeline(changes)))
    return {name: use for _, name, use in sorted(jobs, key=itemgetter(0))}


def html_of(charts: dict[str, Chart], *, legends: bool = False) -> str:
    """Render charts by title, one below the other, with one legend or with one for each chart."""
    environment = Environment(loader=PackageLoader("fairlane._charts", ""), autoescape=True, undefined=StrictUndefined)
    return environment.from_string(TEMPLATE).render(
        charts=charts,
        legends=legends,
        figures={f"chart-use-{number}": chart.figure for number, chart in enumerate(charts.values())},
        height=HEIGHTS[len(charts)],
        plotly=Markup(get_plotlyjs()),
    )


def draw(page: Page, folder: Path) -> None:
    """Write the pictures of a page in the light and the dark color scheme."""
    charts = {
        f"{name}, {sum(rehearsal.capacity.values())} instances": chart_of(rehearsal)
        for name, rehearsal in page.rehearsals().items()
    }
    with TemporaryDirectory() as scratch:
        file = Path(scratch) / "picture.html"
        file.write_text(html_of(charts))
        looks = [
            {
                "width": WIDTH,
                "height": HEIGHTS[len(charts)],
                "scheme": scheme,
                "png": str(folder / f"{page.name}{suffix}.png"),
            }
            for scheme, suffix in (("light", ""), ("dark", "-dark"))
        ]
        command = ["node", str(BROWSER), str(file), json.dumps(looks)]
        results = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    for look in results:
        if look["errors"]:
            raise SystemExit(f"{page.name}: {look['errors']}")


if __name__ == "__main__":
    for scenario_page in PAGES:
        draw(scenario_page, Path(sys.argv[1]))
