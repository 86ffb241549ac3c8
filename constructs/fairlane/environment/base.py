"""Base model and fields shared by several parts of an environment file."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Tag, model_validator
from pydantic_core import PydanticCustomError

from fairlane.errors import Problem
from fairlane.scheduling import State


class Model(BaseModel):
    """Base of all models of an environment file: refuses unknown keys and converts no types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: object) -> object:
        if isinstance(data, dict) and (unknown := [key for key in data if key not in cls.model_fields]):
            context = {"keys": list(cls.model_fields), "unknown": unknown}
            raise PydanticCustomError("unknown_keys", "unknown keys", context)
        return data


def branch(tag: str, *keys: str, otherwise: str) -> Discriminator:
    """Return a discriminator of a union, so that pydantic reports the errors of one branch only.

    Args:
        tag: Tag of the branch for mappings that have one of the keys.
        keys: Keys that only this branch has. Default: the branch is for all mappings.
        otherwise: Tag of the branch for all other values.
    """
    return Discriminator(
        lambda value: (
            tag if isinstance(value, Mapping) and (not keys or any(key in value for key in keys)) else otherwise
        )
    )


def entry_problem(problem: Problem, name: str) -> Problem:
    """Return a problem of an entry. The entry's key is its name, so that a problem of the name is at the key."""
    return replace(problem, field=()) if problem.field == (name,) else problem


CapacityField = Annotated[
    Annotated[int, Tag("<number>")] | Annotated[dict[str, int], Tag("<mapping>")],
    branch("<mapping>", otherwise="<number>"),
]
StateField = Literal["enabled", "draining"]


def batch_state(state: StateField) -> State:
    """Return the state of AWS Batch."""
    return State.DISABLED if state == "draining" else State.ENABLED
