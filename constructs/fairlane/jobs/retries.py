"""Retries of failed job attempts. Imports no aws_cdk."""

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
    """Action after a failed attempt of a job: another attempt, or the end of the job."""

    RETRY = "RETRY"
    EXIT = "EXIT"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """Action after failed attempts that match all given patterns. At least one pattern is required.

    Source: `EvaluateOnExit` in the Batch API.

    Args:
        action: Action of the rule: RETRY for another attempt, EXIT to fail the job. Default: RETRY.
        on_status_reason: Pattern for the status reason of the attempt, 1 to 512 letters, digits, dots, colons and
            spaces. `*` at the end matches any text. Default: none.
        on_reason: Pattern for the reason of the container, 1 to 512 letters, digits, dots, colons and spaces. `*` at
            the end matches any text. Default: none.
        on_exit_code: Pattern for the exit code of the container, 1 to 512 digits, for example "143". `*` at the end
            matches any digits. Default: none.
    """

    action: RetryAction = RetryAction.RETRY
    on_status_reason: str | None = None
    on_reason: str | None = None
    on_exit_code: str | None = None

    @classmethod
    def spot_reclaimed(cls) -> "RetryRule":
        """Return a rule that retries after EC2 reclaims the instance."""
        return cls(on_status_reason="Host EC2*")

    @classmethod
    def image_not_pulled(cls) -> "RetryRule":
        """Return a rule that retries after a failed image pull."""
        return cls(on_reason="CannotPullContainerError:*")

    @classmethod
    def exit_code(cls, code: int) -> "RetryRule":
        """Return a rule that retries after an exit code, for example 143 of a container that saved and stopped."""
        return cls(on_exit_code=str(code))

    def problems(self) -> Iterator[Problem]:
        """Yield the values that AWS would refuse."""
        yield from check_choice(("action",), self.action, RetryAction)
        patterns = {
            "on_status_reason": (self.on_status_reason, _REASON),
            "on_reason": (self.on_reason, _REASON),
            "on_exit_code": (self.on_exit_code, _EXIT_CODE),
        }
        if all(pattern is None for pattern, _ in patterns.values()):
            yield Problem(("on_reason",), None, "one or more of on_status_reason, on_reason and on_exit_code")
        for name, (pattern, form) in patterns.items():
            if pattern is not None:
                characters = "digits" if name == "on_exit_code" else "letters, digits, dots, colons and spaces"
                allowed = f"1 to {MAX_PATTERN} {characters}, with an optional * at the end"
                yield from check_text((name,), pattern, form.fullmatch, allowed)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRetries:
    """Number of attempts of a job, and the failures after which AWS Batch tries again. Other failures end the job.

    Without a last rule, AWS Batch retries after failures that match no rule. Fairlane adds a last rule that ends the
    job.

    Args:
        attempts: Number of attempts in all, 1 to 10. Default: 3.
        rules: Retry rules, at most 4. The first rule that matches a failure applies. Default: retries after Spot
            reclaims and failed image pulls.
    """

    attempts: int = 3
    rules: Sequence[RetryRule] = (RetryRule.spot_reclaimed(), RetryRule.image_not_pulled())

    def problems(self) -> Iterator[Problem]:
        """Yield the values that AWS would refuse."""
        yield from check_whole_number(("attempts",), self.attempts, 1, MAX_ATTEMPTS)
        if isinstance(self.rules, str) or not isinstance(self.rules, Sequence):
            yield Problem(("rules",), self.rules, "a list of RetryRule")
            return
        if len(self.rules) >= MAX_RULES:
            sentence = (
                f"{len(self.rules)} rules are too many: use at most {MAX_RULES - 1}, because AWS Batch accepts "
                f"{MAX_RULES} and Fairlane adds a last rule"
            )
            yield Problem.relation(("rules",), sentence)
        for index, rule in enumerate(self.rules):
            if isinstance(rule, RetryRule):
                for problem in rule.problems():
                    yield problem.within("rules", index)
            else:
                yield Problem(("rules", index), rule, "a RetryRule")


DEFAULT_RETRIES: Final = JobRetries()
