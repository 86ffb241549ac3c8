"""HTML page of many shares: the answer first, the same colors and axes in all charts, and the numbers of the JSON."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from html import unescape
from random import Random
from typing import Any

import pytest

from fairlane import FairShare, Fifo
from fairlane.rehearsal import Ec2Instances, Rehearsal, Summary, describe_answer, rehearse, render_report, summarize
from fairlane.rehearsal.report.table import NONE, columns, duration
from fairlane.scheduler.job import Job, Trace

TITLE = "Rehearsal of a queue"
MANY = 300
MOST = pytest.param(1755, marks=pytest.mark.slow)  # as many as in a public trace


@cache
def rehearsals(shares: int) -> dict[str, Rehearsal]:
    """Return rehearsals in which some jobs fail, and some can never run."""
    chance = Random(shares)
    names = [f"team-{chr(97 + number % 26)}{number // 26 or ''}" for number in range(shares)]
    trace = Trace.of(
        Job(
            share=chance.choice(names[: 2 + shares // 3]) if number % 2 else names[number // 2 % shares],
            instances=chance.choice([1, 1, 2, 4]) if chance.random() < 0.99 else 300,
            submit=chance.randint(0, 500_000),
            run=chance.randint(60, 20_000),
            checkpoint=600,
        )
        for number in range(max(400, 2 * shares))
    )
    fair = FairShare(dict.fromkeys(names[: 3 * shares // 4][:400], 1))
    capacity = max(12, shares // 14)
    spot = Ec2Instances(reclaims_per_hour=0.02, attempts=2)
    return {
        "queue": rehearse(fair, trace, capacity=capacity, ec2_instances=spot),
        "with fifo": rehearse(Fifo(), trace, capacity=capacity),
        "with large": rehearse(Fifo(), trace, capacity=2 * capacity),
    }


@cache
def summary_and_page(shares: int, all_shares: bool = False) -> tuple[Summary, str]:
    """Return a summary, and its page without the charting library."""
    summary = summarize(rehearsals(shares), gpus={"": 8})
    page = render_report(rehearsals(shares), summary, title=TITLE, all_shares=all_shares)
    start = page.index("<script>/**")
    return summary, page[:start] + page[page.index("</script>", start) + len("</script>") :]


def figures(shares: int) -> dict[str, Any]:
    (found,) = re.findall(r"const figures = (.*);$", summary_and_page(shares)[1], re.MULTILINE)
    return dict(json.loads(found))


def leaves(value: Any) -> Iterator[Any]:
    """Yield all values and keys of the JSON."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def texts(value: Any) -> Iterator[str]:
    """Yield each form in which the page can show a value of the JSON."""
    if value is None:
        yield from (NONE, "forever")
    elif isinstance(value, str):
        yield value or "(none)"
    else:
        yield from (duration(value), f"{value:,}", f"{value:,.1f}", f"{value:.2f}", f"{value:.0%}", f"{value:,.4g}")


def shown(page: str) -> str:
    """Return the text of a page, without scripts and styles."""
    body = re.sub(r"<(script|style)>.*?</\1>", " ", page[page.index("<body>") :], flags=re.DOTALL)
    return unescape(re.sub(r"<[^>]*>", " ", body))


def numbers_in(text: str) -> set[str]:
    return {number.rstrip(".,") for number in re.findall(r"\d[\d,.]*", text)}


@pytest.mark.parametrize("all_shares", [False, True])
@pytest.mark.parametrize("shares", [2, 15, MANY, MOST])
def test_every_number_of_the_page_is_in_the_json(shares: int, all_shares: bool) -> None:
    summary, page = summary_and_page(shares, all_shares)
    in_json = json.loads(json.dumps(summary))
    others = f"others ({in_json['other_shares']:,})"
    forms = {text for value in leaves(in_json) for text in texts(value)} | {"all", "", others}
    cells = [unescape(cell) for cell in re.findall(r"<td>(.*?)</td>", page)]
    assert len(cells) > 100
    assert set(cells) <= forms
    allowed = numbers_in(" ".join([*forms, TITLE, *columns(summary)]))
    assert numbers_in(shown(page)) <= allowed
    overview = figures(shares)["chart-all-overview"]
    unit = {"d": 86_400, "h": 3600, "min": 60, "s": 1}[overview["layout"]["yaxis"]["ticksuffix"].strip()]
    waits = {
        wait["mean"]
        for each in in_json["rehearsals"].values()
        for numbers in (each["total"], each["others"], *each["shares"].values())
        if numbers and (wait := numbers["wait_seconds"])
    }
    for bars in overview["data"]:
        for height in bars["y"]:
            assert any(wait == pytest.approx(height * unit) for wait in waits if wait is not None)


@pytest.mark.parametrize(("shares", "groups"), [(2, 3), (10, 11), (11, 12), (15, 12), (MANY, 12)])
def test_tables_have_ten_shares_and_all_others(shares: int, groups: int) -> None:
    _, page = summary_and_page(shares)
    assert page.count('<tr class="first">') == groups
    assert page.count("<tr") == 1 + 3 * groups
    assert ("others (" in shown(page)) == (shares > 10)


def test_all_shares_have_rows_on_demand() -> None:
    _, page = summary_and_page(15, all_shares=True)
    assert page.count("<tr") == 1 + 3 * 16
    assert "<td>others (" not in page


def test_more_shares_hardly_make_the_page_larger() -> None:
    few, many = (len(summary_and_page(shares)[1]) for shares in (15, MANY))
    assert many < 1.5 * few


@pytest.mark.parametrize("shares", [2, 15, MANY, MOST])
def test_the_page_begins_with_the_answer_and_a_chart_of_all_rehearsals(shares: int) -> None:
    summary, page = summary_and_page(shares)
    order = [f"<h1>{TITLE}</h1>", describe_answer(summary), 'id="chart-all-overview"', "<table", "<h1>queue</h1>"]
    places = [unescape(page).index(text) for text in order]
    assert places == sorted(places)
    before = shown(page[: page.index('id="chart-all-overview"')])
    assert len(before.split()) < 130, "the texts before the first chart take a part of a screen"


@pytest.mark.parametrize("shares", [2, 15, MANY, MOST])
def test_a_share_has_one_color_and_all_rehearsals_have_the_same_axes(shares: int) -> None:
    colors = defaultdict(set)
    axes = defaultdict(list)
    for name, figure in figures(shares).items():
        for series in figure["data"]:
            colors[series["name"]].add(series.get("line", series.get("marker"))["color"])
        kind = name.rpartition("-")[2]
        axes[kind, "x"].append(figure["layout"]["xaxis"].get("range"))
        axes[kind, "y"].append(figure["layout"]["yaxis"].get("range"))
    assert {len(each) for each in colors.values()} == {1}
    assert len({color for (color,) in colors.values()}) == len(colors) == min(shares, 10) + 1 + (shares > 10)
    for kind in ("use", "waits"):
        for axis in ("x", "y"):
            assert len(axes[kind, axis]) == 3
            assert axes[kind, axis] == [axes[kind, axis][0]] * 3


def test_the_overview_has_the_mean_wait_of_each_group_in_each_rehearsal() -> None:
    summary, _ = summary_and_page(15)
    figure = figures(15)["chart-all-overview"]
    assert figure["layout"]["xaxis"]["categoryarray"] == ["queue", "with fifo", "with large"]
    unit = {"d": 86_400, "h": 3600}[figure["layout"]["yaxis"]["ticksuffix"].strip()]
    jobs = {name: list(zip(each.trace, each.outcomes, strict=True)) for name, each in rehearsals(15).items()}
    for bars in figure["data"]:
        for name, height in zip(bars["x"], bars["y"], strict=True):
            waits = [
                outcome.waited
                for job, outcome in jobs[name]
                if outcome.runs
                and (
                    bars["name"] in ("all jobs", job.share)
                    or (bars["name"] == "others (5)" and job.share not in summary["largest_shares"])
                )
            ]
            assert height * unit == pytest.approx(sum(waits) / len(waits))


def test_the_answer_names_the_best_rehearsal_for_each_measure() -> None:
    trace = Trace.of(
        [Job(share=share, submit=0, run=run) for share, run in (("a", 6000), ("b", 600)) for _ in range(4)]
    )
    results = {"queue": rehearse(FairShare({"a": 1, "b": 9}), trace, capacity=1)}
    results |= {f"with {number}": rehearse(Fifo(), trace, capacity=number) for number in (1, 2)}
    answer = describe_answer(summarize(results))

    def mean(name: str) -> str:
        waits = [outcome.waited for outcome in results[name].outcomes]
        return duration(sum(waits) / len(waits))

    best = min(results, key=lambda name: results[name].total.wait.mean)
    rest = sorted((results[name].total.wait.mean, mean(name)) for name in results if name != best)
    where = best if best.startswith("with") else f"with {best}"
    assert answer.startswith(f"The mean wait is shortest {where}: {mean(best)}, against {rest[0][1]} to {rest[1][1]}; ")
    worst = {name: max(share.wait.p95 for share in result.shares.values()) for name, result in results.items()}
    assert f"the p95 wait of the share that waits longest is shortest with 2: {duration(worst['with 2'])}, " in answer
    assert "lost" not in answer
    assert "Jobs that" not in answer


def test_the_answer_of_equal_rehearsals_names_none() -> None:
    trace = Trace.of([Job(submit=0, run=600)])
    answer = describe_answer(summarize({name: rehearse(Fifo(), trace, capacity=1) for name in ("a", "b")}))
    assert answer == "The mean wait is 0 s in all rehearsals; the mean slowdown is 1.0 in all rehearsals."


def test_the_answer_names_one_of_several_equal_rehearsals() -> None:
    trace = Trace.of([Job(submit=0, run=600)] * 2)
    results = {f"with {name}": rehearse(Fifo(), trace, capacity=1 + (name < "e")) for name in "abcde"}
    assert describe_answer(summarize(results)).startswith(
        "The mean wait is shortest with a and 3 others: 0 s, against 5 min; "
    )


def test_the_answer_counts_jobs_that_never_ran_or_failed() -> None:
    summary, _ = summary_and_page(15)
    total = {name: numbers["total"] for name, numbers in summary["rehearsals"].items()}
    failed = total["queue"]["failed"]
    assert failed > 0
    answer = describe_answer(summary)
    assert f"Jobs that failed: {failed} with queue, 0 with fifo, 0 with large." in answer
    assert f"Jobs that never ran: {total['queue']['never_ran']}. " in answer
    assert "the number of lost GPU-hours is smallest with fifo and with large: 0.0, against " in answer


def test_the_answer_of_a_rehearsal_in_which_nothing_ran() -> None:
    nothing = rehearse(Fifo(), Trace.of([Job(instances=2, submit=0, run=1)]), capacity=1)
    assert describe_answer(summarize({"x": nothing})) == "No job ran."
    something = rehearse(Fifo(), nothing.trace, capacity=2)
    answer = describe_answer(summarize({"x": nothing, "with 2": something}))
    assert answer.startswith("The mean wait is shortest with 2: 0 s, against forever; ")
    assert answer.endswith("Jobs that never ran: 1 with x, 0 with 2.")
