"""Self-contained HTML pages with charts, for light and dark color schemes."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup
from plotly.offline import get_plotlyjs


def charts_page(package: str, template: str, *, figures: Mapping[str, Any], **values: object) -> str:
    """Return a page with all its scripts and styles, which needs no network.

    Args:
        package: Package with the template.
        template: File name of the template. The template extends `charts.html.j2` and has an element of class `chart`
            for each figure.
        figures: Plotly figures, by the id of their elements. Colors may be CSS variables of `charts.html.j2`.
        values: Other variables of the template.
    """
    return _template(package, template).render(figures=figures, plotly=Markup(get_plotlyjs()), **values)


@cache
def _template(package: str, template: str) -> Template:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package, ""), PackageLoader("fairlane._charts", "")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template)
