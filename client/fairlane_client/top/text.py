"""Texts of a live view that fit into a number of cells."""

import unicodedata
from typing import Final

from rich.text import Text

_STEPS: Final = ((86_400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s"))
_ASCII: Final = str.maketrans("█▓░·▸↑↓←→…", "#+-.>^v<>~")


def duration(seconds: float) -> str:
    """Return a number of seconds as a short text, for example `3h 12m`. A negative number is 0."""
    whole = int(max(0, seconds))
    for size, unit, part, small in _STEPS:
        if whole >= size:
            return f"{whole // size}{unit} {whole % size // part}{small}"
    return f"{whole}s"


def number(value: float | None) -> str:
    """Return an amount with at most one decimal. A question mark for an unknown amount."""
    return "?" if value is None else f"{value:,.1f}".removesuffix(".0")


def clean(text: str) -> str:
    """Return a text without line ends and control characters, which could change the terminal."""
    return "".join(" " if unicodedata.category(sign)[0] == "C" else sign for sign in text)


def fit(text: Text, width: int) -> Text:
    """Return a text that is exactly as wide as a number of cells."""
    if width <= 0:
        return Text()
    copy = text.copy()
    copy.truncate(width, overflow="ellipsis", pad=True)
    return copy


def spread(left: Text, right: Text, width: int) -> Text:
    """Return a line with a text at its start and one at its end. A narrow terminal has less of the first one."""
    room = width - right.cell_len - 1
    if room < 0:
        return fit(right, width)
    return Text.assemble(fit(left, room), " ", right)


def in_ascii(text: Text) -> Text:
    """Return a text whose bars and signs a terminal without Unicode has, too."""
    copy = text.copy()
    copy.plain = text.plain.translate(_ASCII).encode("ascii", "replace").decode()
    return copy
