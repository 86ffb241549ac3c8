"""Base model and fields that several parts of an environment file share."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Tag, model_validator
from pydantic_core import PydanticCustomError

from fairlane.errors import Problem
from fairlane.scheduling import State


class Model(BaseModel):
    """What all parts of an environment file have in common: no unknown keys, no guessed types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: object) -> object:
        if isinstance(data, dict) and (unknown := [key for key in data if key not in cls.model_fields]):
            known = ", ".join(cls.model_fields)
            raise PydanticCustomError("unknown_keys", "{known}", {"known": known, "unknown": unknown})
        return data


def branch(of: str, *keys: str, otherwise: str) -> Discriminator:
    """Takes the branch `of` a union for mappings with one of the keys: a plain union reports errors of both."""
    return Discriminator(
        lambda value: (
            of if isinstance(value, Mapping) and (not keys or any(key in value for key in keys)) else otherwise
        )
    )


def of_key(problem: Problem, name: str) -> Problem:
    """The problem of a name that stands in the file as a key: it is the whole entry's."""
    return replace(problem, field=()) if problem.field == (name,) else problem


CapacityField = Annotated[
    Annotated[int, Tag("<number>")] | Annotated[dict[str, int], Tag("<mapping>")],
    branch("<mapping>", otherwise="<number>"),
]
StateField = Literal["enabled", "draining"]


def state_of(state: StateField) -> State:
    """The state in AWS's words."""
    return State.DISABLED if state == "draining" else State.ENABLED
