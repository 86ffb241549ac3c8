"""Problems of names in an environment file that refer to nothing."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from fairlane._internal.checks import listing
from fairlane.errors import Path, Problem

ReferenceProblem: TypeAlias = tuple[Problem, list[Path]]
"""Problem, and the paths that it depends on: a mistake at one of the paths may be its only cause."""


def missing_target(field: Path, target: str, key: str, entries: Mapping[str, object]) -> Iterator[ReferenceProblem]:
    """Yield a problem if a name is not a key of the entries at `key`."""
    if target not in entries:
        noun = "a queue with compute_environments" if key == "queues" else f"a key of {key}"
        empty = f"{target!r} does not exist: add {noun if key == 'queues' else f'it to {key}'}"
        yield unknown_name(field, target, noun, entries, empty), [field, (key, target)]


def unknown_name(field: Path, name: str, noun: str, names: Iterable[str], empty: str) -> Problem:
    """Return the problem of a name that is not one of `names`; `empty` is the sentence for no names at all."""
    choices = listing(names)
    return Problem(field, name, f"{noun}: {choices}") if choices else Problem.relation(field, empty)
