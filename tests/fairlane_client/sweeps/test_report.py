"""HTML page of a sweep: its charts in numbers, texts that are escaped, and sweeps without results."""

import json
import re
import sys
from typing import Any

import pytest

from fairlane_client.sweeps.report import MOST_ROWS, MOST_RUNS
from tests.fairlane_client.sweeps.reports import HALVING, RUNGS, page, plan, results

EVIL = "</script><img src=x onerror=alert(1)>&'\""


def figures(html: str) -> dict[str, Any]:
    (text,) = re.findall(r"^const figures = (.*);$", html, re.MULTILINE)
    found: dict[str, Any] = json.loads(text)
    return {name.removeprefix("chart-0-"): figure for name, figure in found.items()}


def rows(html: str) -> list[list[str]]:
    """Return the cells of the last table."""
    body = html.rpartition("<tbody>")[2].partition("</tbody>")[0]
    return [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", body)]


@pytest.mark.parametrize("count", [1, 48, 10_000])
def test_the_page_has_the_best_results_and_all_charts(count: int) -> None:
    found = results(count, stops=True)
    html = page(found, plan(points=count, stop=HALVING))
    ranked = sorted(found, key=lambda result: -result["value"])
    assert [row[1] for row in rows(html)] == [str(result["index"]) for result in ranked[:MOST_ROWS]]
    drawn = figures(html)
    assert {*drawn} == {"parallel", "best", "stops"} | ({"importance"} if count > 1 else set())
    lines = [trace["y"] for trace in drawn["parallel"]["data"]]
    assert sum(y.count(None) for y in lines) == min(count, MOST_RUNS)
    assert all(0 <= at <= 1 for y in lines for at in y if at is not None)
    assert lines[-1].count(None) == max(min(count, MOST_RUNS) // 10, 1)
    assert "epochs" not in drawn["parallel"]["layout"]["xaxis"]["ticktext"]
    dots, best = drawn["best"]["data"]
    assert len(dots["y"]) == min(count, MOST_RUNS)
    assert best["y"] == sorted(best["y"])
    assert best["y"][-1] == ranked[0]["value"]


def test_stops_are_counted_at_each_rung() -> None:
    found = results(48, stops=True)
    (went_on, stopped) = figures(page(found, plan(stop=HALVING)))["stops"]["data"]
    of_step = [[r["index"] for r in found if r["state"] == "STOPPED" and r["step"] == rung] for rung in RUNGS]
    assert stopped["y"] == [*map(len, of_step)]
    reached = [sum(result["step"] >= rung for result in found) for rung in RUNGS]
    assert [a + b for a, b in zip(went_on["y"], stopped["y"], strict=True)] == reached
    html = page(found, plan(stop=HALVING))
    assert ", ".join(map(str, of_step[0][:20])) in html


def test_running_runs_are_counted_at_the_last_rung_that_they_reached() -> None:
    found = results(48, stops=True)
    running = {50: [1, 2, 3, 4, 5], 51: [1, 2], 52: [], 53: range(1, 70)}
    html = page(found, plan(points=60, stop=HALVING), running=running)
    went_on, runs, stopped = figures(html)["stops"]["data"]
    assert figures(html)["stops"]["layout"]["xaxis"]["ticktext"] == ["1", "4", "16", "64"]
    assert runs["y"] == [1, 1, 0, 1]
    ended = [sum(result["step"] >= rung for result in found) for rung in (*RUNGS, 64)]
    reached = [a + b + c for a, b, c in zip(went_on["y"], runs["y"], stopped["y"], strict=True)]
    assert reached == [ended[0] + 3, ended[1] + 2, ended[2] + 1, 1]
    assert "<tr><td>64</td><td>1</td><td>1</td><td>0</td><td></td></tr>" in html


def test_running_runs_are_shown_before_the_first_result() -> None:
    html = page([], plan(stop=HALVING), running={0: [1], 1: [1, 4], 2: []})
    assert figures(html).keys() == {"stops"}
    assert "<tr><td>4</td><td>1</td><td>1</td><td>0</td><td></td></tr>" in html
    assert "There are no results yet." in html


def test_running_runs_of_the_median_rule_are_at_the_steps_of_stopped_runs() -> None:
    found = results(48, stops=True)
    html = page(found, plan(points=50, stop={"rule": "median"}), running={48: range(1, 6), 49: [1]})
    _, runs, _ = figures(html)["stops"]["data"]
    assert runs["y"] == [1, 1, 0]


def test_stops_of_the_median_rule_are_at_the_steps_of_stopped_runs() -> None:
    found = results(48, stops=True)
    chart = figures(page(found, plan(stop={"rule": "median"})))["stops"]
    assert chart["layout"]["xaxis"]["ticktext"] == ["1", "4", "16"]


def test_many_stops_of_the_median_rule_are_grouped() -> None:
    found = [result | {"state": "STOPPED", "step": result["index"]} for result in results(100)]
    (_, stopped) = figures(page(found, plan(points=100, stop={"rule": "median"})))["stops"]["data"]
    assert len(stopped["y"]) == 20
    assert sum(stopped["y"]) == 100


def test_a_sweep_without_a_stop_rule_has_no_chart_of_stops() -> None:
    html = page(results(48), plan())
    assert "stops" not in figures(html)
    assert "Runs by step" not in html


def test_the_learning_rate_is_the_most_important_parameter() -> None:
    chart = figures(page(results(48), plan()))["importance"]
    assert chart["layout"]["yaxis"]["ticktext"][0] == "learning_rate"
    assert "epochs" not in chart["layout"]["yaxis"]["ticktext"]
    (bars,) = chart["data"]
    assert bars["x"] == sorted(bars["x"], reverse=True)
    assert sum(bars["x"]) == pytest.approx(1, abs=0.01)


def test_notes_replace_importances(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Importances require at least 10 runs that were not stopped." in page(results(9), plan())
    assert "The best runs have the same parameters as the others." in page(results(48, value=1.0), plan())
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert "importances require the extra: pip install &#39;fairlane[sweeps]&#39;" in page(results(48), plan())


def test_a_sweep_without_results() -> None:
    html = page([], plan(stop=HALVING))
    assert "There are no results yet." in html
    assert "48 points: 0 done, 0 stopped, 0 running, 48 waiting, 0 failed" in html
    assert figures(html) == {}


def test_all_texts_are_escaped() -> None:
    space = {"model_name": [EVIL, "b"], "learning_rate": [0.1]}
    found = results(12, stops=True)
    for result in found:
        result["parameters"] = {"model_name": EVIL, "learning_rate": 0.1}
        result["state"] = EVIL if result["index"] == 3 else result["state"]
    html = page(found, plan(space, points=12, stop=HALVING), skipped=(EVIL,))
    assert EVIL not in html
    assert "<img src=x" not in html
    texts = [note["text"] for note in figures(html)["parallel"]["layout"]["annotations"]]
    assert any(text.startswith("&lt;/script&gt;") for text in texts)
    assert not any("<" in text for text in texts)


def test_results_that_do_not_fit_the_space_are_counted_and_not_drawn() -> None:
    found = results(20)
    found[3]["parameters"] = {"other": 1}
    found[4]["parameters"]["learning_rate"] = 7.0
    found[5]["parameters"]["model_name"] = "vgg"
    found[6] = {name: value for name, value in found[6].items() if name not in ("started_at", "step")}
    html = page(found, plan(points=20, stop=HALVING), skipped=("results/sweep=resnet-lr/x.json",))
    assert "results with other parameters than the sweep, which the charts leave out: 3" in html
    assert "skipped objects that are no results: 1" in html
    assert len(rows(html)) == 20
    drawn = figures(html)
    assert sum(trace["y"].count(None) for trace in drawn["parallel"]["data"]) == 17
    assert len(drawn["best"]["data"][0]["y"]) == 16


def test_results_without_times_or_steps_have_notes() -> None:
    html = page(results(3, started_at=None, step=None), plan(stop=HALVING))
    assert "No result has a time." in html
    assert "No run has reached a step with a decision." in html


def test_many_parameters_are_limited_to_the_most_important_ones() -> None:
    space: dict[str, Any] = {f"parameter_{number:02}": {"min": 0, "max": 100} for number in range(20)}
    found = results(60)
    for result in found:
        result["parameters"] = {name: (result["index"] * (7 + at)) % 101 for at, name in enumerate(space)}
        result["value"] = result["parameters"]["parameter_17"] / 100
    html = page(found, plan(space, points=60))
    drawn = figures(html)
    assert len(drawn["parallel"]["layout"]["xaxis"]["ticktext"]) == 9
    assert "parameter_17" in drawn["importance"]["layout"]["yaxis"]["ticktext"][:2]
    assert "Parallel coordinates, 8 of 20 parameters" in html
    assert "Importance of parameters: 12 of 20" in html
