"""Elastic part of HyperPod recipes: `elastic_policy` and `scale_config`, read, checked and written. Imports no aws_cdk.

A recipe overrides its values at each size: `scale_config` maps a number of nodes to overrides, the launcher of the
recipes writes one configuration for each, and the training operator chooses among these sizes. Source: launcher and
recipes of aws/sagemaker-hyperpod-recipes, commit 2631995. Not tested with the launcher.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from fairlane._internal.checks import listing
from fairlane.errors import ConfigurationError, Problem
from fairlane.hyperpod.elastic_batch import BatchPlan, SizeBatch, size_batches
from fairlane.hyperpod.elastic_job import ElasticPolicy, ElasticTrainingJob
from fairlane.hyperpod.recipe_rules import recipe_problems
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
from fairlane.hyperpod.replica_requests import replica_processes


@dataclass(frozen=True, slots=True, kw_only=True)
class ElasticRecipe:
    """Elastic part of a recipe.

    Attributes:
        policy: Sizes and times. `replica_discrete_values` are the keys of `scale_config`.
        initial_replicas: Number of nodes at the start.
        processes_per_replica: Number of processes of a node.
        batches: Batch at each size. None without `scale_config`.
    """

    policy: ElasticPolicy
    initial_replicas: int
    processes_per_replica: int
    batches: Sequence[SizeBatch] = ()


def load_recipe(path: FilePath) -> ElasticRecipe:
    """Return the elastic part of a recipe's file.

    Args:
        path: Path of the recipe, a YAML file.

    Raises:
        ConfigurationError: The file is no recipe with an elastic policy, or has mistakes in it.
    """
    try:
        recipe = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except OSError as error:
        sentence = f"the file cannot be read: {error.strerror}"
        raise ConfigurationError(str(path), [Problem.relation((), sentence)]) from error
    except (UnicodeDecodeError, YAMLError, ValueError) as error:
        sentence = f"the file cannot be read as YAML: {' '.join(str(error).split())[:200]}"
        raise ConfigurationError(str(path), [Problem.relation((), sentence)]) from error
    try:
        problems = list(recipe_problems(recipe))
    except RecursionError:
        problems = [Problem.relation((), "a mapping of the file is inside itself: remove the alias")]
    if problems:
        raise ConfigurationError(str(path), problems)
    return read_recipe(recipe)


def read_recipe(recipe: Mapping[str, Any]) -> ElasticRecipe:
    """Return the elastic part of a recipe.

    Args:
        recipe: Content of a recipe without mistakes.
    """
    return ElasticRecipe(
        policy=recipe_policy(recipe),
        initial_replicas=recipe["trainer"]["num_nodes"],
        processes_per_replica=recipe["trainer"]["devices"],
        batches=tuple(
            _size_batch(size, merged_values(recipe, override))
            for size, override in sorted(scale_config(recipe).items())
        ),
    )


def write_recipe(
    policy: ElasticPolicy, batch: BatchPlan, processes_per_replica: int, initial_replicas: int
) -> dict[str, Any]:
    """Return the elastic part of a recipe: `elastic_policy`, `scale_config` with all sizes, and `trainer`.

    Recipes have no tensor and no pipeline parallelism, so a batch with one of them has no recipe.

    Args:
        policy: Sizes and times, without mistakes.
        batch: Batch, without mistakes at the sizes.
        processes_per_replica: Number of processes of a node.
        initial_replicas: Number of nodes at the start.

    Raises:
        ConfigurationError: The batch has tensor or pipeline parallelism.
    """
    parallel = [name for name in ("tensor_parallel", "pipeline_parallel") if getattr(batch, name) != 1]
    if parallel:
        sentence = "recipes have neither tensor nor pipeline parallelism: use 1"
        raise ConfigurationError("recipe", [Problem.relation(("batch", name), sentence) for name in parallel])
    times = {key: getattr(policy, name) for name, key in POLICY_KEYS.items() if name != "replica_increment_step"}
    return {
        "elastic_policy": {
            "is_elastic": True,
            "use_graceful_shutdown": True,
            **{key: value for key, value in times.items() if value is not None},
        },
        "scale_config": {
            each.replicas: {
                "trainer": {"num_nodes": each.replicas},
                "training_config": {"training_args": _arguments(batch, each)},
            }
            for each in size_batches(batch, policy.sizes, processes_per_replica)
        },
        "trainer": {"devices": processes_per_replica, "num_nodes": initial_replicas},
    }


def job_recipe_problems(job: ElasticTrainingJob) -> Iterator[Problem]:
    """Yield the mistakes in the recipe that a job names, and the sizes and batches in which they differ.

    Args:
        job: Job, whose policy and batch have no mistakes. Nothing without a recipe.
    """
    if job.recipe is None:
        return
    try:
        recipe = load_recipe(FilePath(job.recipe))
    except ConfigurationError as error:
        for problem in error.problems:
            yield Problem.relation(("recipe",), f"{FilePath(job.recipe).name}: {problem}")
        return
    for sentence in _differences(job, recipe):
        yield Problem.relation(("recipe",), f"{sentence}: use the same, or remove recipe")


def _differences(job: ElasticTrainingJob, recipe: ElasticRecipe) -> Iterator[str]:
    processes = replica_processes(job)
    if job.policy.sizes != recipe.policy.sizes:
        yield f"the recipe has the sizes {_text(recipe.policy.sizes)}, and the job {_text(job.policy.sizes)}"
    if processes != recipe.processes_per_replica:
        yield f"the recipe has {recipe.processes_per_replica} processes of a node, and the job {processes}"
        return
    own = {each.replicas: each for each in size_batches(job.batch, job.policy.sizes, processes)} if job.batch else {}
    for theirs in recipe.batches:
        ours = own.get(theirs.replicas, theirs)
        for noun, one, other in (
            ("global batch", theirs.samples, ours.samples),
            ("learning rate", theirs.learning_rate, ours.learning_rate),
        ):
            if one != other:
                yield f"at size {theirs.replicas}, the recipe has the {noun} {one}, and the job {other}"


def _text(sizes: Sequence[int]) -> str:
    return listing(map(str, sizes))


def _arguments(batch: BatchPlan, size: SizeBatch) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "learning_rate": batch.learning_rate,
        "micro_train_batch_size": size.micro_batch,
        "train_batch_size": batch.global_batch,
    }
    if size.small_groups:
        values = {USE: True, GROUPS: size.small_groups, SMALL: size.small_batch, LARGE: size.large_batch}
        arguments["uneven_batch"] = {key: value for (_, key), value in values.items()}
    return arguments


def _size_batch(size: int, values: Mapping[str, Any]) -> SizeBatch:
    arguments, world = at(values, ARGS), size * at(values, ("trainer", "devices"))
    samples = arguments["train_batch_size"]
    micro = arguments.get("micro_train_batch_size") or 1
    uneven = at(arguments, USE) is True
    small, large, groups = (
        (at(arguments, key) for key in (SMALL, LARGE, GROUPS)) if uneven else (*[samples // world] * 2, 0)
    )
    return SizeBatch(
        replicas=size,
        data_parallel=world,
        micro_batch=micro,
        accumulation=math.ceil(large / micro),
        small_batch=small,
        large_batch=large,
        small_groups=groups,
        learning_rate=arguments["learning_rate"],
    )
