"""Jobs of a HyperPod cluster for rehearsals, of one size or elastic."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from math import lcm
from typing import Final

from fairlane._internal.checks import check_flag, check_number, check_text, check_whole_number
from fairlane.errors import Path, Problem
from fairlane.hyperpod.elastic_job import MAX_REPLICAS, ElasticPolicy

MAX_PRIORITY: Final = 100
_MAX_SECONDS: Final = 10**11
_MAX_TOKENS: Final = 10**12


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterJob:
    """Job of a trace for a HyperPod cluster. One replica of a job is one instance.

    A job with `step` or `sizes` is elastic. Its speed at each size follows from `tokens_per_second`, with straight
    lines between the sizes that it states. Without, the speed is in proportion to the size.

    Args:
        team: Name of the team.
        submit: Time of submission in whole seconds from any origin, 0 or more.
        run: Number of seconds that the job works at its first size, 1 or more.
        instances: Number of instances of a job of one size, or first size of an elastic job. Default: the smallest
            size, or 1.
        instance_type: Instance type. Default: the only instance type of the team's quota.
        priority_class: Class of the cluster. Default: none.
        priority: Priority of a job without class, 0 to 100. Default: 0.
        parts: True if the first size of an elastic job has the class `base` and the rest the class `elastic`, so that
            the rest is preempted first. Default: False, and all instances have the same priority.
        min_instances: Smallest size of an elastic job. Default: the first of `sizes`.
        max_instances: Largest size of an elastic job. Default: the last of `sizes`.
        step: Number of instances between two sizes. Mutually exclusive with `sizes`.
        static_instances: Size that an elastic job has in a comparison without elasticity. Default: the first size.
        sizes: Sizes in ascending order. Mutually exclusive with `step`.
        tokens_per_second: Tokens per second by size, with the smallest and the largest size. Default: none.
        checkpoint: Number of seconds of work between checkpoints, 1 or more. Default: no checkpoints.
        checkpoint_seconds: Number of seconds in which an elastic job ends a step and saves a checkpoint before its size
            changes. Default: 0.
        restart_seconds: Number of seconds from the start of processes to the first step after a change of the size or a
            preemption. Default: 0.
        graceful_shutdown_seconds: Number of seconds after which the processes of an elastic job are killed, with the
            loss of all work since the last checkpoint. Default: 600.
        scaling_timeout_seconds: Number of seconds before an elastic job grows. Default: 60.
        scale_up_snooze_seconds: Number of seconds after a restart in which an elastic job does not ask for instances.
            Default: 600.
        name: Name in reports. Default: none.
    """

    team: str
    submit: int
    run: int
    instances: int | None = None
    instance_type: str = ""
    priority_class: str = ""
    priority: int = 0
    parts: bool = False
    min_instances: int | None = None
    max_instances: int | None = None
    step: int | None = None
    static_instances: int | None = None
    sizes: Sequence[int] = ()
    tokens_per_second: Mapping[int, float] = field(default_factory=dict)
    checkpoint: int | None = None
    checkpoint_seconds: int = 0
    restart_seconds: int = 0
    graceful_shutdown_seconds: int = 600
    scaling_timeout_seconds: int = 60
    scale_up_snooze_seconds: int = 600
    name: str = ""

    @property
    def is_elastic(self) -> bool:
        """True if the job has several sizes, or states that it is elastic."""
        return bool(self.sizes) or any(each is not None for each in (self.min_instances, self.max_instances, self.step))

    @property
    def policy(self) -> ElasticPolicy:
        """Sizes and times of the job. A job that is not elastic has one size."""
        sizes = self.sizes or (() if self.is_elastic else (self.instances or 1,))
        return ElasticPolicy(
            min_replicas=sizes[0] if self.min_instances is None and sizes else self.min_instances or 0,
            max_replicas=sizes[-1] if self.max_instances is None and sizes else self.max_instances or 0,
            replica_increment_step=self.step,
            replica_discrete_values=sizes or None,
            graceful_shutdown_timeout_seconds=self.graceful_shutdown_seconds,
            scaling_timeout_seconds=self.scaling_timeout_seconds,
        )

    @property
    def first_size(self) -> int:
        """Number of instances at the start."""
        return self.policy.sizes[0] if self.instances is None else self.instances

    def rates(self) -> dict[int, Fraction]:
        """Return the work of a second by size: tokens, or instance-seconds without `tokens_per_second`."""
        sizes = self.policy.sizes
        if not self.tokens_per_second:
            return {size: Fraction(size) for size in sizes}
        stated = {size: Fraction(str(rate)) for size, rate in sorted(self.tokens_per_second.items())}
        rates: dict[int, Fraction] = {}
        for low, high in pairwise(stated):
            slope = (stated[high] - stated[low]) / (high - low)
            rates |= {size: stated[low] + slope * (size - low) for size in sizes if low <= size <= high}
        return rates or stated

    def problems(self) -> Iterator[Problem]:
        """Yield the problems of the values."""
        yield from check_text(("team",), self.team, bool, "the name of a team")
        yield from check_whole_number(("submit",), self.submit, 0, _MAX_SECONDS)
        yield from check_whole_number(("run",), self.run, 1, _MAX_SECONDS, unit="seconds")
        yield from check_whole_number(("priority",), self.priority, 0, MAX_PRIORITY)
        yield from check_flag(("parts",), self.parts)
        if self.checkpoint is not None:
            yield from check_whole_number(("checkpoint",), self.checkpoint, 1, _MAX_SECONDS, unit="seconds")
        for name in ("checkpoint", "restart", "graceful_shutdown", "scaling_timeout", "scale_up_snooze"):
            key = f"{name}_seconds"
            yield from check_whole_number((key,), getattr(self, key), 0, _MAX_SECONDS, unit="seconds")
        if self.priority_class and self.priority:
            yield Problem.relation(
                ("priority",), "a job with a class has the priority of the class: remove one of them"
            )
        if self.parts and (self.priority_class or self.priority):
            yield Problem.relation(
                ("parts",), "the parts have priorities of their own: remove the class and the priority"
            )
        if self.static_instances is not None and not self.is_elastic:
            sentence = "only elastic jobs have another size without elasticity: state step or sizes, or remove it"
            yield Problem.relation(("static_instances",), sentence)
        if self.parts and not self.is_elastic:
            yield Problem.relation(("parts",), "only elastic jobs have parts: state step or sizes, or remove parts")
        numbers = [*self._size_problems()]
        yield from numbers
        if not numbers:
            yield from self._tokens_problems()

    def _size_problems(self) -> Iterator[Problem]:
        before = 0
        for size in self.sizes:
            if not _is_size(size):
                yield Problem(("sizes",), size, f"whole numbers, 1 to {MAX_REPLICAS:,}")
                return
            if size <= before:
                allowed = "sizes in ascending order, each of them once"
                yield Problem(("sizes",), ";".join(map(str, self.sizes)), allowed)
                return
            before = size
        given: dict[Path, int | None] = {
            ("min_instances",): self.min_instances,
            ("max_instances",): self.max_instances,
            ("step",): self.step,
            ("instances",): self.instances,
            ("static_instances",): self.static_instances,
        }
        wrong = [
            problem
            for path, number in given.items()
            if number is not None
            for problem in check_whole_number(path, number, 1, MAX_REPLICAS)
        ]
        yield from wrong
        if not wrong and self.is_elastic:
            yield from self._elastic_problems()

    def _elastic_problems(self) -> Iterator[Problem]:
        if self.sizes and self.step is not None:
            yield Problem.relation(("step",), "step and sizes exclude each other: use one of them")
            return
        if not self.sizes and self.step is None:
            yield Problem.relation(("step",), "an elastic job needs step or sizes: state one of them")
            return
        if not self.sizes:
            for name, number in (("min_instances", self.min_instances), ("max_instances", self.max_instances)):
                if number is None:
                    yield Problem((name,), None, "a number of instances, because the job has a step")
            if self.min_instances is None or self.max_instances is None or self.step is None:
                return
        policy = self.policy
        low, high = policy.min_replicas, policy.max_replicas
        if low > high:
            yield Problem(("min_instances",), low, f"a number up to the maximum of {high}")
            return
        if self.step is not None and (high - low) % self.step:
            reached = low + (high - low) // self.step * self.step
            yield Problem(("max_instances",), high, f"a size that the step reaches: {reached} or {reached + self.step}")
        elif self.sizes and (self.sizes[0], self.sizes[-1]) != (low, high):
            sentence = (
                f"the sizes are {self.sizes[0]} to {self.sizes[-1]}, but the minimum is {low} and the maximum {high}"
            )
            yield Problem.relation(("sizes",), f"{sentence}: use the same numbers, or state the sizes only")
        else:
            for name, number in (("instances", self.instances), ("static_instances", self.static_instances)):
                if number is not None and number not in policy.sizes:
                    yield Problem((name,), number, f"a size of the job: {_listed(policy.sizes)}")

    def _tokens_problems(self) -> Iterator[Problem]:
        if not self.tokens_per_second:
            return
        sizes = self.policy.sizes
        for size, rate in self.tokens_per_second.items():
            if size not in sizes:
                yield Problem(("tokens_per_second",), size, f"a size of the job: {_listed(sizes)}")
            positive = [*check_number(("tokens_per_second",), rate, 0, _MAX_TOKENS)] or not rate
            if positive:
                yield Problem(("tokens_per_second",), rate, f"a number above 0, at most {_MAX_TOKENS:,}")
        for size in dict.fromkeys((sizes[0], sizes[-1])):
            if size not in self.tokens_per_second:
                sentence = f"the size {size} has no tokens per second: state those of the smallest and the largest size"
                yield Problem.relation(("tokens_per_second",), sentence)


def whole_rates(rates: Mapping[int, Fraction]) -> tuple[dict[int, int], int]:
    """Return rates as whole numbers, and the number by which they are multiplied."""
    factor = lcm(*(rate.denominator for rate in rates.values()))
    return {size: rate.numerator * (factor // rate.denominator) for size, rate in rates.items()}, factor


def _is_size(size: object) -> bool:
    return isinstance(size, int) and not isinstance(size, bool) and 1 <= size <= MAX_REPLICAS


def _listed(sizes: Sequence[int]) -> str:
    return ", ".join(map(str, sizes)) if len(sizes) <= 8 else f"{sizes[0]}, {sizes[1]} to {sizes[-1]}"
