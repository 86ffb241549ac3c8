"""Output of `fairlane rehearse --sensitivity`: ranges of numbers, and choices that change the order of the policies."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType

    from fairlane.rehearsal.sensitivity import Sensitivity


def sensitivity_lines(sensitivity: "Sensitivity", gpus: float | None) -> Iterator["RenderableType"]:
    """Yield the table of the ranges, and lines about the order of the policies.

    Args:
        sensitivity: Result of `measure_sensitivity`.
        gpus: GPUs of one unit of the capacity. None if they are unknown or differ.
    """
    from fairlane.rehearsal.report.sensitivity import HEADINGS, sensitivity_notes, sensitivity_rows, sensitivity_title
    from fairlane.rehearsal.report.table import text_table

    yield sensitivity_title(sensitivity)
    yield text_table(HEADINGS, [*sensitivity_rows(sensitivity, gpus)], left=(0, 1, 4, 6))
    yield from (f"  - {note}" for note in sensitivity_notes(sensitivity, gpus))
