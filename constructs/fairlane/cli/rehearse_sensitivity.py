"""Output of `fairlane rehearse --sensitivity`: ranges of numbers, and choices that change the order of the policies."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType

    from fairlane.rehearsal.sensitivity import Sensitivity


def sensitivity_lines(sensitivity: "Sensitivity") -> Iterator["RenderableType"]:
    """Yield the table of the ranges, and lines about the order of the policies."""
    from fairlane.rehearsal.report.sensitivity import HEADINGS, order_notes, sensitivity_rows, sensitivity_title
    from fairlane.rehearsal.report.table import text_table

    yield sensitivity_title(sensitivity)
    yield text_table(HEADINGS, [*sensitivity_rows(sensitivity)], left=(0, 1, 4, 6))
    yield from (f"  - {note}" for note in order_notes(sensitivity))
