"""Findings of a run: the verdict on each fact, and what was seen."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from fairlane_client.verify.facts import FACTS
from fairlane_lambda.aws_errors import error_name

CONFIRMED: Final = "confirmed"
REFUTED: Final = "refuted"
NOT_SETTLED: Final = "not settled"
_NOT_REACHED: Final = "the run ended before this check"


class Unsettled(Exception):  # noqa: N818
    """End of a check without an answer. Its text is the reason."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Verdict on a fact.

    Attributes:
        verdict: `CONFIRMED`, `REFUTED` or `NOT_SETTLED`.
        seen: What the account answered or, of a fact that is not settled, the reason.
    """

    verdict: str
    seen: str


class Findings:
    """Verdicts on all facts. A fact without a verdict is not settled."""

    def __init__(self) -> None:
        self._findings = {fact.id: Finding(NOT_SETTLED, fact.reason or _NOT_REACHED) for fact in FACTS.values()}

    def __getitem__(self, fact: str) -> Finding:
        return self._findings[fact]

    def settle(self, fact: str, holds: bool, seen: str) -> None:
        """Settle a fact.

        Args:
            fact: ID of the fact, which can be settled.
            holds: True if what was seen confirms the fact. False refutes it.
            seen: What the account answered.
        """
        self._record(fact, Finding(CONFIRMED if holds else REFUTED, seen))

    @contextmanager
    def check(self, *facts: str) -> Iterator[None]:
        """Run a check of facts. An error is the reason of those that the check left open."""
        try:
            yield
        except Exception as error:  # the other checks go on
            reason = describe_error(error)
            for fact in facts:
                if self._findings[fact] == Finding(NOT_SETTLED, _NOT_REACHED):
                    self._record(fact, Finding(NOT_SETTLED, reason))

    def _record(self, fact: str, finding: Finding) -> None:
        if FACTS[fact].reason:
            raise ValueError(f"{fact} cannot be settled")
        self._findings[fact] = finding


def describe_error(error: Exception) -> str:
    """Return the reason why a check ended: for a failed call, its name and code.

    The message of an error of AWS is left out, because it can contain parts of jobs.
    """
    if isinstance(error, Unsettled):
        return str(error)
    if isinstance(error, BotoCoreError | ClientError):
        operation = getattr(error, "operation_name", "")
        return f"{operation}: {error_name(error)}" if operation else error_name(error)
    return f"an answer has another form than expected: {type(error).__name__} {error}"
