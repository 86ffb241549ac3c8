"""Statement about AWS that is unverified."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """Statement about AWS that was not compared with AWS.

    Attributes:
        id: ID of the fact.
        sentence: Statement.
        stated: Files that state it.
        how: Check that settles it. Empty if the command cannot settle it.
        reason: Reason why the command cannot settle it. Empty if it can.
    """

    id: str
    sentence: str
    stated: tuple[str, ...]
    how: str = ""
    reason: str = ""
