"""Rules of the elastic part of HyperPod recipes. Imports no aws_cdk."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from fairlane.errors import Path, Problem
from fairlane.hyperpod.elastic_policy_rules import policy_problems
from fairlane.hyperpod.recipe_values import (
    ARGS,
    GROUPS,
    LARGE,
    POLICY_KEYS,
    SMALL,
    USE,
    at,
    merged_values,
    recipe_policy,
    scale_config,
)

_WORDS: Final = {**POLICY_KEYS, "replica_discrete_values": "scale_config", "replicas": "nodes"}
_FLAGS: Final = ("is_elastic", "use_graceful_shutdown")
_OVERRIDES: Final = frozenset(
    {("trainer", "num_nodes"), ("trainer", "devices")}
    | {(*ARGS, *key) for key in (("train_batch_size",), ("micro_train_batch_size",), ("learning_rate",))}
    | {(*ARGS, *key) for key in (SMALL, LARGE, GROUPS, USE)}
)
"""Keys of an override that a recipe may have in `scale_config` only."""
_POSITIVE: Final = "a whole number, 1 or more"


def recipe_problems(recipe: object) -> Iterator[Problem]:
    """Yield the mistakes in the elastic part of a recipe, all at once. Other parts of the recipe are not checked.

    Args:
        recipe: Content of the recipe.
    """
    problems = list(_shape_problems(recipe))
    yield from problems
    if problems or not isinstance(recipe, Mapping):
        return
    policy_mistakes = list(_policy_problems(recipe))
    yield from policy_mistakes
    devices = at(recipe, ("trainer", "devices"))
    if not _is_positive(devices):
        yield Problem(("trainer", "devices"), devices, _POSITIVE)
    initial = at(recipe, ("trainer", "num_nodes"))
    if not _is_positive(initial):
        yield Problem(("trainer", "num_nodes"), initial, _POSITIVE)
    elif not policy_mistakes and initial not in (sizes := recipe_policy(recipe).sizes):
        sentence = f"the job starts with {initial} nodes, which are no size: use one of {', '.join(map(str, sizes))}"
        yield Problem.relation(("trainer", "num_nodes"), sentence)
    merged = {size: merged_values(recipe, override) for size, override in scale_config(recipe).items()}
    for size, values in merged.items():
        for problem in _size_problems(size, recipe, values):
            yield problem.within("scale_config", str(size))
    yield from _constant_problems(merged)


def _shape_problems(recipe: object) -> Iterator[Problem]:
    """Yield parts that are no mappings, and sizes that are no numbers."""
    if not isinstance(recipe, Mapping):
        yield Problem.relation((), "the file is no recipe: write a mapping with elastic_policy and scale_config")
        return
    required: tuple[Path, ...] = (("elastic_policy",), ("trainer",))
    for path in (*required, ("training_config",), ARGS, (*ARGS, "uneven_batch"), ("scale_config",)):
        got = at(recipe, path)
        if (got is not None or path in required) and not isinstance(got, Mapping):
            yield Problem(path, got, "a mapping")
    sizes = recipe.get("scale_config")
    for key, override in sizes.items() if isinstance(sizes, Mapping) else ():
        outer: Path = ("scale_config", str(key))
        if not re.fullmatch(r"[1-9][0-9]{0,4}", str(key)):
            yield Problem(outer, key, f"a number of nodes, {_POSITIVE}")
        for path in ((), ("trainer",), ("training_config",), ARGS, (*ARGS, "uneven_batch")):
            if (got := at(override, path)) is not None and not isinstance(got, Mapping):
                yield Problem((*outer, *path), got, "a mapping")


def _policy_problems(recipe: Mapping[str, Any]) -> Iterator[Problem]:
    given = recipe["elastic_policy"]
    for key in given:
        if key not in (*POLICY_KEYS.values(), *_FLAGS):
            allowed = ", ".join((*_FLAGS, *POLICY_KEYS.values()))
            yield Problem.relation(("elastic_policy", str(key)), f"unknown key; use one of {allowed}")
    for key in _FLAGS:
        yield from _flag_problems(("elastic_policy", key), given.get(key, True))
    if given.get("use_graceful_shutdown") is False:
        sentence = (
            "without it, the launcher leaves out HYPERPOD_SIGNAL_COORDINATION, and each change of the size loses the "
            "steps since the last checkpoint: use true"
        )
        yield Problem.relation(("elastic_policy", "use_graceful_shutdown"), sentence)
    for problem in policy_problems(recipe_policy(recipe)):
        yield _in_recipe_words(problem, tuple(scale_config(recipe)))


def _in_recipe_words(problem: Problem, sizes: Sequence[int]) -> Problem:
    """Return a problem of an `ElasticPolicy` at the keys of a recipe."""
    first, *rest = problem.field
    path: Path = ("elastic_policy", _WORDS[str(first)])
    if first == "replica_discrete_values":
        path = ("scale_config", *(str(sizes[int(index)]) for index in rest))
    words = re.compile("|".join(_WORDS))
    sentence, allowed = (
        words.sub(lambda found: _WORDS[found[0]], text) for text in (problem.sentence, problem.allowed)
    )
    return replace(problem, field=path, sentence=sentence, allowed=allowed)


def _size_problems(size: int, recipe: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the mistakes in the values of a recipe at one size."""
    override = scale_config(recipe)[size]
    yield from _unknown_keys(override, recipe, ())
    nodes = at(override, ("trainer", "num_nodes"))
    if nodes != size or isinstance(nodes, bool):
        yield Problem(("trainer", "num_nodes"), nodes, f"{size}, the key in scale_config")
    arguments, devices = at(values, ARGS) or {}, at(values, ("trainer", "devices"))
    rate = arguments.get("learning_rate")
    if not isinstance(rate, int | float) or isinstance(rate, bool) or not 0 < rate < math.inf:
        yield Problem((*ARGS, "learning_rate"), rate, "a number above 0")
    mistakes = list(_flag_problems((*ARGS, *USE), uneven := at(arguments, USE) or False))
    names: list[Path] = [
        ("train_batch_size",),
        *((SMALL, LARGE, GROUPS) if uneven is True else [("micro_train_batch_size",)]),
    ]
    for name in names:
        if not _is_positive(got := at(arguments, name)):
            mistakes.append(Problem((*ARGS, *name), got, _POSITIVE))
    yield from mistakes
    if not mistakes and _is_positive(devices):
        yield from (_uneven_problems if uneven else _even_problems)(arguments, size * devices)


def _even_problems(arguments: Mapping[str, Any], world: int) -> Iterator[Problem]:
    samples, micro = arguments["train_batch_size"], arguments["micro_train_batch_size"]
    if samples % (world * micro):
        sentence = (
            f"{samples} samples are no multiple of {world} processes x micro_train_batch_size {micro}: change one of "
            "them, or use uneven_batch"
        )
        yield Problem.relation((*ARGS, "train_batch_size"), sentence)


def _uneven_problems(arguments: Mapping[str, Any], world: int) -> Iterator[Problem]:
    samples = arguments["train_batch_size"]
    small, large, groups = (at(arguments, key) for key in (SMALL, LARGE, GROUPS))
    if groups >= world:
        yield Problem((*ARGS, *GROUPS), groups, f"a whole number, 1 to {world - 1}: the job has {world} processes")
    elif small >= large:
        sentence = f"{small} is not below large_local_batch_size, {large}: use a smaller number"
        yield Problem.relation((*ARGS, *SMALL), sentence)
    elif (total := small * groups + large * (world - groups)) != samples:
        sentence = (
            f"{small} x {groups} + {large} x {world - groups} samples are {total}, not the train_batch_size {samples}: "
            + _uneven_remedy(samples, world)
        )
        yield Problem.relation((*ARGS, "uneven_batch"), sentence)


def _uneven_remedy(samples: int, world: int) -> str:
    small, rest = divmod(samples, world)
    if not small:
        return f"use at least {world} samples"
    return f"use {small} and {small + 1} samples, and {world - rest} small groups" if rest else "remove uneven_batch"


def _constant_problems(merged: Mapping[int, Mapping[str, Any]]) -> Iterator[Problem]:
    """Yield batches and learning rates that differ from those of the first size."""
    for key in ("train_batch_size", "learning_rate"):
        values = {size: at(each, (*ARGS, key)) for size, each in merged.items()}
        first = next(iter(values), None)
        for size, value in values.items():
            if first is not None and value != values[first]:
                sentence = f"{value} differs from {values[first]} at size {first}: use the same at all sizes"
                yield Problem.relation(("scale_config", str(size), *ARGS, key), sentence)


def _unknown_keys(override: Mapping[str, Any], base: object, path: Path) -> Iterator[Problem]:
    """Yield keys of an override that the rest of the recipe does not have."""
    for key, value in override.items():
        inner: Path = (*path, str(key))
        known = isinstance(base, Mapping) and key in base
        if isinstance(value, Mapping):
            yield from _unknown_keys(value, base.get(key) if isinstance(base, Mapping) else None, inner)
        elif not known and inner not in _OVERRIDES:
            sentence = "the recipe has no such key, so the override changes nothing: correct or remove it"
            yield Problem.relation(inner, sentence)


def _flag_problems(path: Path, got: object) -> Iterator[Problem]:
    if not isinstance(got, bool):
        yield Problem(path, got, "true or false")


def _is_positive(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
