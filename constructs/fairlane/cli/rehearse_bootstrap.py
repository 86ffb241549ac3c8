"""Output of `fairlane rehearse --bootstrap`: ranges of numbers over resampled traces, and paired comparisons."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

    from fairlane.rehearsal.recommend import Comparison

Chance = Mapping[str, Mapping[str, "Comparison"]]
"""Comparison of each rehearsal with the first, by measure and name."""


def bootstrap_lines(chance: Chance, gpus: float | None) -> Iterator["RenderableType"]:
    """Yield the table of the ranges.

    Args:
        chance: Result of `measure_chance`.
        gpus: GPUs of one unit of the capacity. None if they are unknown or differ.
    """
    from fairlane.rehearsal.recommend.comparison import NEVER_RAN
    from fairlane.rehearsal.recommend.report import LABELS, format_number, format_range
    from fairlane.rehearsal.report.table import NONE, text_table

    traces = next(each.traces for named in chance.values() for each in named.values())
    yield f"{traces} resampled traces; each is made of weeks, days or hours of the trace"
    if gpus is None:
        yield "the GPUs of an instance are unknown or differ: lost GPU-hours are instance-hours"
    labels: dict[str, str] = dict(LABELS.items())
    if any(each.found or (each.found_range and each.found_range.high) for each in chance[NEVER_RAN].values()):
        labels[NEVER_RAN] = "jobs that never run"
    rows = []
    for measure, label in labels.items():
        first = label
        for number, (name, each) in enumerate(chance[measure].items()):
            value = format_number(measure, each.found, gpus or 1)
            spread = format_range(measure, each.found_range, gpus or 1)
            rows.append([first, name, value, spread, f"{each.better} of {each.traces}" if number else NONE])
            first = ""
    base = next(iter(chance["mean-wait"]))
    yield text_table(["Measure", "Rehearsal", "Number", "5 to 95 %", f"Better than {base} in"], rows, left=(0, 1, 4))


def bootstrap_json(chance: Chance, gpus: float | None) -> dict[str, Any]:
    """Return the ranges for the JSON file. None stands for infinity, if no job ran.

    Args:
        chance: Result of `measure_chance`.
        gpus: GPUs of one unit of the capacity. None if they are unknown or differ: lost work is in instance-hours.
    """
    from fairlane.rehearsal.recommend.report import plain, plain_range

    return {
        objective: {
            name: {
                "number": plain(each.found * factor),
                "range": plain_range(each.found_range, factor),
                "better": each.better,
                "worse": each.worse,
                "traces": each.traces,
            }
            for name, each in named.items()
        }
        for objective, named in chance.items()
        for factor in [gpus or 1 if objective == "lost-gpu-hours" else 1]
    }
