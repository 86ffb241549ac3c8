"""Bodies of CloudWatch dashboards, as they stand in synthesized templates or in files of their own."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from fairlane.cloudwatch.samples import KEPT
from fairlane.cloudwatch.template import plain, resources
from fairlane.cloudwatch.template_alarms import TemplateAlarms
from fairlane.preview.widget_metrics import Line, expanded

COLUMNS: Final = 24
_DASHBOARD: Final = "AWS::CloudWatch::Dashboard"
_DRAWN: Final = ("alarm", "log", "metric", "text")


class PreviewError(ValueError):
    """What cannot be drawn, in one plain sentence."""


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _null_says_nothing(cls, data: Any) -> Any:
        return {name: value for name, value in data.items() if value is not None} if isinstance(data, dict) else data


class Axis(_Part):
    """A vertical axis of a graph."""

    label: str = ""
    min: float | None = None
    max: float | None = None
    show_units: bool = True


class YAxis(_Part):
    """Both vertical axes of a graph."""

    left: Axis = Axis()
    right: Axis = Axis()


class Horizontal(_Part):
    """A horizontal line across a graph."""

    value: float
    label: str = ""
    color: str | None = None
    fill: Literal["above", "below", "between", "none"] = "none"
    y_axis: Literal["left", "right"] = "left"
    visible: bool = True


class Vertical(_Part):
    """A moment that is marked in a graph."""

    value: str
    label: str = ""
    color: str | None = None
    visible: bool = True


class Annotations(_Part):
    """What is drawn over the lines of a graph."""

    horizontal: list[Horizontal | list[Horizontal]] = []
    vertical: list[Vertical | list[Vertical]] = []
    alarms: list[str] = []


class Legend(_Part):
    """Where the names of lines stand."""

    position: Literal["bottom", "right", "hidden"] = "bottom"


class Properties(_Part):
    """What any widget may say; which of it counts depends on its type."""

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
    period: Annotated[int, Field(gt=0, le=KEPT)] = 300
    y_axis: YAxis = YAxis()
    annotations: Annotations = Annotations()
    legend: Legend = Legend()
    set_period_to_time_range: bool = False
    single_value_full_precision: bool = False

    def lines(self) -> list[Line]:
        """The metrics and expressions that the widget shows or reckons with, written out in full."""
        return expanded(self.metrics, stat=self.stat, period=self.period)


class Widget(_Part):
    """One box of a dashboard, on a grid of 24 columns."""

    type: str
    x: Annotated[int, Field(ge=0, lt=COLUMNS)] | None = None
    y: Annotated[int, Field(ge=0)] | None = None
    width: Annotated[int, Field(ge=1, le=COLUMNS)] = 6
    height: Annotated[int, Field(ge=1, le=1000)] = 6
    properties: Properties = Properties()

    @model_validator(mode="before")
    @classmethod
    def _only_a_title_of_what_is_not_drawn(cls, data: Any) -> Any:
        if not isinstance(data, dict) or data.get("type") in _DRAWN:
            return data
        match data.get("properties"):
            case {"title": str(title)}:
                return {**data, "properties": {"title": title}}
        return {**data, "properties": {}}


class _Body(_Part):
    start: str | None = None
    widgets: list[Widget]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """A dashboard with its widgets in their places, none upon another.

    Args:
        name: the dashboard's name, or its logical id where CloudFormation makes up the name.
        start: the beginning of what it shows, such as `-PT3H`; None where it says nothing.
        widgets: from top to bottom.
        alarms: Alarms of the same template.
        beside: all templates of the folder, this one among them.
    """

    name: str
    start: str | None
    widgets: tuple[Widget, ...]
    alarms: TemplateAlarms
    beside: Sequence[Mapping[str, Any]] = ()


def read_dashboards(path: Path) -> list[Dashboard]:
    """Reads all dashboards of a `cdk.out` folder, of a CloudFormation template, or the one of a body.

    Raises:
        PreviewError: there is none, or one is not what it should be.
    """
    if not path.exists():
        raise PreviewError(f"there is no file or folder {path}")
    files = sorted(path.rglob("*.template.json")) if path.is_dir() else [path]
    if not files:
        raise PreviewError(f"{path} has no CloudFormation templates (*.template.json)")
    contents = [(file, _content(file)) for file in files]
    found = [dashboard for file, content in contents for dashboard in _dashboards(file, content)]
    if not found:
        raise PreviewError(f"{path} has no dashboards")
    beside = tuple(content for _, content in contents if _is_template(content))
    return [replace(dashboard, beside=beside) for dashboard in found]


def _content(path: Path) -> dict[str, Any]:
    try:
        content = _parsed(path.read_text(encoding="utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        raise PreviewError(f"{path}: this is not JSON: {error}") from error
    except OSError as error:
        raise PreviewError(f"cannot read {path}: {error.strerror}") from error
    if isinstance(content, dict) and ("widgets" in content or _is_template(content)):
        return content
    raise PreviewError(f"{path} is neither a CloudFormation template nor the body of a dashboard")


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise PreviewError(f"{where}, line {error.lineno}: this is not JSON: {error.msg}") from error
    except ValueError as error:
        raise PreviewError(f"{where}: {error}") from error
    except RecursionError:
        raise PreviewError(f"{where} is nested too deeply") from None


def _is_template(content: Mapping[str, Any]) -> bool:
    return isinstance(content.get("Resources"), dict)


def _dashboards(path: Path, content: dict[str, Any]) -> Iterator[Dashboard]:
    if not _is_template(content):
        yield _dashboard(path.name.removesuffix(".json"), content, str(path), TemplateAlarms.read({}))
        return
    alarms = TemplateAlarms.read(content)
    for logical_id, properties in resources(content, _DASHBOARD):
        name = plain(properties.get("DashboardName") or logical_id)
        body = _parsed(plain(properties.get("DashboardBody")), f"{path}: the body of {logical_id}")
        yield _dashboard(name, body, f"{path}: {name}", alarms)


def _dashboard(name: str, content: Any, where: str, alarms: TemplateAlarms) -> Dashboard:
    try:
        body = _Body.model_validate(content)
        for widget in body.widgets:
            widget.properties.lines()
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise PreviewError(f"{where} is not a dashboard: {field}: {first['msg'].lower()}") from error
    except (RecursionError, ValueError) as error:
        raise PreviewError(f"{where} is not a dashboard: {error}") from error
    return Dashboard(name=name, start=body.start, widgets=tuple(_placed(body.widgets)), alarms=alarms)


def _placed(widgets: list[Widget]) -> list[Widget]:
    """Gives every widget a place: those with one are pushed down until they are free, others follow in rows."""
    bottoms = [0] * COLUMNS
    placed = []
    given = [widget for widget in widgets if widget.x is not None and widget.y is not None]
    for widget in sorted(given, key=lambda widget: (widget.y or 0, widget.x or 0)):
        placed.append(_at(widget, widget.x or 0, widget.y or 0, bottoms))
    x, y = 0, max(bottoms)
    for widget in (widget for widget in widgets if widget.x is None or widget.y is None):
        if x + widget.width > COLUMNS:
            x, y = 0, max(bottoms)
        placed.append(_at(widget, x, y, bottoms))
        x += widget.width
    return placed


def _at(widget: Widget, x: int, y: int, bottoms: list[int]) -> Widget:
    x = min(x, COLUMNS - widget.width)
    columns = slice(x, x + widget.width)
    y = max(y, *bottoms[columns])
    bottoms[columns] = [y + widget.height] * widget.width
    return widget.model_copy(update={"x": x, "y": y})
