"""The checks that every value object is made of: each yields a `Problem`, or nothing, and lets tokens pass."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

from fairlane._internal.tokens import is_token
from fairlane.errors import Path, Problem

MAX_TAGS: Final = 50
MAX_TAG_KEY: Final = 128
MAX_TAG_VALUE: Final = 256

_REGION: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-\d{1,2}")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")


def check_whole_number(
    field: Path, got: object, lowest: int, highest: int | None = None, *, unit: str = ""
) -> Iterator[Problem]:
    """Checks for a whole number in a range, both ends included; a token passes."""
    if is_token(got):
        return
    fits = isinstance(got, int) and not isinstance(got, bool) and lowest <= got <= (got if highest is None else highest)
    if not fits:
        number = f"a whole number of {unit}" if unit else "a whole number"
        bounds = f"{lowest} or more" if highest is None else f"{lowest} to {highest}"
        yield Problem(field, got, f"{number}, {bounds}")


def check_number(field: Path, got: object, lowest: float, highest: float) -> Iterator[Problem]:
    """Checks for a number in a range, both ends included; a token passes."""
    if not is_token(got) and not (
        isinstance(got, int | float) and not isinstance(got, bool) and lowest <= got <= highest
    ):
        yield Problem(field, got, f"a number, {lowest} to {highest}")


def check_choice(field: Path, got: object, choices: Iterable[StrEnum]) -> Iterator[Problem]:
    """Checks for one of AWS's own words; a token passes."""
    if not is_token(got) and got not in (words := list(choices)):
        yield Problem(field, got, " or ".join(words))


def check_flag(field: Path, got: object) -> Iterator[Problem]:
    """Checks for True or False; a token passes."""
    if not is_token(got) and not isinstance(got, bool):
        yield Problem(field, got, "True or False")


def check_text(field: Path, got: object, fits: Callable[[str], object], allowed: str) -> Iterator[Problem]:
    """Checks a text with `fits`; a token passes."""
    if not is_token(got) and not (isinstance(got, str) and fits(got)):
        yield Problem(field, got, allowed)


def check_name(field: Path, got: object) -> Iterator[Problem]:
    """Checks the name of a queue, a quota share or a service environment (same rule in the Batch API)."""
    yield from check_text(field, got, _NAME.fullmatch, "1 to 128 characters of A-Z, a-z, 0-9, - and _")


def is_region(text: str) -> bool:
    """Tells whether a text may be the name of a Region."""
    return _REGION.fullmatch(text) is not None


def check_tags(tags: object) -> Iterator[Problem]:
    """Checks resource tags against the limits that AWS Batch documents in "Tag your AWS Batch resources"."""
    if tags is None:
        return
    if not isinstance(tags, Mapping):
        yield Problem(("tags",), tags, "a mapping of tag keys to values, known at synth")
        return
    if len(tags) > MAX_TAGS:
        yield Problem(("tags",), f"{len(tags)} tags", f"at most {MAX_TAGS} tags")
    for key, value in tags.items():
        yield from check_text(
            ("tags", str(key)),
            key,
            lambda key: 1 <= len(key) <= MAX_TAG_KEY and not key.lower().startswith("aws:"),
            f'a key of 1 to {MAX_TAG_KEY} characters that does not start with "aws:"',
        )
        yield from check_text(
            ("tags", str(key)),
            value,
            lambda value: len(value) <= MAX_TAG_VALUE,
            f"a text of at most {MAX_TAG_VALUE} characters",
        )


def check_list(field: Path, got: object, kind: type | tuple[type, ...], of: str) -> Iterator[Problem]:
    """Checks for a list of things of a kind; a token passes where it stands for one of them."""
    if isinstance(got, str) or not isinstance(got, Sequence):
        yield Problem(field, got, f"a list of {of}")
        return
    for index, item in enumerate(got):
        if not isinstance(item, kind) and not is_token(item):
            yield Problem((*field, index), item, f"a list of {of}")
