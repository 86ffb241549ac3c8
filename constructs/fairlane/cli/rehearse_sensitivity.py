"""Output of `fairlane rehearse --sensitivity`: ranges of numbers, and choices that change the order of the policies."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import RenderableType

    from fairlane.rehearsal.sensitivity import Extreme, Sensitivity

_LABELS: Final = {
    "never_ran": "jobs that never ran",
    "wait_mean": "mean wait",
    "wait_p50": "median wait",
    "wait_p95": "p95 wait",
    "utilization": "use",
    "preemptions": "preemptions",
    "lost_instance_hours": "GPU-hours lost",
    "jain": "Jain",
}


def sensitivity_lines(sensitivity: "Sensitivity", gpus: float | None) -> Iterator["RenderableType"]:
    """Yield the table of the ranges, and lines about the order of the policies.

    Args:
        sensitivity: Result of `measure_sensitivity`.
        gpus: GPUs of one unit of the capacity. None if they are unknown or differ.
    """
    from fairlane.rehearsal.report.table import text_table
    from fairlane.rehearsal.sensitivity import BETTER

    yield f"sensitivity: {len(sensitivity.alternatives)} other choices, one at a time"
    headings = ["Rehearsal", "Number", "Chosen", "Lowest", "with", "Highest", "with"]
    if gpus is None:
        yield "the GPUs of an instance are unknown or differ: lost GPU-hours are instance-hours"
    yield text_table(headings, [*_rows(sensitivity, gpus or 1)], left=(0, 1, 4, 6))
    if len(sensitivity.base) < 2:
        return
    flips = list(sensitivity.flips())
    for flip in flips:
        order = f"with {flip.choice}, {flip.worse} is better than {flip.better}"
        yield f"  - the order by {_LABELS[flip.number]} depends on {flip.choice.strategy}: {order}"
    stable = [_LABELS[number] for number in BETTER if number not in {flip.number for flip in flips}]
    if stable:
        yield f"  - no choice changes the order by {' or '.join(stable)}"


def _rows(sensitivity: "Sensitivity", gpus: float) -> Iterator[list[str]]:
    for name, numbers in sensitivity.base.items():
        label = name
        for number in numbers:
            extremes = [cell for extreme in sensitivity.range(name, number) for cell in _cells(number, extreme, gpus)]
            yield [label, _LABELS[number], _text(number, numbers[number], gpus), *extremes]
            label = ""


def _cells(number: str, extreme: "Extreme", gpus: float) -> list[str]:
    return [_text(number, extreme.number, gpus), str(extreme.choice or "")]


def _text(number: str, value: float, gpus: float) -> str:
    from fairlane.rehearsal.report.table import duration

    if number.startswith("wait"):
        return "forever" if value == float("inf") else duration(value)
    if number == "utilization":
        return f"{value:.0%}"
    if number == "lost_instance_hours":
        return f"{value * gpus:,.1f}"
    return f"{value:,.{2 if number == 'jain' else 0}f}"
