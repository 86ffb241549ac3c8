"""Checks of single values, shared by all value objects. Each yields a `Problem` or nothing; tokens pass."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final
from unicodedata import category

from fairlane._internal.tokens import is_token, without_tokens
from fairlane.errors import Path, Problem

MAX_TAGS: Final = 50
MAX_TAG_KEY: Final = 128
MAX_TAG_VALUE: Final = 256
BUCKET_NAME: Final = r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
"""Pattern of the name of an S3 bucket."""
REGION: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}")
"""Form of the name of a Region."""
STAND_IN: Final = "0"
"""Text that replaces tokens in checks; allowed wherever a token is allowed."""

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_WILD: Final = re.compile(r"[*?$\s]|:alias/")
_MOST_NAMES: Final = 20
_TAG_CHARACTERS: Final = "letters, digits, spaces and + - = . _ : / @"


def check_whole_number(
    field: Path, got: object, lowest: int, highest: int | None = None, *, unit: str = ""
) -> Iterator[Problem]:
    """Check for a whole number in a range, both ends included; a token passes."""
    if is_token(got):
        return
    fits = isinstance(got, int) and not isinstance(got, bool) and lowest <= got <= (got if highest is None else highest)
    if not fits:
        number = f"a whole number of {unit}" if unit else "a whole number"
        bounds = f"{lowest} or more" if highest is None else f"{lowest} to {highest}"
        yield Problem(field, got, f"{number}, {bounds}")


def check_number(field: Path, got: object, lowest: float, highest: float) -> Iterator[Problem]:
    """Check for a number in a range, both ends included; a token passes."""
    if not is_token(got) and not (
        isinstance(got, int | float) and not isinstance(got, bool) and lowest <= got <= highest
    ):
        yield Problem(field, got, f"a number, {lowest} to {highest}")


def check_choice(field: Path, got: object, choices: Iterable[StrEnum]) -> Iterator[Problem]:
    """Check for a value of an enumeration; a token passes."""
    if not is_token(got) and got not in (words := list(choices)):
        yield Problem(field, got, alternatives(words))


def alternatives(words: Sequence[str]) -> str:
    """Return words as alternatives, for example `a, b or c`."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def listing(names: Iterable[str]) -> str:
    """Return names for a message, at most 20 of them, for example `a, b, c and 5 others`."""
    shown = list(names)
    others = f" and {len(shown) - _MOST_NAMES} others" if len(shown) > _MOST_NAMES else ""
    return ", ".join(shown[:_MOST_NAMES]) + others


def check_flag(field: Path, got: object) -> Iterator[Problem]:
    """Check for True or False; a token passes."""
    if not is_token(got) and not isinstance(got, bool):
        yield Problem(field, got, "True or False")


def check_text(field: Path, got: object, fits: Callable[[str], object], allowed: str) -> Iterator[Problem]:
    """Check a text with `fits`; a token passes."""
    if not is_token(got) and not (isinstance(got, str) and fits(got)):
        yield Problem(field, got, allowed)


def check_name(field: Path, got: object) -> Iterator[Problem]:
    """Check the name of a queue, a quota share or a service environment (same rule in the Batch API)."""
    yield from check_text(field, got, _NAME.fullmatch, "1 to 128 characters of A-Z, a-z, 0-9, - and _")


def is_region(text: str) -> bool:
    """Return True if a text has the form of a Region's name."""
    return REGION.fullmatch(text) is not None


def check_region(field: Path, got: object) -> Iterator[Problem]:
    """Check the form of a Region's name; a token passes."""
    yield from check_text(field, got, is_region, "a Region such as us-east-1")


def check_tags(tags: object) -> Iterator[Problem]:
    """Check resource tags against "Tag restrictions" in the AWS Batch User Guide. IAM refuses all other characters."""
    if tags is None:
        return
    if not isinstance(tags, Mapping):
        yield Problem(("tags",), tags, "a mapping of tag keys to values, known at synth")
        return
    if len(tags) > MAX_TAGS:
        yield Problem.relation(("tags",), f"{len(tags)} tags are more than AWS Batch accepts: use at most {MAX_TAGS}")
    for key, value in tags.items():
        yield from check_text(
            ("tags", str(key)),
            key,
            lambda key: 1 <= len(key) <= MAX_TAG_KEY and _is_tag(key) and not key.lower().startswith("aws:"),
            f'a key of 1 to {MAX_TAG_KEY} {_TAG_CHARACTERS} that does not start with "aws:"',
        )
        yield from check_text(
            ("tags", str(key)),
            value,
            lambda value: len(value) <= MAX_TAG_VALUE and _is_tag(value),
            f"a text of at most {MAX_TAG_VALUE} {_TAG_CHARACTERS}",
        )


def _is_tag(text: str) -> bool:
    return all(character in "+-=._:/@" or category(character)[0] in "LNZ" for character in text)


def check_list(field: Path, got: object, kind: type | tuple[type, ...], items: str) -> Iterator[Problem]:
    """Check for a list of items of a kind; a token passes as an item.

    Args:
        field: Path to the list.
        got: Value that was given.
        kind: Type, or types, of the items.
        items: Items in the plural, for the text of the problem.
    """
    if isinstance(got, str) or not isinstance(got, Sequence):
        yield Problem(field, got, f"a list of {items}")
        return
    for index, item in enumerate(got):
        if not isinstance(item, kind) and not is_token(item):
            yield Problem((*field, index), item, f"a list of {items}")


def check_repeats(field: Path, names: Iterable[str], noun: str) -> Iterator[Problem]:
    """Check that a list names each thing once.

    Args:
        field: Path to the list.
        names: Names in the list.
        noun: Noun for a name, for the text of the problem.
    """
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield Problem.relation((*field, index), f"{name} is listed twice: list each {noun} once")
        seen.add(name)


def is_single_resource(value: object, *forms: re.Pattern[str]) -> bool:
    """Return True if a text names one resource in one of the forms. A token passes, but not a wildcard beside it."""
    if not isinstance(value, str):
        return is_token(value)
    literal = without_tokens(value, STAND_IN)
    if literal != value:
        return not _WILD.search(literal)
    return any(form.fullmatch(value) for form in forms)
