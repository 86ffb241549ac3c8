"""Rules of the query of a fan-out. Imports no aws_cdk."""

import re
from collections.abc import Iterator
from typing import Final

from fairlane.errors import Problem

MAX_QUERY_BYTES: Final = 262_144
"""Longest query of Athena."""

_ALLOWED: Final = "the text of one SELECT of Athena"
_PIECE: Final = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/) | (?P<quoted>'[^']*'|"[^"]*") | (?P<open>/\*|'|")""", re.DOTALL | re.VERBOSE
)
_NAMES: Final = {"/*": "comment", "'": "text", '"': "name"}
_SELECT: Final = re.compile(r"[\s(]*(select|with)\b", re.IGNORECASE)


def query_problems(text: object) -> Iterator[Problem]:
    """Yield the problem of a query that is not one SELECT."""
    if not isinstance(text, str):
        yield Problem(("query",), text, _ALLOWED)
        return
    if piece := next((each for each in _PIECE.finditer(text) if each["open"]), None):
        line = text.count("\n", 0, piece.start()) + 1
        sentence = f"the {_NAMES[piece['open']]} that begins with {piece['open']} in line {line} has no end: close it"
        yield Problem.relation(("query",), sentence)
        return
    statement = _statement(text).strip().removesuffix(";").strip()
    if not statement:
        yield Problem(("query",), text, _ALLOWED)
    elif not _SELECT.match(statement):
        yield Problem(("query",), statement.split(maxsplit=1)[0], f"{_ALLOWED}, which begins with SELECT or WITH")
    elif ";" in statement:
        yield Problem.relation(("query",), f"a ; stands before the end: use {_ALLOWED}")
    elif (size := len(text.encode())) > MAX_QUERY_BYTES:
        yield Problem(("query",), f"{size:,} bytes", f"at most {MAX_QUERY_BYTES:,} bytes")


def _statement(text: str) -> str:
    """Return a query without its comments, and with empty texts and quoted names."""
    return _PIECE.sub(lambda piece: " " if piece["comment"] else "''", text)
