"""Bodies of CloudWatch dashboards, from synthesized templates or from separate files."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from fairlane.cloudwatch.samples import RETENTION
from fairlane.cloudwatch.template import resources, template_text
from fairlane.cloudwatch.template_alarms import TemplateAlarms
from fairlane.preview.assembly import AssemblyError, template_files
from fairlane.preview.widget_metrics import Line, expand_metrics

COLUMNS: Final = 24
_DASHBOARD: Final = "AWS::CloudWatch::Dashboard"
_SUPPORTED_TYPES: Final = ("alarm", "log", "metric", "text")


class PreviewError(ValueError):
    """Error in a dashboard, its data or its output file. The message is one sentence."""


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _drop_null_values(cls, data: Any) -> Any:
        return {name: value for name, value in data.items() if value is not None} if isinstance(data, dict) else data


class Axis(_Model):
    """Vertical axis of a graph."""

    label: str = ""
    min: float | None = None
    max: float | None = None
    show_units: bool = True


class YAxis(_Model):
    """Left and right vertical axes of a graph."""

    left: Axis = Axis()
    right: Axis = Axis()


class HorizontalAnnotation(_Model):
    """Horizontal line across a graph."""

    value: float
    label: str = ""
    color: str | None = None
    fill: Literal["above", "below", "between", "none"] = "none"
    y_axis: Literal["left", "right"] = "left"
    visible: bool = True


class VerticalAnnotation(_Model):
    """Vertical line across a graph, at a time."""

    value: str
    label: str = ""
    color: str | None = None
    visible: bool = True


class Annotations(_Model):
    """Annotations of a graph."""

    horizontal: list[HorizontalAnnotation | list[HorizontalAnnotation]] = []
    vertical: list[VerticalAnnotation | list[VerticalAnnotation]] = []
    alarms: list[str] = []


class Legend(_Model):
    """Legend of a graph."""

    position: Literal["bottom", "right", "hidden"] = "bottom"


class Properties(_Model):
    """Properties of all types of widgets. Each type uses some of them."""

    title: str = ""
    markdown: str = ""
    background: Literal["solid", "transparent"] = "solid"
    query: str = ""
    alarms: list[str] = []
    states: list[str] = []
    view: str = "timeSeries"
    stacked: bool = False
    sparkline: bool = False
    metrics: list[list[Any]] = []
    stat: str = "Average"
    period: Annotated[int, Field(gt=0, le=RETENTION)] = 300
    y_axis: YAxis = YAxis()
    annotations: Annotations = Annotations()
    legend: Legend = Legend()
    set_period_to_time_range: bool = False
    single_value_full_precision: bool = False

    def lines(self) -> list[Line]:
        """Return the metrics and expressions of the widget, visible or not, with all repeated parts."""
        return expand_metrics(self.metrics, stat=self.stat, period=self.period)


class Widget(_Model):
    """Widget of a dashboard, on a grid of 24 columns."""

    type: str
    x: Annotated[int, Field(ge=0, lt=COLUMNS)] | None = None
    y: Annotated[int, Field(ge=0)] | None = None
    width: Annotated[int, Field(ge=1, le=COLUMNS)] = 6
    height: Annotated[int, Field(ge=1, le=1000)] = 6
    properties: Properties = Properties()

    @model_validator(mode="before")
    @classmethod
    def _keep_only_the_title_of_unsupported_types(cls, data: Any) -> Any:
        if not isinstance(data, dict) or data.get("type") in _SUPPORTED_TYPES:
            return data
        match data.get("properties"):
            case {"title": str(title)}:
                return {**data, "properties": {"title": title}}
        return {**data, "properties": {}}


class _Body(_Model):
    start: str | None = None
    widgets: list[Widget]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """Dashboard whose widgets have positions and do not overlap.

    Args:
        name: Name of the dashboard, or its logical id if CloudFormation generates the name.
        start: Start of the time range, a time or a duration, for example `-PT3H`. None if the body has no start.
        widgets: Widgets, from top to bottom.
        alarms: Alarms of the same template, and of the other templates whose alarms the dashboard shows.
        templates: All templates of the folder, including the template of the dashboard. Default: none.
    """

    name: str
    start: str | None
    widgets: tuple[Widget, ...]
    alarms: TemplateAlarms
    templates: Sequence[Mapping[str, Any]] = ()


def read_dashboards(path: Path) -> list[Dashboard]:
    """Return all dashboards of a cloud assembly or of a CloudFormation template, or the dashboard of a body.

    Args:
        path: Cloud assembly, for example `cdk.out`, with a manifest that lists the templates; or a template or body.

    Raises:
        PreviewError: If there is no dashboard, or a dashboard is not valid.
    """
    if not path.exists():
        raise PreviewError(f"{path} does not exist: use a cdk.out folder, a template or a dashboard body")
    try:
        files = [*dict.fromkeys(template_files(path))] if path.is_dir() else [path]
    except AssemblyError as error:
        raise PreviewError(str(error)) from error
    contents = [(file, _read_json(file)) for file in files]
    dashboards = [dashboard for file, content in contents for dashboard in _dashboards(file, content)]
    if not dashboards:
        raise PreviewError(f"{path} contains no dashboards")
    templates = tuple(content for _, content in contents if _is_template(content))
    alarms = [TemplateAlarms.read(content, f"{number}/") for number, content in enumerate(templates)]
    return [
        replace(dashboard, templates=templates, alarms=dashboard.alarms.combined(*_shown_alarms(dashboard, alarms)))
        for dashboard in dashboards
    ]


def _shown_alarms(dashboard: Dashboard, alarms: Sequence[TemplateAlarms]) -> Iterator[TemplateAlarms]:
    """Yield the alarms of other templates that the dashboard shows by name."""
    shown = {arn.rpartition(":alarm:")[2] for widget in dashboard.widgets for arn in widget.properties.alarms}
    own = set(dashboard.alarms.names.values())
    for other in alarms:
        if (shown - own) & set(other.names.values()):
            yield other


def parse_dashboard(name: str, text: str) -> Dashboard:
    """Return the dashboard of a body that is deployed.

    Args:
        name: Name of the dashboard.
        text: Body of the dashboard.

    Raises:
        PreviewError: If the body is not valid.
    """
    source = f"the dashboard {name}"
    return _dashboard(name, _parse_json(text, source), source, TemplateAlarms.read({}))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = _parse_json(path.read_text(encoding="utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        raise PreviewError(f"{path} is not valid JSON: {error}") from error
    except OSError as error:
        raise PreviewError(f"cannot read {path}: {error.strerror}") from error
    if isinstance(content, dict) and ("widgets" in content or _is_template(content)):
        return content
    raise PreviewError(f"{path} is neither a CloudFormation template nor a dashboard body")


def _parse_json(text: str, source: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise PreviewError(f"{source}, line {error.lineno}: invalid JSON: {error.msg}") from error
    except ValueError as error:
        raise PreviewError(f"{source}: {error}") from error
    except RecursionError:
        raise PreviewError(f"{source} is nested too deeply") from None


def _is_template(content: Mapping[str, Any]) -> bool:
    return isinstance(content.get("Resources"), dict)


def _dashboards(path: Path, content: dict[str, Any]) -> Iterator[Dashboard]:
    if not _is_template(content):
        yield _dashboard(path.name.removesuffix(".json"), content, str(path), TemplateAlarms.read({}))
        return
    alarms = TemplateAlarms.read(content)
    for logical_id, properties in resources(content, _DASHBOARD):
        name = template_text(properties.get("DashboardName") or logical_id)
        body = _parse_json(template_text(properties.get("DashboardBody")), f"{path}: the body of {logical_id}")
        yield _dashboard(name, body, f"{path}: {name}", alarms)


def _dashboard(name: str, content: Any, source: str, alarms: TemplateAlarms) -> Dashboard:
    try:
        body = _Body.model_validate(content)
        for widget in body.widgets:
            widget.properties.lines()
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise PreviewError(f"{source} is not a valid dashboard: {field}: {first['msg'].lower()}") from error
    except (RecursionError, ValueError) as error:
        raise PreviewError(f"{source} is not a valid dashboard: {error}") from error
    return Dashboard(name=name, start=body.start, widgets=tuple(_place_widgets(body.widgets)), alarms=alarms)


def _place_widgets(widgets: list[Widget]) -> list[Widget]:
    """Return the widgets with positions that do not overlap.

    A widget with a position moves down until its position is free. Widgets without a position follow in rows.
    """
    bottoms = [0] * COLUMNS
    result = []
    positioned = [widget for widget in widgets if widget.x is not None and widget.y is not None]
    for widget in sorted(positioned, key=lambda widget: (widget.y or 0, widget.x or 0)):
        result.append(_place(widget, widget.x or 0, widget.y or 0, bottoms))
    x, y = 0, max(bottoms)
    for widget in (widget for widget in widgets if widget.x is None or widget.y is None):
        if x + widget.width > COLUMNS:
            x, y = 0, max(bottoms)
        result.append(_place(widget, x, y, bottoms))
        x += widget.width
    return result


def _place(widget: Widget, x: int, y: int, bottoms: list[int]) -> Widget:
    """Return a widget at the first free row in its columns, and mark its cells as occupied."""
    x = min(x, COLUMNS - widget.width)
    columns = slice(x, x + widget.width)
    y = max(y, *bottoms[columns])
    bottoms[columns] = [y + widget.height] * widget.width
    return widget.model_copy(update={"x": x, "y": y})
