"""What is wrong with a configuration: `Problem`, one mistake, and `ConfigurationError`, all of them.

    ValueError
    └── ConfigurationError

Value objects never raise: each yields its problems. Whoever consumes them raises one error that lists all.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from fairlane._internal.tokens import is_token

Path = tuple[str | int, ...]

_BARE_PART: Final = re.compile(r"[\w*-]+")
_LONGEST: Final = 120


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a configuration.

    Args:
        field: where it is, from the outermost keyword or key inwards.
        got: the value that was given; None where nothing was.
        allowed: what would have been right, in the user's words.
        line: the line of the file that it came from, if it came from a file.
    """

    field: Path
    got: object
    allowed: str
    line: int | None = None

    def within(self, *outer: str | int) -> "Problem":
        """The same problem, seen from further out."""
        return replace(self, field=(*outer, *self.field))

    def __str__(self) -> str:
        line = "" if self.line is None else f"line {self.line}, "
        field = f"{dotted(self.field)}: " if self.field else ""
        return f"{line}{field}got {_shown(self.got)}, allowed: {self.allowed}"


@dataclass(frozen=True, slots=True)
class Advice:
    """Something that AWS accepts and its user may not have meant.

    Args:
        id: the warning's public name; acknowledging it silences the warning.
        message: what may be wrong, and what follows from it.
    """

    id: str
    message: str


class ConfigurationError(ValueError):
    """A configuration that AWS would refuse, or that could never do what it says.

    Attributes:
        subject: what is misconfigured: a construct's path, or a file.
        problems: every mistake that was found, in the order of the configuration.
    """

    def __init__(self, subject: str, problems: Iterable[Problem]) -> None:
        self.subject = subject
        self.problems = tuple(problems)
        count = f"{len(self.problems)} problem{'s' if len(self.problems) != 1 else ''}"
        super().__init__("\n".join([f"{subject}: {count}", *(f"  - {problem}" for problem in self.problems)]))


def dotted(field: Path) -> str:
    """Writes a path the way people do: `queues.cpu.time_limit_actions[0].reason`."""
    text = ""
    for part in field:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = str(part) if _BARE_PART.fullmatch(str(part)) else f'"{part}"'
            text += f".{name}" if text else name
    return text


def _shown(got: object) -> str:
    if got is None:
        return "nothing"
    if is_token(got):
        return "a value known only at deployment"
    shown = repr(str(got) if isinstance(got, str) else got)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."
