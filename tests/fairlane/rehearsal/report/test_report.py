"""Reports of rehearsals: the summary in numbers, the table, and the HTML page with charts."""

import json
import os
import re
from random import Random
from typing import Any

import pytest
from rich.console import Console

from fairlane import FairShare, Fifo, QuotaManagement, QuotaShare, Sharing
from fairlane.rehearsal import (
    Ec2Instances,
    Load,
    Rehearsal,
    comparison_table,
    describe_strategies,
    describe_use,
    generate,
    rehearse,
    render_report,
    summarize,
)
from fairlane.rehearsal.report.table import LEAST_IMPORTANT, NONE, columns, duration, rows
from fairlane.scheduler.job import Job, Trace
from fairlane.scheduler.options import Strategies

P4, P5 = "ml.p4d.24xlarge", "ml.p5.48xlarge"
EVIL = "</script><img src=x onerror=alert(1)>&'\""
NOON = 1_772_625_600


def quotas(*types: str) -> QuotaManagement:
    return QuotaManagement(
        QuotaShare(name="a", capacity=dict.fromkeys(types, 6), sharing=Sharing.LEND_AND_BORROW),
        QuotaShare(name="b", capacity=dict.fromkeys(types, 4), sharing=Sharing.LEND_AND_BORROW),
    )


def borrowing_jobs(unit: str = "") -> list[Job]:
    """Return jobs of b, which borrows, and of a, which takes its capacity back after 100 seconds."""
    return [
        Job(share="b", instances=10, instance_type=unit, submit=0, run=300, checkpoint=60),
        Job(share="a", instances=6, instance_type=unit, submit=100, run=200),
    ]


def rehearsal_with_preemption() -> Rehearsal:
    return rehearse(quotas(P4), Trace.of(borrowing_jobs()), capacity={P4: 10})


def fifo(*jobs: Job, capacity: int = 10) -> Rehearsal:
    return rehearse(Fifo(), Trace.of(jobs), capacity=capacity)


def table_text(summary: Any, width: int = 160) -> str:
    console = Console(width=width, record=True, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    console.print(comparison_table(summary))
    console.file.close()
    return console.export_text()


def test_the_summary_has_the_numbers_of_a_rehearsal() -> None:
    summary = summarize({"now": rehearsal_with_preemption()}, gpus={"": 8})
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    now = summary["rehearsals"]["now"]
    # b runs for 100 s, of which a checkpoint keeps 60, stops in 20 s, waits for a's 200 s and runs for the other 240 s.
    assert now["seconds"] == 100 + 20 + 200 + 240
    assert now["shares"]["a"]["wait_seconds"] == {"mean": 20, "p50": 20, "p95": 20, "max": 20}
    assert now["shares"]["b"] == {
        "jobs": 1,
        "failed": 0,
        "never_ran": 0,
        "wait_seconds": {"mean": 200, "p50": 200, "p95": 200, "max": 200},
        "slowdown": 1,
        "mean_use": 10 * 101 / 101,
        "backlog": {
            "waiting_jobs": 0,
            "running_jobs": 1,
            "instance_hours": 10 * (19 + 240) / 3600,
            "gpu_hours": pytest.approx(8 * 10 * (19 + 240) / 3600),
        },
        "entitlement": 4,
        "starved_seconds": 200,
        "starvation": [[120, 320]],
        "preemptions": 1,
        "lost_instance_hours": 400 / 3600,
        "lost_gpu_hours": 8 * 400 / 3600,
    }
    total = now["total"]
    assert (total["jobs"], total["preemptions"], total["lost_gpu_hours"]) == (2, 1, 8 * 400 / 3600)
    assert total["mean_use"] == 10
    assert (now["window_seconds"], now["utilization"]) == (101, 1)
    assert total["backlog"]["instance_hours"] == pytest.approx((10 * (19 + 240) + 1200) / 3600)


def test_the_keys_of_the_summary_are_stable() -> None:
    summary = summarize({"x": fifo(Job(share="a", submit=0, run=1))})
    assert set(summary) == {"version", "largest_shares", "other_shares", "rehearsals"}
    assert summary["version"] == 2
    assert list(summary["rehearsals"]["x"]) == [
        "policy",
        "strategies",
        "ec2_instances",
        "capacity",
        "capacity_over_time",
        "seconds",
        "window_seconds",
        "utilization",
        "peak_utilization",
        "jain",
        "max_min",
        "total",
        "shares",
        "others",
        "advice",
    ]


@pytest.mark.parametrize(
    ("gpus", "hours"),
    [
        ({P4: 8, P5: 4}, 8 * 400 + 4 * 400),
        ({P4: 8, P5: 8}, 8 * 800),
        ({P4: 8, "": 1}, 8 * 400 + 400),
        ({P4: 8}, None),
        ({}, None),
    ],
)
def test_lost_gpu_hours_use_the_gpus_of_each_instance_type(gpus: dict[str, int], hours: int | None) -> None:
    trace = Trace.of([*borrowing_jobs(P4), *borrowing_jobs(P5)])
    summary = summarize({"x": rehearse(quotas(P4, P5), trace, capacity={P4: 10, P5: 10})}, gpus=gpus)
    numbers = summary["rehearsals"]["x"]
    expected = None if hours is None else pytest.approx(hours / 3600)
    assert numbers["total"]["lost_gpu_hours"] == numbers["shares"]["b"]["lost_gpu_hours"] == expected
    assert ("GPU-hours lost" in columns(summary)) == (hours is not None)
    assert ("Instance-hours left" in columns(summary)) == (hours is None)


def test_the_table_has_a_row_for_each_share_and_rehearsal() -> None:
    trace = Trace.of(borrowing_jobs())
    alternative = rehearse(Fifo(), trace, capacity=10)
    lines = table_text(
        summarize({"now": rehearsal_with_preemption(), "with fifo": alternative}, gpus={"": 8})
    ).splitlines()
    cells = [re.split(r"\s{2,}", line.strip()) for line in lines if re.search(r"\d", line) and "p50" not in line]
    assert [row[0] for row in cells] == ["all", "with fifo", "a", "with fifo", "b", "with fifo"]
    ran = ["0", "0"]  # jobs that never ran, and that failed
    long = ["3.3 min"] * 4
    waits = ["1.8 min", "20 s", "3.3 min", "3.3 min"]
    assert cells[0] == ["all", "now", "2", *ran, *waits, "1.0", NONE, "10.0", "8.4", "1", "0.9", NONE]
    assert cells[2] == ["a", "now", "1", *ran, *["20 s"] * 4, "1.0", "20 s", "0.0", "2.7", "0", "0.0"]
    assert cells[3] == ["with fifo", "1", *ran, *long, "1.0", NONE, "0.0", "2.7", "0", "0.0"]
    assert cells[4] == ["b", "now", "1", *ran, *long, "1.0", "3.3 min", "10.0", "5.8", "1", "0.9"]


@pytest.mark.parametrize("width", [80, 100, 120, 160])
@pytest.mark.parametrize("shares", [2, 15])
def test_a_narrow_terminal_has_fewer_columns_and_whole_numbers(width: int, shares: int) -> None:
    chance = Random(1)
    names = [f"a-team-{number}" for number in range(shares)]
    jobs = [Job(share=chance.choice(names), submit=100 * n, run=chance.randint(1, 200_000)) for n in range(1000)]
    summary = summarize({"gpu-queue": fifo(*jobs, Job(share=names[0], instances=11, submit=0, run=1))}, gpus={"": 8})
    text = table_text(summary, width)
    assert max(map(len, text.splitlines())) <= width
    shown = rows(summary)
    headings = columns(summary)
    _, _, hidden = text.partition("columns that the terminal is too narrow for: ")
    left_out = re.sub(r"\s+", " ", hidden).strip().split("; ") if hidden else []
    assert (not left_out) == (width == 160)
    assert left_out == [name for name in LEAST_IMPORTANT if name in headings][: len(left_out)]
    lines = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]
    for row in shown:
        cells = [cell for cell, heading in zip(row, headings, strict=True) if heading not in left_out]
        assert [cell for cell in cells if cell] in lines


def test_a_share_without_jobs_has_a_row() -> None:
    result = rehearse(quotas(P4), Trace.of([Job(share="b", submit=0, run=60)]), capacity={P4: 10})
    summary = summarize({"x": result})
    assert (summary["largest_shares"], summary["other_shares"]) == (["a", "b"], 0)
    assert [row[:3] for row in rows(summary)] == [["all", "x", "1"], ["a", "x", "0"], ["b", "x", "1"]]
    assert [row[5:9] for row in rows(summary)][1] == [NONE] * 4


def test_brackets_in_names_are_not_markup() -> None:
    text = table_text(summarize({"with [/b].yaml": fifo(Job(share="team[bold]", submit=0, run=1))}))
    assert "team[bold]" in text
    assert "with [/b].yaml" in text


def test_a_share_that_never_runs_waits_forever() -> None:
    rehearsal = fifo(Job(share="big", instances=11, submit=0, run=1), Job(share="", submit=0, run=1))
    summary = summarize({"x": rehearsal})
    forever = dict.fromkeys(("mean", "p50", "p95", "max"))
    assert summary["rehearsals"]["x"]["shares"]["big"]["wait_seconds"] == forever
    assert json.dumps(summary, allow_nan=False)
    assert summary["rehearsals"]["x"]["shares"]["big"]["never_ran"] == 1
    (line,) = [line for line in table_text(summary).splitlines() if line.startswith("big")]
    assert re.findall("forever", line) == ["forever"] * 4
    assert any(line.startswith("(none)") for line in table_text(summary).splitlines())


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (Fifo(), "head_of_line=skip, unrunnable=pass"),
        (
            FairShare({"a": 1, "b": 1}),
            "head_of_line=skip, unrunnable=pass, decay=none, rank_seconds=60, start_charge=1",
        ),
        (
            quotas(P4),
            "head_of_line=skip, unrunnable=pass, share_order=declared, victims=newest, stop_seconds=5, "
            "retries_before_termination=0",
        ),
    ],
)
def test_the_strategies_that_the_policy_uses_are_named(policy: Any, words: str) -> None:
    strategies = Strategies(
        head_of_line="skip", victims="newest", decay="none", stop_seconds=5, retries_before_termination=0
    )
    capacity = {P4: 10} if isinstance(policy, QuotaManagement) else 10
    rehearsal = rehearse(policy, Trace.of(borrowing_jobs()), capacity=capacity, strategies=strategies)
    summary = summarize({"x": rehearsal})
    assert describe_strategies(summary["rehearsals"]["x"]) == words
    assert words in page(x=rehearsal)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (90, "1.5 min"), (3599, "60 min"), (5400, "1.5 h"), (172_800, "2 d")],
)
def test_durations(seconds: int, text: str) -> None:
    assert duration(seconds) == text


def test_the_settings_of_ec2_instances_are_named() -> None:
    ec2_instances = Ec2Instances(start_up_seconds=30, attempts=3)
    (summary,) = summarize(
        {"x": rehearse(Fifo(), Trace.of(borrowing_jobs()), capacity=10, ec2_instances=ec2_instances)}
    )["rehearsals"].values()
    assert summary["ec2_instances"] is not None
    assert summary["ec2_instances"]["attempts"] == 3
    assert describe_strategies(summary).startswith("head_of_line=block, unrunnable=pass, start_up_seconds=30, ")


def test_the_fairness_of_all_rehearsals_uses_the_same_entitlements() -> None:
    jobs = [Job(share=share, submit=0, run=run) for share, run in (("a", 100), ("b", 300)) for _ in range(20)]
    trace = Trace.of(jobs)
    fair = rehearse(FairShare({"a": 1, "b": 1}), trace, capacity=10)
    plain = rehearse(Fifo(), trace, capacity=10)
    assert plain.fairness is None
    summary = summarize({"plain": plain, "fair": fair})["rehearsals"]
    assert summary["plain"]["max_min"] == 0, "b gets nothing while both shares wait"
    assert summary["plain"]["jain"] == pytest.approx(1 / 2)
    assert summary["fair"]["max_min"] == pytest.approx(fair.fairness.max_min if fair.fairness else None)
    assert describe_use(summary["plain"]).endswith("; max-min fairness 0.00")
    assert describe_use(summary["plain"]).startswith(f"{plain.utilization:.0%} in use, ")
    other = rehearse(Fifo(), Trace.of(jobs), capacity=10)
    assert summarize({"fair": fair, "other": other})["rehearsals"]["other"]["jain"] is None


def page(**rehearsals: Rehearsal) -> str:
    """Return the page without the charting library."""
    html = render_report(rehearsals, summarize(rehearsals), title="A rehearsal")
    return re.sub(r"<script>/\*\*.*?</script>", "", html, count=1, flags=re.DOTALL)


def figures(**rehearsals: Rehearsal) -> dict[str, Any]:
    match = re.search(r"const figures = (.*);$", page(**rehearsals), re.MULTILINE)
    assert match
    return dict(json.loads(match[1]))


def test_the_page_has_numbers_notes_and_charts() -> None:
    html = page(now=rehearsal_with_preemption(), then=fifo(*borrowing_jobs()))
    for word in ("<h1>A rehearsal</h1>", "<h1>now</h1>", "<h1>then</h1>", "with a capacity of 10 ml.p4d.24xlarge"):
        assert word in html
    assert "No job was preempted." in html
    assert set(figures(now=rehearsal_with_preemption(), then=fifo(*borrowing_jobs()))) == {
        "chart-all-overview",
        "chart-0-use",
        "chart-0-waits",
        "chart-0-preemptions",
        "chart-1-use",
        "chart-1-waits",
    }


def test_the_use_chart_stacks_use_and_entitlements() -> None:
    figure = figures(x=rehearsal_with_preemption())["chart-0-use"]
    day = 86_400
    a, b = figure["data"]
    assert (a["name"], b["name"]) == ("a", "b")
    assert [round(x * day) for x in a["x"]] == [0, 120, 320, 560]
    assert a["y"] == [0, 6, 0, 0]
    assert b["y"] == [10, 0, 10, 10]  # the last value continues to the end
    assert [shape["y0"] for shape in figure["layout"]["shapes"]] == [10, 6, 10]


def test_charts_of_long_rehearsals_have_at_most_601_points() -> None:
    trace = generate(1, days=60, shares={"a": Load(jobs_per_day=200), "b": Load(jobs_per_day=50)})
    rehearsal = rehearse(Fifo(), trace, capacity=30)
    (a, b) = figures(x=rehearsal)["chart-0-use"]["data"]
    assert len(a["x"]) == len(b["x"]) == 601
    start, end = rehearsal.span
    width = (end - start) / 600
    assert sum(a["y"][:-1]) * width == pytest.approx(rehearsal.share("a").use.integral([rehearsal.span]), rel=0.01)


def test_times_since_1970_are_dates() -> None:
    jobs = [Job(submit=NOON, run=3600), Job(submit=NOON + 1800, run=1800)]
    figure = figures(x=fifo(*jobs))["chart-0-use"]
    assert figure["data"][0]["x"] == ["2026-03-04 12:00:00", "2026-03-04 12:30:00", "2026-03-04 13:00:00"]
    assert figure["layout"]["xaxis"]["type"] == "date"


def test_the_waits_chart_has_the_percentage_of_jobs_by_longest_wait() -> None:
    jobs = [Job(submit=0, run=1000, instances=10, share="a") for _ in range(5)]
    (a,) = figures(x=fifo(*jobs))["chart-0-waits"]["data"]  # they wait 0, 1000, ..., 4000 s
    percentages = dict(zip(a["x"], a["y"], strict=True))
    assert percentages[60.0] == 20
    for end, percent in percentages.items():
        assert percent == 20 * (1 + sum(end + 0.5 >= wait for wait in (1000, 2000, 3000, 4000)))
    assert a["y"][-1] == 100


def test_jobs_that_never_run_keep_the_waits_chart_below_100_percent() -> None:
    jobs = [Job(submit=0, run=10, instances=instances, share="a") for instances in (1, 1, 1, 11)]
    (a,) = figures(x=fifo(*jobs, Job(submit=0, run=10, instances=10, share="a")))["chart-0-waits"]["data"]
    assert a["y"][-1] == 80


def test_a_rehearsal_in_which_nothing_starts() -> None:
    html = page(x=fifo(Job(instances=11, submit=0, run=1)))
    assert "No job started." in html
    assert html.count("<td>forever</td>") == 8
    assert "jobs that can never run" in html


def test_preemptions_are_counted_over_time() -> None:
    figure = figures(x=rehearsal_with_preemption())["chart-0-preemptions"]
    (b,) = figure["data"]
    assert (b["name"], b["y"]) == ("b", [1])
    assert b["x"][0] * 86_400 == pytest.approx(120, abs=10)


def test_shares_with_the_least_work_are_combined_in_charts() -> None:
    jobs = [Job(share=f"s{number}", submit=0, run=100 * (20 - number)) for number in range(20)]
    data = figures(x=fifo(*jobs, capacity=100))["chart-0-use"]["data"]
    assert [trace["name"] for trace in data] == [*(f"s{number}" for number in range(10)), "others (10)"]
    assert data[-1]["y"][0] == 10
    assert len(figures(x=fifo(*jobs[:10], capacity=100))["chart-0-use"]["data"]) == 10


def test_names_are_escaped_in_html() -> None:
    html = page(x=fifo(Job(share=EVIL, submit=0, run=1), Job(share="<b>", submit=0, run=10)))
    assert "<img src=x" not in html
    assert "<b>&lt;b&gt;" not in html
    assert html.count("</script>") == 1
