"""Words of Python that texts for readers of environment files must not have."""

import re

from tests.packaging.test_public_api import PUBLIC

CLASS_NAMES = {
    name
    for names in PUBLIC.values()
    for name in names
    if re.fullmatch(r"[A-Z][a-z]+(?:[A-Z][a-z]+)+", name) or name == "Fifo"
}
"""Public class names that are not words of English."""

_ARGUMENTS = {
    "exporter_limits",
    "job_definition_name",
    "limit_usd",
    "queue_limits",
    "queue_name",
    "repository_name",
}
"""Keyword arguments that are not keys of the file."""

_PYTHON = re.compile(rf"\b(?:{'|'.join(sorted({*CLASS_NAMES, *_ARGUMENTS, 'True', 'False', 'None'}))})\b")


def python_words(text: str) -> list[str]:
    """Return the words of Python in a text."""
    return _PYTHON.findall(text)
