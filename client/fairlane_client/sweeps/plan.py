"""Plan of a sweep: its space, metric, sampler and stop rule."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from json import dumps
from typing import Any, Final, Literal

from fairlane.errors import Problem
from fairlane_client.sweeps.manifest import Point
from fairlane_client.sweeps.space import MAX_POINTS, grid_points, is_grid, space_problems
from fairlane_client.sweeps.stop_rules import check_whole, stop_problems

SAMPLERS: Final = ("random", "sobol", "tpe", "cma-es")
_LONGEST_NUMBER: Final = -1.2345678901234567e-100
_ID: Final = re.compile(r"[a-z][a-z0-9-]{0,63}")
_METRIC: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Plan:
    """Plan of a sweep. `Sweep` describes the arguments."""

    sweep_id: str
    space: Mapping[str, Any]
    metric: str
    direction: Literal["maximize", "minimize"]
    repeat: int
    sampler: str | None
    points: int | None
    parallel: int | None
    seed: int
    stop: Mapping[str, Any] | None

    def problems(self) -> Iterator[Problem]:
        """Yield the mistakes of the plan."""
        if not isinstance(self.sweep_id, str) or not _ID.fullmatch(self.sweep_id):
            allowed = "1 to 64 lower-case letters, digits and hyphens, a letter first"
            yield Problem(("sweep_id",), self.sweep_id, allowed)
        yield from check_whole("repeat", self.repeat, 1, 1000)
        yield from space_problems(self.space, repeat=self.repeat if isinstance(self.repeat, int) else 1)
        if not isinstance(self.metric, str) or not _METRIC.fullmatch(self.metric):
            yield Problem(("metric",), self.metric, "a name of letters, digits and underscores")
        if self.direction not in ("maximize", "minimize"):
            yield Problem(("direction",), self.direction, "maximize or minimize")
        yield from check_whole("seed", self.seed, 0, 1_000_000_000)
        yield from self._sampler_problems()
        if self.stop is not None:
            yield from (problem.within("stop") for problem in stop_problems(self.stop))

    @property
    def total(self) -> int:
        """Number of points."""
        if self.sampler is not None:
            return self.points or 0
        return math.prod(len(values) for values in self.space.values()) * self.repeat

    def grid(self) -> list[Point]:
        """Return all points of a grid."""
        return [Point(index, parameters) for index, parameters in enumerate(grid_points(self.space, self.repeat))]

    def largest_point(self) -> Point:
        """Return the point with the longest text. It is a point of the grid; of a sampler, none is longer."""
        longest = {
            name: _LONGEST_NUMBER if isinstance(values, Mapping) else max(values, key=lambda value: len(dumps(value)))
            for name, values in self.space.items()
        }
        return Point(self.total - 1, longest)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON members."""
        space = {name: {**v} if isinstance(v, Mapping) else [*v] for name, v in self.space.items()}
        members = {field.name: getattr(self, field.name) for field in fields(self)}
        return members | {"space": space, "stop": None if self.stop is None else {**self.stop}}

    def _sampler_problems(self) -> Iterator[Problem]:
        if self.sampler is None:
            if isinstance(self.space, Mapping) and not is_grid(self.space):
                yield Problem.relation(("sampler",), f"ranges require a sampler: use {', '.join(SAMPLERS)}")
            for name in ("points", "parallel"):
                if getattr(self, name) is not None:
                    yield Problem.relation((name,), "requires a sampler: a grid runs all its points")
            return
        if self.sampler not in SAMPLERS:
            yield Problem(("sampler",), self.sampler, ", ".join(SAMPLERS))
        if self.repeat != 1:
            yield Problem.relation(("repeat",), "requires a grid: a sampler chooses each point")
        yield from check_whole("points", self.points, 1, MAX_POINTS)
        if self.parallel is not None:
            yield from check_whole("parallel", self.parallel, 1, 10_000)
