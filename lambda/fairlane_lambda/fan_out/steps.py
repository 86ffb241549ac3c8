"""Steps that rank the candidate Regions of a line."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Step(StrEnum):
    """Step that ranks candidates. A value that is unknown ranks last."""

    RESERVED = "reserved"
    """Candidates whose free instances of training plans and capacity reservations suffice for the job first."""
    IDLE = "idle"
    """Candidates whose queue has enough idle capacity for the job first."""
    SPOT_SCORE = "spot-score"
    """Candidates with the higher Spot placement score of Amazon EC2 first, 10 to 1. A hint only: AWS publishes no score
    for SageMaker."""
    PRICE = "price"
    """Candidates with the lower cost first: the on-demand price of all instances and hours, plus transfer and copy of
    the data. A line without `hours` counts as one hour, and one without `data_gb` as data without transfer."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Order of the steps that rank candidates.

    A step decides only between candidates that are equal in all steps before it. Candidates that are equal in all steps
    keep their order in the line.

    Args:
        steps: Steps, the most important first. Default: all, in the order of `Step`.

    Raises:
        ValueError: If a step is listed twice.
    """

    steps: tuple[Step, ...] = tuple(Step)

    def __post_init__(self) -> None:
        for index, step in enumerate(self.steps):
            if step in self.steps[:index]:
                raise ValueError(f"placement[{index}]: {step} is listed twice: list each step once")

    @classmethod
    def parse(cls, names: Iterable[str]) -> "Placement":
        """Return the placement with steps of these names.

        Raises:
            ValueError: If a step is unknown, or listed twice.
        """
        given = tuple(names)
        for index, name in enumerate(given):
            if name not in tuple(Step):
                raise ValueError(f"placement[{index}]: {name} is unknown; use {', '.join(Step)}")
        return cls(tuple(map(Step, given)))
