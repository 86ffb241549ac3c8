"""Rules of the sizes of an elastic job, of its parts and of its times. Imports no aws_cdk.

`manifest_rules` applies the same rules to manifests, with the field names of Kubernetes.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from fairlane._internal.checks import alternatives, check_repeats, check_text, check_whole_number, listing
from fairlane._internal.tokens import is_token
from fairlane.errors import Problem
from fairlane.hyperpod.elastic_job import MAX_REPLICAS, ElasticPolicy, ReplicaPart, is_whole
from fairlane.hyperpod.team_objects import PART_PRIORITIES

LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""DNS label, the form of most names of Kubernetes."""
LABEL_TEXT: Final = "1 to 63 lower-case letters, digits and -, with a letter or digit at both ends"
SUBDOMAIN: Final = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
SUBDOMAIN_TEXT: Final = "1 to 253 lower-case letters, digits, - and ., with a letter or digit at both ends"
MAX_SECONDS: Final = 2**31 - 1
"""Largest number of seconds in a field of the training operator."""

_PARTS: Final = 2


def policy_problems(policy: ElasticPolicy) -> Iterator[Problem]:
    """Yield the mistakes in the sizes and times of a job. Values known only at deployment pass."""
    for name in ("min_replicas", "max_replicas"):
        yield from check_whole_number((name,), getattr(policy, name), 1, MAX_REPLICAS, unit="replicas")
    lowest, highest = policy.min_replicas, policy.max_replicas
    bounded = is_whole(lowest) and is_whole(highest) and min(lowest, highest) >= 1
    if bounded and lowest > highest:
        yield Problem.relation(
            ("min_replicas",),
            f"{lowest} is more than max_replicas, {highest}: lower min_replicas or raise max_replicas",
        )
    step, values = policy.replica_increment_step, policy.replica_discrete_values
    if step is not None and values is not None:
        sentence = "replica_increment_step and replica_discrete_values exclude each other: remove one of them"
        yield Problem.relation(("replica_increment_step",), sentence)
    elif step is None and values is None:
        yield Problem(("replica_increment_step",), None, "replica_increment_step or replica_discrete_values")
    if step is not None:
        yield from check_whole_number(("replica_increment_step",), step, 1, MAX_REPLICAS, unit="replicas")
        if bounded and is_whole(step) and 1 <= lowest <= highest and step >= 1 and (highest - lowest) % step:
            reached = lowest + (highest - lowest) // step * step
            sentence = f"steps of {step} from {lowest} do not reach {highest}: use {reached} or {reached + step}"
            yield Problem.relation(("max_replicas",), sentence)
    if values is not None:
        yield from _value_problems(policy)
    yield from _time_problems(policy)


def _time_problems(policy: ElasticPolicy) -> Iterator[Problem]:
    for name, least in (
        ("graceful_shutdown_timeout_seconds", 1),
        ("scaling_timeout_seconds", 0),
        ("faulty_scale_down_timeout_seconds", 0),
    ):
        seconds = getattr(policy, name)
        if seconds is not None or name != "faulty_scale_down_timeout_seconds":
            yield from check_whole_number((name,), seconds, least, MAX_SECONDS, unit="seconds")


def _value_problems(policy: ElasticPolicy) -> Iterator[Problem]:
    path, values = ("replica_discrete_values",), policy.replica_discrete_values
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        yield Problem(path, values, "a list of numbers of replicas")
        return
    mistakes = [
        problem
        for index, value in enumerate(values)
        for problem in check_whole_number((*path, index), value, 1, MAX_REPLICAS, unit="replicas")
    ]
    yield from mistakes
    if mistakes or any(map(is_token, values)):
        return
    yield from check_repeats(path, map(str, values), "size")
    if list(values) != sorted(values):
        yield Problem.relation(path, f"the sizes are not sorted: use {listing(map(str, sorted(set(values))))}")
    lowest, highest = policy.min_replicas, policy.max_replicas
    if not (is_whole(lowest) and is_whole(highest) and lowest <= highest):
        return
    for index, value in enumerate(values):
        if not lowest <= value <= highest:
            sentence = f"{value} is outside min_replicas and max_replicas, {lowest} to {highest}: remove it"
            yield Problem.relation((*path, index), sentence)
    inside = [value for value in values if lowest <= value <= highest]
    if inside and max(inside) != highest:
        sentence = f"no size reaches {highest}: add {highest} to replica_discrete_values or use {max(inside)}"
        yield Problem.relation(("max_replicas",), sentence)
    if inside and min(inside) != lowest:
        sentence = f"{lowest} is no size: add {lowest} to replica_discrete_values or use {min(inside)}"
        yield Problem.relation(("min_replicas",), sentence)


def part_problems(policy: ElasticPolicy, parts: Sequence[ReplicaPart]) -> Iterator[Problem]:
    """Yield the mistakes in the parts of a job, and parts that do not add up to the sizes of its policy.

    Args:
        policy: Sizes of the job.
        parts: Parts of the job: one with all replicas, or two.
    """
    mistakes = [
        problem.within("parts", index) for index, part in enumerate(parts) for problem in _single_problems(part)
    ]
    yield from mistakes
    if not mistakes:
        yield from check_repeats(("parts",), [part.part_name for part in parts], "part")
    if len(parts) > _PARTS:
        sentence = f"{len(parts)} parts: use one that keeps its replicas, and one that grows"
        yield Problem.relation(("parts",), sentence)
    elif not mistakes:
        yield from _sum_problems(policy, parts)
        if len(parts) == _PARTS:
            yield from _base_problems(policy, parts)
            yield from _priority_problems(parts)


def class_problems(priority_class: object, parts: Sequence[ReplicaPart]) -> Iterator[Problem]:
    """Yield a problem if a job has one class for all of its parts."""
    if priority_class is not None and len(parts) > 1:
        sentence = (
            "Kueue takes the class of the job before that of its pods, so that all parts have one priority: remove "
            "priority_class"
        )
        yield Problem.relation(("priority_class",), sentence)


def _single_problems(part: ReplicaPart) -> Iterator[Problem]:
    yield from check_text(("part_name",), part.part_name, LABEL.fullmatch, LABEL_TEXT)
    yield from check_whole_number(("replicas",), part.replicas, 0, MAX_REPLICAS, unit="replicas")
    if part.max_replicas is not None:
        yield from check_whole_number(("max_replicas",), part.max_replicas, 1, MAX_REPLICAS, unit="replicas")
        if is_whole(part.replicas) and is_whole(part.max_replicas) and part.replicas > part.max_replicas > 0:
            sentence = f"{part.replicas} is more than its maximum, {part.max_replicas}: use at most {part.max_replicas}"
            yield Problem.relation(("replicas",), sentence)
    if part.priority_class_name is not None:
        name = part.priority_class_name
        yield from check_text(("priority_class_name",), name, SUBDOMAIN.fullmatch, SUBDOMAIN_TEXT)


def _sum_problems(policy: ElasticPolicy, parts: Sequence[ReplicaPart]) -> Iterator[Problem]:
    start, most = sum(part.replicas for part in parts), sum(_most(part) for part in parts)
    if not is_whole(start) or not is_whole(most):
        return
    several = len(parts) > 1
    if policy.sizes and start not in policy.sizes:
        noun = f"the parts start with {start}, which" if several else f"{start}"
        sentence = f"{noun} is no size of the policy: use {listing(map(str, policy.sizes))}"
        yield Problem.relation(("parts",) if several else ("parts", 0, "replicas"), sentence)
    if is_whole(policy.max_replicas) and most != policy.max_replicas > 0:
        noun = f"the parts reach {most}" if several else f"{most}"
        sentence = f"{noun}, and the maximum of the policy is {policy.max_replicas}: use the same number"
        yield Problem.relation(("parts",) if several else ("parts", 0, "max_replicas"), sentence)


def _base_problems(policy: ElasticPolicy, parts: Sequence[ReplicaPart]) -> Iterator[Problem]:
    fixed = [index for index, part in enumerate(parts) if _most(part) == part.replicas]
    if len(fixed) != 1:
        sentence = "one part must keep its number of replicas, and the other grow: give only one a larger max_replicas"
        yield Problem.relation(("parts",), sentence)
        return
    base = parts[fixed[0]]
    if is_whole(policy.min_replicas) and base.replicas != policy.min_replicas > 0:
        sentence = (
            f"the part that is not preempted has {base.replicas} replicas, and the smallest size is "
            f"{policy.min_replicas}: use the same number"
        )
        yield Problem.relation(("parts", fixed[0], "replicas"), sentence)
    growing = parts[1 - fixed[0]]
    ranks = [PART_PRIORITIES.get(str(part.priority_class_name)) for part in (base, growing)]
    if None not in ranks and ranks[0] < ranks[1]:  # type: ignore[operator]
        sentence = f"{base.priority_class_name} is preempted before {growing.priority_class_name}: exchange the classes"
        yield Problem.relation(("parts", fixed[0], "priority_class_name"), sentence)


def _priority_problems(parts: Sequence[ReplicaPart]) -> Iterator[Problem]:
    names = [part.priority_class_name for part in parts]
    for index, name in enumerate(names):
        if name is None:
            allowed = f"a class such as {alternatives(list(PART_PRIORITIES))}, because parts are preempted by priority"
            yield Problem(("parts", index, "priority_class_name"), None, allowed)
    if names[0] is not None and names[0] == names[1]:
        sentence = f"both parts have the class {names[0]}, so that neither is preempted first: use two classes"
        yield Problem.relation(("parts",), sentence)


def _most(part: ReplicaPart) -> int:
    return part.replicas if part.max_replicas is None else part.max_replicas
