"""HTML page of the use of a queue in a browser, in light and dark: everything is drawn and nothing is cut off."""

from pathlib import Path
from typing import Any

import pytest

from fairlane.scheduling import FairShare
from fairlane_client.usage import usage
from fairlane_client.usage.report import render_page
from tests.browser import LIGHT_AND_DARK, NEEDS_CHROMIUM, browse
from tests.fairlane_client.usage.test_sources import NOW, hours_before, queue, record, write_archive

pytestmark = NEEDS_CHROMIUM


@pytest.mark.parametrize("shares", [2, 40])
def test_the_page_is_drawn_without_cuts_and_fetches_nothing(shares: int, tmp_path: Path) -> None:
    names = [f"a-share-with-a-long-name-{number}" for number in range(shares)]
    jobs = [record(number, 11, 9, share=name) for number, name in enumerate(names)]
    fair = queue(policy=FairShare(dict.fromkeys(names, 1.0)))
    answer = usage(fair, hours_before(11), hours_before(9), archive=write_archive(tmp_path, *jobs), now=NOW)
    (tmp_path / "use.html").write_text(render_page(answer))
    views: list[dict[str, Any]] = browse(tmp_path / "use.html", LIGHT_AND_DARK, tmp_path)
    for view in views:
        assert (view["errors"], view["requests"]) == ([], [])
        assert (view["overlapping"], view["isWiderThanWindow"]) == ([], False)
        (widget,) = view["widgets"]
        assert all(chart["isDrawn"] for chart in widget["charts"])
        assert (widget["cut"], widget["colliding"], widget["scrolls"], widget["titleIsWhole"]) == ([], [], False, True)
