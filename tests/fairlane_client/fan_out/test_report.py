"""HTML page of a manifest."""

import re

from fairlane_client.fan_out.progress import Counts, Progress, Row
from fairlane_client.fan_out.report_charts import jobs_chart, placement_kind, reasons_chart, states_chart
from tests.fairlane_client.fan_out.reports import NOON, NOW, page, progress
from tests.fairlane_client.fan_out.world import REGIONS


def test_the_page_has_regions_placements_and_failures() -> None:
    found = progress(400, waiting=3)
    html = page(found)
    assert "<title>Fan-out drives</title>" in html
    assert f"<li>412 lines: {found.total}</li>" in html
    assert "4 Regions" in html
    failed = [row for row in found.rows if row["state"] == "FAILED"]
    assert 3 < len(failed) < 100
    assert html.count("<td>FAILED</td>") == len(failed) + sum(row["state"] == "FAILED" for row in found.rows[:100])
    assert "Placement: 100 of 400 lines" in html
    assert len(re.findall(r"<td>[a-z-]+-\d</td><td>3</td>", html)) == 4


def test_a_manifest_without_jobs_has_no_charts() -> None:
    html = page(Progress("drives", "SUBMITTING", NOON, {"us-east-1": Counts(waiting=3)}, []))
    assert "No line has a job yet." in html
    assert '<h2 class="table">Placement' not in html


def test_texts_of_lines_are_escaped() -> None:
    found = progress(8)
    evil = '<script>alert("1")</script>'
    rows = [{**row, "id": evil, "placement": evil, "status_reason": evil, "state": "FAILED"} for row in found.rows]
    assert evil not in page(found._replace(rows=rows))


def test_running_jobs_over_time() -> None:
    rows: list[Row] = [
        {"region": "us-east-1", "started_at": NOON + 0.4, "stopped_at": NOON + 600.2},
        {"region": "us-east-1", "started_at": NOON + 300},
        {"region": "eu-west-1", "started_at": NOON + 900, "stopped_at": NOON + 1200},
        {"region": "eu-west-1"},
    ]
    figure = jobs_chart(progress(0)._replace(rows=rows), NOON + 1500).figure
    assert figure is not None
    home, other = figure["data"]
    assert [*zip(home["x"], home["y"], strict=True)][1:] == [
        ("2026-03-04 12:00:00", 1),
        ("2026-03-04 12:05:00", 2),
        ("2026-03-04 12:10:00", 1),
        ("2026-03-04 12:15:00", 1),
        ("2026-03-04 12:20:00", 1),
        ("2026-03-04 12:25:01", 1),
    ]
    assert other["y"][1:] == [0, 0, 0, 1, 0, 0]
    rows[1] = {**rows[1], "stopped_at": NOON + 1300}
    figure = jobs_chart(progress(0)._replace(rows=rows), NOON + 90_000).figure
    assert figure is not None
    assert figure["data"][0]["x"][-1] < "2026-03-04 12:23:00"


def test_many_lines_and_regions_have_a_limited_number_of_points_and_colors() -> None:
    found = progress(20_000, regions=tuple(f"region-{number:02}" for number in range(20)))
    chart = jobs_chart(found, NOW)
    assert chart.figure is not None
    assert len(chart.figure["data"]) == len(chart.legend) == 8
    assert chart.legend[-1].label == "other Regions"
    assert max(len(area["x"]) for area in chart.figure["data"]) == 601
    jobs = sum(area["y"][300] for area in chart.figure["data"])
    assert jobs > 1000
    states = states_chart(found)
    assert states.title == "Lines by Region: 16 of 20 Regions"
    assert [entry.label for entry in states.legend] == ["done", "running", "submitted", "failed"]


def test_reasons_are_counted_by_the_step_that_decided() -> None:
    texts = {
        "idle: 4, eu-west-1: 0 (us-east-1: residency)": "idle",
        "the only one left (us-east-1: residency); data copied, $2.40": "the only one left",
        "first of equal candidates; data copied, $2.40": "first of equal candidates",
        "": "none",
    }
    assert {text: placement_kind({"placement": text}) for text in texts} == texts
    figure = reasons_chart(progress(400)).figure
    assert figure is not None
    assert set(figure["layout"]["yaxis"]["ticktext"]) == {
        "reserved",
        "idle",
        "spot-score",
        "price",
        "the only candidate",
    }
    assert sum(sum(part["x"]) for part in figure["data"]) == 400
    assert len(figure["data"]) == len(REGIONS)


def test_a_page_of_20_000_lines_is_small() -> None:
    empty, full = page(progress(8)), page(progress(20_000))
    assert len(full) - len(empty) < 250_000
