"""Which failed attempts of a job are tried again."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fairlane._internal.checks import check_choice, check_text, check_whole_number
from fairlane.errors import Problem

MAX_ATTEMPTS: Final = 10
MAX_RULES: Final = 5
MAX_PATTERN: Final = 512

_REASON: Final = re.compile(r"(?=.{1,512}$)[A-Za-z0-9.: ]*\*?")
_EXIT_CODE: Final = re.compile(r"(?=.{1,512}$)[0-9]*\*?")


class RetryAction(StrEnum):
    """What happens to a job whose attempt has failed."""

    RETRY = "RETRY"
    EXIT = "EXIT"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """What to do with a failed attempt that looks a certain way; all patterns given must match.

    A pattern is at most 512 characters, of which the last may be `*`. Source: `EvaluateOnExit` in the Batch API.

    Args:
        action: try again, or let the job fail.
        on_status_reason: matches the status reason: letters, digits, dots, colons and spaces.
        on_reason: matches the reason of the container, of the same characters.
        on_exit_code: matches the exit code of the container: digits.
    """

    action: RetryAction = RetryAction.RETRY
    on_status_reason: str | None = None
    on_reason: str | None = None
    on_exit_code: str | None = None

    @classmethod
    def spot_reclaimed(cls) -> "RetryRule":
        """Tries again when EC2 took the machine back."""
        return cls(on_status_reason="Host EC2*")

    @classmethod
    def image_not_pulled(cls) -> "RetryRule":
        """Tries again when the image could not be pulled."""
        return cls(on_reason="CannotPullContainerError:*")

    @classmethod
    def exit_code(cls, code: int) -> "RetryRule":
        """Tries again when the container ended with this exit code, such as 143 for saved and stopped."""
        return cls(on_exit_code=str(code))

    def problems(self) -> Iterator[Problem]:
        """Yields every value that AWS would refuse."""
        yield from check_choice(("action",), self.action, RetryAction)
        patterns = {
            "on_status_reason": (self.on_status_reason, _REASON),
            "on_reason": (self.on_reason, _REASON),
            "on_exit_code": (self.on_exit_code, _EXIT_CODE),
        }
        if all(pattern is None for pattern, _ in patterns.values()):
            yield Problem(("on_reason",), None, "one pattern or more")
        for name, (pattern, form) in patterns.items():
            if pattern is not None:
                characters = "digits" if name == "on_exit_code" else "letters, digits, dots, colons and spaces"
                allowed = f"1 to {MAX_PATTERN} {characters}, of which the last may be *"
                yield from check_text((name,), pattern, form.fullmatch, allowed)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRetries:
    """How often a job is tried, and after which failures. Whatever no rule names lets the job fail.

    Left to itself, AWS tries again after every failure that no rule names; a last rule is added that ends that.

    Args:
        attempts: how often in all, 1 to 10.
        rules: at most four; the first that matches counts. By default Spot reclaims and images that were not pulled.
    """

    attempts: int = 3
    rules: Sequence[RetryRule] = (RetryRule.spot_reclaimed(), RetryRule.image_not_pulled())

    def problems(self) -> Iterator[Problem]:
        """Yields every value that AWS would refuse."""
        yield from check_whole_number(("attempts",), self.attempts, 1, MAX_ATTEMPTS)
        if isinstance(self.rules, str) or not isinstance(self.rules, Sequence):
            yield Problem(("rules",), self.rules, "a list of RetryRule")
            return
        if len(self.rules) >= MAX_RULES:
            allowed = f"at most {MAX_RULES - 1} rules, as AWS takes {MAX_RULES} and the last lets all else fail"
            yield Problem(("rules",), f"{len(self.rules)} rules", allowed)
        for index, rule in enumerate(self.rules):
            if isinstance(rule, RetryRule):
                for problem in rule.problems():
                    yield problem.within("rules", index)
            else:
                yield Problem(("rules", index), rule, "a RetryRule")


DEFAULT_RETRIES: Final = JobRetries()
