"""HTML report in a browser, in light and dark: everything is drawn and nothing is cut off."""

from pathlib import Path
from typing import Any

import pytest

from fairlane import Fifo, QuotaManagement, QuotaShare, Sharing
from fairlane.rehearsal import Load, generate, rehearse, render_report, summarize
from fairlane.rehearsal.hyperpod import render_cluster_report, summarize_clusters
from tests.browser import LIGHT_AND_DARK, NEEDS_CHROMIUM, browse
from tests.fairlane.rehearsal.hyperpod.clusters import cluster, elastic
from tests.fairlane.rehearsal.hyperpod.clusters import rehearse as rehearse_jobs
from tests.fairlane.rehearsal.report.test_page import rehearsals as many_shares

P4 = "ml.p4d.24xlarge"
POLICY = QuotaManagement(
    QuotaShare(name="a", capacity={P4: 6}, sharing=Sharing.LEND_AND_BORROW),
    QuotaShare(name="b", capacity={P4: 4}, sharing=Sharing.LEND_AND_BORROW),
)

pytestmark = NEEDS_CHROMIUM


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Return the browser's findings about the report, in light and in dark."""
    folder = tmp_path_factory.mktemp("browser")
    load = Load(jobs_per_day=30, run=20_000, checkpoint=1800)
    trace = generate(1, days=7, shares={"a": load, "b": Load(jobs_per_day=5, sweeps_per_day=2, checkpoint=600)})
    rehearsals = {
        "now": rehearse(POLICY, trace, capacity={P4: 10}),
        "with fifo": rehearse(Fifo(), trace, capacity=10),
    }
    (folder / "report.html").write_text(render_report(rehearsals, summarize(rehearsals), title="A rehearsal"))
    findings: list[dict[str, Any]] = browse(folder / "report.html", LIGHT_AND_DARK, folder)
    return findings


def test_the_report_has_no_errors_and_fetches_nothing(views: list[dict[str, Any]]) -> None:
    assert [(view["errors"], view["requests"]) for view in views] == [([], []), ([], [])]


def test_all_charts_are_drawn_without_cuts_or_overlaps(views: list[dict[str, Any]]) -> None:
    for view in views:
        assert (view["overlapping"], view["isWiderThanWindow"]) == ([], False)
        assert [widget["type"] for widget in view["widgets"]] == ["overview", *["use", "waits", "preemptions"] * 2]
        drawn = [chart["isDrawn"] for widget in view["widgets"] for chart in widget["charts"]]
        assert drawn == [True] * 6
        for widget in view["widgets"]:
            assert widget["titleIsWhole"]
            assert (widget["cut"], widget["colliding"], widget["scrolls"]) == ([], [], False), widget["title"]


def test_the_background_follows_the_color_scheme(views: list[dict[str, Any]]) -> None:
    assert [view["background"] for view in views] == ["rgb(242, 243, 243)", "rgb(15, 20, 26)"]


@pytest.mark.parametrize("shares", [15, 1755])
def test_the_answer_and_the_first_chart_fit_a_screen(shares: int, tmp_path: Path) -> None:
    page = render_report(many_shares(shares), summarize(many_shares(shares)), title="training")
    (tmp_path / "report.html").write_text(page)
    (view,) = browse(tmp_path / "report.html", [{"width": 1280, "scheme": "light"}], tmp_path)
    assert (view["errors"], view["isWiderThanWindow"], view["overlapping"]) == ([], False, [])
    box = view["widgets"][0]["box"]
    assert view["widgets"][0]["type"] == "overview"
    assert box["y"] < 250
    assert box["y"] + box["height"] < 720
    assert [(widget["cut"], widget["colliding"]) for widget in view["widgets"]] == [([], [])] * len(view["widgets"])
    assert view["tallestRow"] < 50


def test_long_names_of_rehearsals_are_wrapped(tmp_path: Path) -> None:
    result = many_shares(2)["with fifo"]
    rehearsals = {f"with environments/production-candidate-{number}.yaml": result for number in range(6)}
    (tmp_path / "report.html").write_text(render_report(rehearsals, summarize(rehearsals), title="training"))
    (view,) = browse(tmp_path / "report.html", [{"width": 1280, "scheme": "light"}], tmp_path)
    overview = view["widgets"][0]
    assert (view["isWiderThanWindow"], overview["cut"], overview["colliding"]) == (False, [], [])


def test_the_table_of_a_cluster_has_whole_words_in_a_narrow_window(tmp_path: Path) -> None:
    job = elastic(4, 8, 12, 16, run=72_000, tokens_per_second={4: 8000, 16: 28_000}, name="llama")
    rehearsals = dict.fromkeys(("training", "with static"), rehearse_jobs(cluster(), job, hours=10))
    page = render_cluster_report(rehearsals, summarize_clusters(rehearsals), title="training")
    (tmp_path / "report.html").write_text(page)
    (view,) = browse(tmp_path / "report.html", [{"width": 700, "scheme": "dark"}], tmp_path)
    assert (view["errors"], view["requests"], view["isWiderThanWindow"]) == ([], [], False)
    assert [widget["type"] for widget in view["widgets"]] == ["use", "waits", "sizes"] * 2
    assert [widget["cut"] for widget in view["widgets"]] == [[]] * 6
    assert 20 < view["tallestRow"] < 50
