"""The page in a browser: in light and in dark, in a narrow and in a wide window, all is drawn and nothing is cut off."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fairlane.preview import preview
from tests.support import REPOSITORY

HERE = Path(__file__).parent
LOOKS = [(width, scheme) for width in (1280, 1920) for scheme in ("light", "dark")]

pytestmark = [
    pytest.mark.skipif(
        not (REPOSITORY / "node_modules" / "@sparticuz" / "chromium").exists(), reason="needs Chromium: npm ci"
    ),
    pytest.mark.skipif(
        (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="this Chromium is one for Linux on x86-64"
    ),
]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, str], dict[str, Any]]:
    """What is to be seen, by the width of the window and the color scheme; one browser shows it all."""
    folder = tmp_path_factory.mktemp("browser")
    preview(HERE / "dashboard.json", folder / "dashboard.html")
    looks = json.dumps([{"width": width, "scheme": scheme} for width, scheme in LOOKS])
    command = ["node", str(HERE / "browser.mjs"), str(folder / "dashboard.html"), looks]
    environment = os.environ | {"TMPDIR": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    return {(one["width"], one["scheme"]): one for one in json.loads(done.stdout)}


@pytest.fixture(params=LOOKS, ids=lambda look: f"{look[0]}-{look[1]}")
def look(request: pytest.FixtureRequest, seen: dict[tuple[int, str], dict[str, Any]]) -> dict[str, Any]:
    return seen[request.param]


def expected() -> list[dict[str, Any]]:
    widgets: list[dict[str, Any]] = json.loads((HERE / "dashboard.json").read_text())["widgets"]
    return sorted(widgets, key=lambda widget: (widget["y"], widget["x"]))


def test_nothing_goes_wrong_and_nothing_is_fetched(look: dict[str, Any]) -> None:
    assert look["errors"] == []
    assert look["requests"] == []


def test_every_widget_is_there_with_its_title(look: dict[str, Any]) -> None:
    titles = [(widget["type"], widget["properties"].get("title", "")) for widget in expected()]
    assert [(widget["type"], widget["title"]) for widget in look["widgets"]] == titles
    assert [widget["title"] for widget in look["widgets"] if not widget["titleIsWhole"]] == []
    for box in (widget["titleBox"] for widget in look["widgets"] if widget["title"]):
        assert box["height"] > 14  # a browser without fonts draws nothing
        assert box["width"] > 50


def test_no_two_widgets_overlap_and_the_grid_is_kept(look: dict[str, Any]) -> None:
    assert look["overlapping"] == []
    assert not look["isWiderThanWindow"]
    column = (look["width"] - 40) / 24
    for widget, given in zip(look["widgets"], expected(), strict=True):
        assert widget["box"]["width"] == pytest.approx(given["width"] * column, abs=10)
        assert widget["box"]["height"] == given["height"] * 50 - 8


def test_charts_are_drawn_and_no_text_is_cut_off_or_upon_another(look: dict[str, Any]) -> None:
    charts = [chart for widget in look["widgets"] for chart in widget["charts"]]
    assert len(charts) == 14
    for chart in charts:
        assert chart["isDrawn"]
        assert chart["box"]["height"] > 20
    for widget in look["widgets"]:
        assert (widget["cut"], widget["colliding"], widget["scrolls"]) == ([], [], False), widget["title"]


def test_an_axis_shows_both_its_ends(look: dict[str, Any]) -> None:
    (chart,) = next(widget for widget in look["widgets"] if widget["title"].startswith("GPU util"))["charts"]
    assert [chart["ticks"][0], chart["ticks"][-1]] == ["0", "100"]


def test_states_and_numbers_are_in_words(look: dict[str, Any]) -> None:
    text = {widget["title"]: widget["text"] for widget in look["widgets"]}
    assert text["Alarms"].count("Not evaluated") == 3
    assert "Capacity in use" in text["Now"]
    assert "%" in text["Now"]
    assert text["Nothing here"] == "No data"


def test_dark_is_dark(seen: dict[tuple[int, str], dict[str, Any]]) -> None:
    light, dark = (seen[1280, scheme]["background"] for scheme in ("light", "dark"))
    assert (light, dark) == ("rgb(242, 243, 243)", "rgb(15, 20, 26)")
