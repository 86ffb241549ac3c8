"""Environment-file models of `scheduling`: policies and quota shares."""

from abc import ABC, abstractmethod
from typing import Annotated, Final, Literal, get_args

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from fairlane.environment.base import Model, StateField, batch_state
from fairlane.scheduling import (
    FairShare,
    Fifo,
    QuotaManagement,
    QuotaShare,
    SchedulingPolicy,
    Sharing,
)


class QuotaShareModel(Model, title="quota share"):
    """Quota share: capacity that one team owns."""

    capacity: dict[str, int]
    """Number of instances that the share owns of each ml.* instance type, 1 or more of each; 1 to 5 types. Required."""
    sharing: Annotated[Sharing, Field(strict=False)]
    """RESERVE keeps idle capacity for the share. LEND lends it to other shares. LEND_AND_BORROW also borrows idle
    capacity of other shares. Required."""
    borrow_limit: int | None = None
    """Most capacity that the share borrows, in percent of its own capacity of each type, 0 or more. Only with
    LEND_AND_BORROW. Default: no limit."""
    in_share_preemption: bool = False
    """`true` lets a waiting job stop a running job of lower priority in the same share. Default: false."""
    state: StateField = "enabled"
    """A draining share takes no new jobs; its jobs can finish. Default: enabled."""

    def build(self, name: str) -> QuotaShare:
        """Return the share as an object of `fairlane.scheduling`."""
        return QuotaShare(name=name, **{**dict(self), "state": batch_state(self.state)})


class SchedulingModel(Model, ABC):
    """Scheduling policy of a queue."""

    @abstractmethod
    def build(self) -> SchedulingPolicy:
        """Return the policy as an object of `fairlane.scheduling`."""


class FifoModel(SchedulingModel, title="fifo policy"):
    """Jobs start in the order of their submission."""

    policy: Literal["fifo"]
    """Name of the policy: fifo, fair-share or quota-management. Required."""

    def build(self) -> Fifo:
        """Return the policy as an object of `fairlane.scheduling`."""
        return Fifo()


class FairShareModel(SchedulingModel, title="fair-share policy"):
    """Share identifiers divide the queue over time; no job is preempted."""

    policy: Literal["fair-share"]
    """Name of the policy: fifo, fair-share or quota-management. Required."""
    weight_factors: dict[str, float] | None = None
    """Weight factor of each share identifier, 0.0001 to 999.9999; a lower factor means more capacity. Required without
    `proportions`."""
    proportions: dict[str, float] | None = None
    """Positive number for each share identifier; a higher number means more capacity. Replaces `weight_factors`."""
    share_decay_seconds: int | None = None
    """Number of seconds for which past use counts against a share, 0 to 604,800. Default: not set."""
    compute_reservation: int | None = None
    """Percentage of the capacity that AWS Batch reserves for shares without jobs, 0 to 99. Default: not set."""

    @model_validator(mode="after")
    def _require_weights_or_proportions(self) -> "FairShareModel":
        if self.weight_factors is None and self.proportions is None:
            raise PydanticCustomError("relation", "fair-share requires weight_factors or proportions")
        if self.weight_factors is not None and self.proportions is not None:
            raise PydanticCustomError("relation", "weight_factors and proportions exclude each other: use one of them")
        return self

    def build(self) -> FairShare:
        """Return the policy as an object of `fairlane.scheduling`."""
        rest = {"share_decay_seconds": self.share_decay_seconds, "compute_reservation": self.compute_reservation}
        if self.proportions is not None:
            return FairShare.by_proportion(self.proportions, **rest)
        return FairShare(self.weight_factors or {}, **rest)


class QuotaManagementModel(SchedulingModel, title="quota-management policy"):
    """Quota shares own capacity, lend it while it is idle, and take it back by preemption."""

    policy: Literal["quota-management"]
    """Name of the policy: fifo, fair-share or quota-management. Required."""
    shares: dict[str, QuotaShareModel]
    """1 to 20 quota shares, by name. Required."""

    def build(self) -> QuotaManagement:
        """Return the policy as an object of `fairlane.scheduling`."""
        return QuotaManagement(*(share.build(name) for name, share in self.shares.items()))


POLICIES: Final[list[str]] = [
    get_args(model.model_fields["policy"].annotation)[0] for model in (FifoModel, FairShareModel, QuotaManagementModel)
]
"""Values of the key `policy`."""
SchedulingField = Annotated[FifoModel | FairShareModel | QuotaManagementModel, Field(discriminator="policy")]
