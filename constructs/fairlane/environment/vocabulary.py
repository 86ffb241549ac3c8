"""Words of environment files for the names and literals of Python in texts that are shared with constructs."""

import re
from dataclasses import replace
from typing import Final

from fairlane.errors import Problem

_WORDS: Final = {
    "Fifo": "fifo",
    "FairShare": "fair-share",
    "QuotaManagement": "quota-management",
    "True": "true",
    "False": "false",
    "None": "null",
}
_PYTHON: Final = re.compile(rf"\b({'|'.join(_WORDS)})\b")


def in_file_words(problem: Problem) -> Problem:
    """Return the problem with the words of environment files; the value that was given stays as it is."""
    return replace(problem, allowed=file_words(problem.allowed), sentence=file_words(problem.sentence))


def file_words(text: str) -> str:
    """Return a text with the words of environment files."""
    return _PYTHON.sub(lambda match: _WORDS[match[0]], text)
