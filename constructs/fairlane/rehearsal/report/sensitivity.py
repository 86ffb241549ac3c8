"""Texts of the sensitivity of rehearsals: a table of ranges, and choices that change the order of the policies."""

from collections.abc import Iterator
from typing import Final

from fairlane.rehearsal.report.table import duration
from fairlane.rehearsal.sensitivity import BETTER, Extreme, Sensitivity

HEADINGS: Final = ("Rehearsal", "Number", "Chosen", "Lowest", "with", "Highest", "with")
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


def sensitivity_title(sensitivity: Sensitivity) -> str:
    """Return the title of the table, with the number of other choices."""
    return f"sensitivity: {len(sensitivity.alternatives)} other choices, one at a time"


def sensitivity_rows(sensitivity: Sensitivity, gpus: float | None) -> Iterator[list[str]]:
    """Yield the rows of the table with the columns `HEADINGS`. The name of a rehearsal is in its first row only.

    Args:
        sensitivity: Result of `measure_sensitivity`.
        gpus: GPUs of one unit of the capacity. None if they are unknown or differ: lost work is in instance-hours.
    """
    for name, numbers in sensitivity.base.items():
        label = name
        for number in numbers:
            extremes = [
                cell for extreme in sensitivity.range(name, number) for cell in _cells(number, extreme, gpus or 1)
            ]
            yield [label, _LABELS[number], _text(number, numbers[number], gpus or 1), *extremes]
            label = ""


def sensitivity_notes(sensitivity: Sensitivity, gpus: float | None) -> Iterator[str]:
    """Yield the choices that change the order of the policies, and the numbers whose order no choice changes."""
    if gpus is None:
        yield "the GPUs of an instance are unknown or differ: lost GPU-hours are instance-hours"
    if len(sensitivity.base) < 2:
        return
    flips = list(sensitivity.flips())
    for flip in flips:
        order = f"with {flip.choice}, {flip.worse} is better than {flip.better}"
        yield f"the order by {_LABELS[flip.number]} depends on {flip.choice.strategy}: {order}"
    stable = [_LABELS[number] for number in BETTER if number not in {flip.number for flip in flips}]
    if stable:
        yield f"no choice changes the order by {' or '.join(stable)}"


def _cells(number: str, extreme: Extreme, gpus: float) -> list[str]:
    return [_text(number, extreme.number, gpus), str(extreme.choice or "")]


def _text(number: str, value: float, gpus: float) -> str:
    if number.startswith("wait"):
        return "forever" if value == float("inf") else duration(value)
    if number == "utilization":
        return f"{value:.0%}"
    if number == "lost_instance_hours":
        return f"{value * gpus:,.1f}"
    return f"{value:,.{2 if number == 'jain' else 0}f}"
