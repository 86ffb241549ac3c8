"""The part of an environment file that says who goes next: policies, shares and time-limit actions."""

from abc import ABC, abstractmethod
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from fairlane.environment.base import Model, StateField, state_of
from fairlane.scheduling import (
    FairShare,
    Fifo,
    QuotaManagement,
    QuotaShare,
    SchedulingPolicy,
    Sharing,
)


class QuotaShareModel(Model):
    """A quota share: capacity that one team owns."""

    capacity: dict[str, int]
    """Instances that the share owns, 1 or more of each ml.* type, at most five types."""
    sharing: Annotated[Sharing, Field(strict=False)]
    """What the share does with idle capacity."""
    borrow_limit: int | None = None
    """The most that it may borrow, in percent of its own capacity; without limit if absent."""
    in_share_preemption: bool = False
    """Whether a waiting job may stop one of lower priority in the same share."""
    state: StateField = "enabled"
    """A draining share takes no new jobs; those that it has may finish."""

    def build(self, name: str) -> QuotaShare:
        """The share as a `fairlane.scheduling` object."""
        return QuotaShare(name=name, **{**dict(self), "state": state_of(self.state)})


class SchedulingModel(Model, ABC):
    """Who goes next when several wait."""

    @abstractmethod
    def build(self) -> SchedulingPolicy:
        """The policy as a `fairlane.scheduling` object."""


class FifoModel(SchedulingModel):
    """Jobs start in the order of their submission."""

    policy: Literal["fifo"]

    def build(self) -> Fifo:
        """The policy as a `fairlane.scheduling` object."""
        return Fifo()


class FairShareModel(SchedulingModel):
    """Share identifiers divide the queue over time; nothing is preempted."""

    policy: Literal["fair-share"]
    weight_factors: dict[str, float] | None = None
    """AWS's weight factor for each share identifier, 0.0001 to 999.9999; lower means more."""
    proportions: dict[str, float] | None = None
    """Instead of weight factors: a number for each share identifier; higher means more."""
    share_decay_seconds: int | None = None
    """How long past use counts, 0 to 604800 seconds."""
    compute_reservation: int | None = None
    """Percentage kept free for shares without jobs, 0 to 99."""

    @model_validator(mode="after")
    def _takes_one_of_two(self) -> "FairShareModel":
        if (self.weight_factors is None) == (self.proportions is None):
            raise PydanticCustomError("one_of_two", "either weight_factors or proportions")
        return self

    def build(self) -> FairShare:
        """The policy as a `fairlane.scheduling` object."""
        rest = {"share_decay_seconds": self.share_decay_seconds, "compute_reservation": self.compute_reservation}
        if self.proportions is not None:
            return FairShare.by_proportion(self.proportions, **rest)
        return FairShare(self.weight_factors or {}, **rest)


class QuotaManagementModel(SchedulingModel):
    """Quota shares own capacity, lend it while idle and take it back by preemption."""

    policy: Literal["quota-management"]
    shares: dict[str, QuotaShareModel]
    """The shares by name, 1 to 20."""

    def build(self) -> QuotaManagement:
        """The policy as a `fairlane.scheduling` object."""
        return QuotaManagement(*(share.build(name) for name, share in self.shares.items()))
