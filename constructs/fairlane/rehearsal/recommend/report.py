"""Recommendation as lines and tables, JSON, YAML and an HTML page."""

import io
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fairlane._charts.chart import Chart, Entry
from fairlane._charts.layout import AXIS, chart_layout
from fairlane._charts.page import charts_page
from fairlane.environment.yaml_writer import write_yaml
from fairlane.rehearsal.recommend.comparison import NEVER_RAN, Comparison
from fairlane.rehearsal.recommend.objectives import Objective
from fairlane.rehearsal.recommend.recommendation import Candidate, Recommendation
from fairlane.rehearsal.recommend.resampling import Range
from fairlane.rehearsal.report.table import NONE, duration
from fairlane.scheduling import FairShare, QuotaManagement, SchedulingPolicy

LABELS: Final[Mapping[Objective, str]] = {
    "worst-p95": "p95 wait of the share that waits longest",
    "mean-wait": "mean wait",
    "slowdown": "mean slowdown",
    "lost-gpu-hours": "GPU-hours lost",
}
COLUMNS: Final = ("Measure", "Given", "5 to 95 %", "Found", "5 to 95 %", "Better in")
FRONTIER_COLUMNS: Final = ("Mean wait", "GPU-hours lost", "Policy")
FRONTIER_HEADING: Final = "Policies without a better one in both measures, on the first part of the trace"
_MOST_ROWS: Final = 10
_NEAR: Final = 4  # times the largest numbers of the frontier within which the chart shows the given policy
_HEADER: Final = (
    "Search for the settings of a scheduling policy by simulations of its queue. The search saw the first part of the "
    "trace. The first table compares on the rest. Ranges are over traces whose weeks, days or hours are drawn from it."
)


def answer(recommendation: Recommendation, *, gpus: float = 1) -> str:
    """Return the answer in a sentence.

    Args:
        recommendation: Recommendation.
        gpus: GPUs of one unit of the capacity. Default: 1.
    """
    objective, comparison = recommendation.objective, recommendation.held_out[recommendation.objective]
    number, label = len(recommendation.candidates), LABELS[objective]
    given, found = (format_number(objective, each, gpus) for each in (comparison.given, comparison.found))
    times = f"better in {comparison.better} of {comparison.traces} resampled traces" if comparison.traces else ""
    if recommendation.is_better:
        more = f", {times}" if times else ""
        return f"Use the policy below: on jobs that the search did not see, its {label} is {found}, not {given}{more}."
    if not recommendation.allowed:
        limits = ", ".join(map(str, recommendation.constraints))
        reason = f"on the first part of the trace, none of {number:,} policies keeps {limits}"
    elif recommendation.broken:
        limits = ", ".join(map(str, recommendation.broken))
        reason = f"on jobs that the search did not see, the best of {number:,} policies breaks {limits}"
    elif recommendation.never_ran.found > recommendation.never_ran.given:
        more_jobs = recommendation.never_ran.found - recommendation.never_ran.given
        reason = (
            f"{more_jobs:,.0f} more of the jobs that the search did not see can never run under the best of {number:,} "
            "policies"
        )
    elif recommendation.found is recommendation.given:
        reason = f"none of {number:,} policies is better by {label}"
    else:
        more = f"; it is {times}" if times else ""
        reason = (
            f"on jobs that the search did not see, the {label} of the best of {number:,} policies is {found}, and that "
            f"of yours {given}{more}"
        )
    return f"No better than what you have: {reason}."


def format_range(objective: str, numbers: Range | None, gpus: float) -> str:
    """Return a range of a measure as text. A dash without a range."""
    if numbers is None:
        return NONE
    return f"{format_number(objective, numbers.low, gpus)} to {format_number(objective, numbers.high, gpus)}"


def format_number(objective: str, number: float, gpus: float) -> str:
    """Return a measure as text: a duration, a ratio, GPU-hours, or a number of jobs. Infinity if no job ran."""
    if number == math.inf:
        return "forever"
    if objective == NEVER_RAN:
        return f"{number:,.0f}"
    if objective == "slowdown":
        return f"{number:,.1f}"
    return f"{number * gpus:,.1f}" if objective == "lost-gpu-hours" else duration(number)


def rows(recommendation: Recommendation, *, gpus: float = 1) -> Iterator[list[str]]:
    """Yield the rows of the comparison: all objectives, jobs that never run, and the p95 waits of ten shares."""
    for objective, comparison in recommendation.held_out.items():
        yield _row(LABELS[objective], objective, comparison, gpus)
    if recommendation.never_ran.given or recommendation.never_ran.found:
        yield _row("jobs that never run", NEVER_RAN, recommendation.never_ran, gpus)
    for share, comparison in list(recommendation.waits.items())[:_MOST_ROWS]:
        yield _row(f"p95 wait of {share or '(none)'}", "worst-p95", comparison, gpus)


def frontier_rows(recommendation: Recommendation, *, gpus: float = 1) -> Iterator[list[str]]:
    """Yield the mean wait and the lost work of the policies on the frontier, on the first part of the trace."""
    for candidate in recommendation.frontier[:_MOST_ROWS]:
        mark = " (given)" if candidate is recommendation.given else ""
        mark += " (found)" if candidate is recommendation.found else ""
        measures = candidate.measures
        yield [
            *(format_number(objective, measures[objective], gpus) for objective in ("mean-wait", "lost-gpu-hours")),
            f"{describe(candidate.policy)}{mark}",
        ]


def describe(policy: SchedulingPolicy) -> str:
    """Return the settings of a policy that a search changes, in one line."""
    if isinstance(policy, FairShare):
        weights = ", ".join(f"{share} {weight:g}" for share, weight in policy.weight_factors.items())
        decay = "" if policy.share_decay_seconds is None else f"; decay {duration(policy.share_decay_seconds)}"
        return f"{weights}{decay}"
    parts = []
    for share in policy.shares if isinstance(policy, QuotaManagement) else ():
        numbers = " + ".join(f"{number:,}" for number in share.capacity.values())
        limit = "" if share.borrow_limit is None else f" {share.borrow_limit} %"
        parts.append(f"{share.name} {numbers} {share.sharing}{limit}")
    return ", ".join(parts)


def to_yaml(policy: SchedulingPolicy) -> str:
    """Return the key `scheduling` of a queue in an environment file."""
    with io.StringIO() as stream:
        write_yaml({"scheduling": settings(policy)}, stream)
        return stream.getvalue()


def settings(policy: SchedulingPolicy) -> dict[str, Any]:
    """Return a policy as the value of the key `scheduling`. Settings with their defaults are left out."""
    if isinstance(policy, FairShare):
        found: dict[str, Any] = {"policy": "fair-share", "weight_factors": dict(policy.weight_factors)}
        for name in ("share_decay_seconds", "compute_reservation"):
            if (value := getattr(policy, name)) is not None:
                found[name] = value
        return found
    shares = {}
    for share in policy.shares if isinstance(policy, QuotaManagement) else ():
        own: dict[str, Any] = {"capacity": dict(share.capacity), "sharing": str(share.sharing)}
        if share.borrow_limit is not None:
            own["borrow_limit"] = share.borrow_limit
        if share.in_share_preemption:
            own["in_share_preemption"] = True
        if share.state != "ENABLED":
            own["state"] = "draining"
        shares[share.name] = own
    return {"policy": "quota-management", "shares": shares}


def to_json(recommendation: Recommendation, *, gpus: float = 1) -> dict[str, Any]:
    """Return all numbers of a recommendation. Waits are seconds, and None if no job ran."""
    return {
        "better": recommendation.is_better,
        "objective": recommendation.objective,
        "constraints": [str(constraint) for constraint in recommendation.constraints],
        "broken": [str(constraint) for constraint in recommendation.broken],
        "policies": len(recommendation.candidates),
        "given": _candidate(recommendation.given, gpus),
        "found": _candidate(recommendation.found, gpus),
        "held_out": {
            name: _comparison(comparison, gpus if name == "lost-gpu-hours" else 1)
            for name, comparison in recommendation.held_out.items()
        },
        "never_ran": _comparison(recommendation.never_ran, 1),
        "p95_wait_seconds": {name: _comparison(each, 1) for name, each in recommendation.waits.items()},
        "frontier": [_candidate(candidate, gpus) for candidate in recommendation.frontier],
    }


def render_page(recommendation: Recommendation, *, title: str, gpus: float = 1) -> str:
    """Render a recommendation as an HTML page that needs no network."""
    chart = _frontier_chart(recommendation, gpus)
    frontier = [*frontier_rows(recommendation, gpus=gpus)]
    return charts_page(
        "fairlane.rehearsal.recommend",
        "report.html.j2",
        figures={f"chart-0-{chart.kind}": chart.figure},
        title=title,
        header=_HEADER,
        answer=answer(recommendation, gpus=gpus),
        yaml=to_yaml(recommendation.found.policy) if recommendation.is_better else "",
        tables=[
            ("", COLUMNS, [*rows(recommendation, gpus=gpus)]),
            *([(FRONTIER_HEADING, FRONTIER_COLUMNS, frontier)] if frontier else []),
        ],
        charts=[chart],
    )


def _frontier_chart(recommendation: Recommendation, gpus: float) -> Chart:
    def points(candidates: list[Candidate], color: str, size: int, mode: str) -> dict[str, Any]:
        candidates = [each for each in candidates if each.measures["mean-wait"] < math.inf]
        return {
            "type": "scatter",
            "mode": mode,
            "x": [round(each.measures["lost-gpu-hours"] * gpus, 3) for each in candidates],
            "y": [round(each.measures["mean-wait"] / 3600, 4) for each in candidates],
            "text": [describe(each.policy) for each in candidates],
            "marker": {"color": color, "size": size},
            "line": {"color": color, "width": 1, "shape": "hv"},
            "hovertemplate": "%{y:,.3~g} h, %{x:,.4~g} GPU-hours lost<br>%{text}<extra></extra>",
        }

    data = [
        points(recommendation.allowed, "var(--mark)", 5, "markers"),
        points(recommendation.frontier, "var(--series-1)", 7, "lines+markers"),
        points([recommendation.given], "var(--series-2)", 11, "markers"),
        points([recommendation.found], "var(--series-3)", 11, "markers"),
    ]
    lost, wait = _largest([recommendation.found, *recommendation.frontier], gpus)
    given_lost, given_wait = _largest([recommendation.given], gpus)
    is_near = given_lost <= _NEAR * (lost or 1) and given_wait <= _NEAR * (wait or 1)
    if is_near:
        lost, wait = max(lost, given_lost), max(wait, given_wait)
    axis = {**AXIS, "gridcolor": "var(--line)"}
    title = {"text": "GPU-hours lost", "font": {"size": 11}, "standoff": 6}
    layout = chart_layout(
        xaxis={**axis, "range": [-0.02 * (lost or 1), 1.5 * (lost or 1)], "title": title},
        yaxis={**axis, "range": [0, 1.3 * (wait or 1)], "ticksuffix": " h"},
        hovermode="closest",
    )
    labels = {"policies": "var(--mark)", "frontier": "var(--series-1)", "given": "var(--series-2)"}
    legend = [Entry(label=label, color=color) for label, color in [*labels.items(), ("found", "var(--series-3)")]]
    outside = "much worse policies are outside" if is_near else "much worse policies, also the given one, are outside"
    heading = f"Mean wait and lost work, on the first part of the trace; {outside}"
    return Chart(kind="frontier", title=heading, wide=True, figure={"data": data, "layout": layout}, legend=legend)


def _largest(candidates: list[Candidate], gpus: float) -> tuple[float, float]:
    """Return the largest lost work in GPU-hours and the largest mean wait in hours, without infinite ones."""
    waits = [each.measures["mean-wait"] / 3600 for each in candidates]
    lost = max(each.measures["lost-gpu-hours"] * gpus for each in candidates)
    return lost, max((each for each in waits if each < math.inf), default=0.0)


def plain(number: float) -> float | None:
    """Return a number for JSON. None stands for infinity."""
    return None if number == math.inf else number


def plain_range(numbers: Range | None, factor: float) -> list[float | None] | None:
    """Return the ends of a range, multiplied by a factor, for JSON. None without a range."""
    return [plain(numbers.low * factor), plain(numbers.high * factor)] if numbers else None


def _row(label: str, objective: str, comparison: Comparison, gpus: float) -> list[str]:
    return [
        label,
        format_number(objective, comparison.given, gpus),
        format_range(objective, comparison.given_range, gpus),
        format_number(objective, comparison.found, gpus),
        format_range(objective, comparison.found_range, gpus),
        f"{comparison.better} of {comparison.traces}" if comparison.traces else NONE,
    ]


def _candidate(candidate: Candidate, gpus: float) -> dict[str, Any]:
    factor = {"lost-gpu-hours": gpus}
    return {
        "scheduling": settings(candidate.policy),
        "measures": {name: plain(number * factor.get(name, 1)) for name, number in candidate.measures.items()},
        "never_ran": candidate.never_ran,
        "keeps_constraints": not candidate.excess,
    }


def _comparison(comparison: Comparison, factor: float) -> dict[str, Any]:
    ranges = {"given": comparison.given_range, "found": comparison.found_range}
    return {
        "given": plain(comparison.given * factor),
        "found": plain(comparison.found * factor),
        **{f"{name}_range": plain_range(numbers, factor) for name, numbers in ranges.items()},
        "better": comparison.better,
        "worse": comparison.worse,
        "traces": comparison.traces,
    }
