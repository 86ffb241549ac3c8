"""Reasons why a job waits."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple


class Reason(StrEnum):
    """Reason why a job waits."""

    CAPACITY_FULL = "capacity-full"
    """Too little capacity is free for the job."""
    SHARE_ABOVE_ENTITLEMENT = "share-above-entitlement"
    """The share holds more than its part while a job of another share is first. With quota management: the job does
    not fit into the share's own capacity and what it may borrow now."""
    HEAD_BLOCKED = "head-blocked"
    """Capacity for the job is free, and a job before it cannot start. Or AWS reports that the job itself is blocked."""
    CANNOT_FIT = "cannot-fit"
    """The job is larger than each environment of the queue, or than what its share can own and borrow."""
    DEPENDENCY = "dependency"
    """Jobs that the job depends on have not succeeded yet."""
    RETRY = "retry-back-off"
    """An attempt failed, nothing else is in the way, and AWS Batch starts the next attempt."""
    DISABLED = "disabled"
    """The queue, the share, or all environments of the queue are disabled."""
    STARTS_NEXT = "starts-next"
    """Nothing is wrong. The job starts in the next pass of AWS Batch, or after the preemption of other jobs."""
    UNKNOWN = "unknown"
    """The answers of AWS do not decide between several reasons."""


SENTENCES: Final[Mapping[Reason, str]] = {
    Reason.CAPACITY_FULL: "the capacity is full",
    Reason.SHARE_ABOVE_ENTITLEMENT: "its share is above its entitlement",
    Reason.HEAD_BLOCKED: "the head of the queue is blocked",
    Reason.CANNOT_FIT: "the job cannot fit",
    Reason.DEPENDENCY: "it depends on other jobs",
    Reason.RETRY: "it waits for its next attempt",
    Reason.DISABLED: "the queue, the share or its capacity is disabled",
    Reason.STARTS_NEXT: "nothing is wrong: it starts next",
    Reason.UNKNOWN: "AWS does not report enough",
}
"""Short sentence of each reason, for people."""


class Verdict(NamedTuple):
    """Reason of a job, with its explanation.

    Attributes:
        reason: Reason.
        text: Explanation.
        starts: Event that would start the job. Empty if it is unknown.
        inferred: True if AWS does not report the reason, so that it follows from other answers.
    """

    reason: Reason
    text: str
    starts: str = ""
    inferred: bool = True
