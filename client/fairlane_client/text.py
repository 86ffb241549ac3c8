"""Text in columns."""

from collections.abc import Sequence


def align(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells in columns. The first row is the header. Columns of numbers are on the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    numbers = [all(cell[:1].isdecimal() or not cell for cell in column[1:]) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            f"{cell:>{width}}" if is_number else f"{cell:<{width}}"
            for cell, width, is_number in zip(row, widths, numbers, strict=True)
        ).rstrip()
        for row in rows
    )


def shortened(text: str, longest: int) -> str:
    """Return a text with at most a number of characters."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def plural(number: int, noun: str, nouns: str = "") -> str:
    """Return a number with a noun, for example `2 lines`."""
    return f"{number:,} {noun if number == 1 else nouns or f'{noun}s'}"
