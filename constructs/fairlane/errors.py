"""Errors of a configuration: `Problem`, one mistake, and `ConfigurationError`, which lists all mistakes.

    ValueError
    └── ConfigurationError

Value objects never raise: each yields its problems, and the consumer raises one error that lists all of them.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Self

from fairlane._internal.tokens import is_token

Path = tuple[str | int, ...]

_BARE_PART: Final = re.compile(r"[\w*-]+")
_LONGEST: Final = 120


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a configuration.

    A value out of range reads "got X, allowed: Y", a missing value "missing; use Y". A relation between values is a
    sentence of its own, made by `Problem.relation`.

    Args:
        field: Path to the value, from the outermost keyword argument or key to the innermost.
        got: Value that was given. None if no value was given.
        allowed: Values that are allowed, as a noun phrase.
        line: Line of the file that the value is in. Default: the value is not from a file.
        sentence: Sentence that replaces `got` and `allowed`. Default: none.
        file: Name of the file that `line` is in. Default: the file that the error is about.
    """

    field: Path
    got: object
    allowed: str
    line: int | None = None
    sentence: str = ""
    file: str | None = None

    @classmethod
    def relation(cls, field: Path, sentence: str, line: int | None = None, file: str | None = None) -> Self:
        """Return a problem whose text is one sentence: the mistake and its correction, without a trailing period."""
        return cls(field, None, "", line, sentence, file)

    @property
    def is_missing(self) -> bool:
        """True if no value was given where one is required."""
        return self.got is None and not self.sentence

    def within(self, *outer: str | int) -> Self:
        """Return the same problem with `outer` in front of its path."""
        return replace(self, field=(*outer, *self.field))

    def followed_by(self, text: str) -> Self:
        """Return the same problem with `text` after its last word."""
        return (
            replace(self, sentence=self.sentence + text)
            if self.sentence
            else replace(self, allowed=self.allowed + text)
        )

    def __str__(self) -> str:
        line = "" if self.line is None else f"line {self.line}, "
        place = f"{self.file} {line}" if self.file else line
        field = f"{dotted(self.field)}: " if self.field else ""
        got = f"missing; use {self.allowed}" if self.is_missing else f"got {_shown(self.got)}, allowed: {self.allowed}"
        return "\\n".join(f"{place}{field}{self.sentence or got}".splitlines())  # names can have line breaks


@dataclass(frozen=True, slots=True)
class Advice:
    """Warning about a configuration that AWS accepts and that is probably not meant.

    Args:
        id: Public name of the warning. Acknowledging the name silences the warning.
        message: Text of the warning: the probable mistake and its consequence.
    """

    id: str
    message: str


class ConfigurationError(ValueError):
    """Configuration that AWS would refuse or that cannot work.

    Attributes:
        subject: Path of the misconfigured construct, or name of the file.
        problems: All mistakes, in the order of the configuration.
    """

    def __init__(self, subject: str, problems: Iterable[Problem]) -> None:
        self.subject = subject
        self.problems = tuple(problems)
        count = f"{len(self.problems)} problem{'s' if len(self.problems) != 1 else ''}"
        super().__init__("\n".join([f"{subject}: {count}", *(f"  - {problem}" for problem in self.problems)]))


def dotted(field: Path) -> str:
    """Return a path as text, for example `queues.cpu.time_limit_actions[0].reason`."""
    text = ""
    for part in field:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            shown = _shortened(str(part))
            name = shown if _BARE_PART.fullmatch(str(part)) else json.dumps(shown, ensure_ascii=False)
            text += f".{name}" if text else name
    return text


def _shown(got: object) -> str:
    if is_token(got):
        return "a value known only at deployment"
    return _shortened(repr(str(got) if isinstance(got, str) else got))


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
