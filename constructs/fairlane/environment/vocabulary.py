"""Words of environment files for the names and literals of Python in texts that are shared with constructs."""

import json
import re
from dataclasses import replace
from math import isfinite
from typing import Final

from fairlane.errors import Problem

_WORDS: Final = {
    "Fifo": "fifo",
    "FairShare": "fair-share",
    "QuotaManagement": "quota-management",
    "True": "true",
    "False": "false",
    "None": "null",
    "node_pools": "autoscaling",
}
_KNOWN_AT_SYNTH: Final = re.compile(r"(,| that is| that are)? known at synth")
_PYTHON: Final = re.compile(rf"(?<!fairlane:)\b({'|'.join(_WORDS)})\b")
"""Words of Python, except in ids of warnings."""


def in_file_words(problem: Problem) -> Problem:
    """Return the problem with the words of environment files; the value that was given stays as it is."""
    field = (
        (*problem.field, "policy") if problem.is_missing and problem.field[-1:] == ("scheduling",) else problem.field
    )
    return replace(problem, field=field, allowed=file_words(problem.allowed), sentence=file_words(problem.sentence))


def file_words(text: str) -> str:
    """Return a text with the words of environment files."""
    return _PYTHON.sub(lambda match: _WORDS[match[0]], _KNOWN_AT_SYNTH.sub("", text))


class _FileValue:
    """Value whose representation is YAML."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def file_value(got: object) -> object:
    """Return a value that errors show as YAML: `true` instead of `True`, 75 instead of 75.0, and `.inf`."""
    if isinstance(got, float) and got.is_integer():
        return int(got)
    if isinstance(got, float) and not isfinite(got):
        return _FileValue(f".{got}".replace(".-", "-."))
    return _FileValue(json.dumps(got, default=str)) if isinstance(got, bool | dict | list) else got
