"""Elastic part of HyperPod recipes: the recipes of AWS, seeded mistakes, and recipes that are written."""

import copy
import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlane import ConfigurationError
from fairlane.hyperpod import (
    BatchPlan,
    ElasticPolicy,
    ElasticTrainingJob,
    job_recipe_problems,
    load_recipe,
    read_recipe,
    recipe_problems,
    write_recipe,
)
from fairlane.hyperpod.elastic_batch import batch_problems, size_batches

FILE = json.loads(gzip.decompress(Path(__file__).with_name("elastic_recipes.json.gz").read_bytes()))
RECIPES: dict[str, Any] = FILE["recipes"]
LLAMA = "llmft_llama3_3_70b_instruct_seq4k_gpu_sft_lora"
POLICY = ElasticPolicy(min_replicas=1, max_replicas=16, replica_discrete_values=(1, 2, 4, 6, 8, 16))
PLAN = BatchPlan(global_batch=128, micro_batch=4, learning_rate=4e-4, uneven_batches=True)
JOB = ElasticTrainingJob(
    job_name="llama",
    team="research",
    instance_type="ml.p5.48xlarge",
    image="image",
    script="train.py",
    policy=POLICY,
    batch=PLAN,
)
ARGS = ("training_config", "training_args")
DELETED = object()


def changed(recipe: Any, changes: dict[tuple[str, ...], Any]) -> Any:
    result = copy.deepcopy(recipe)
    for path, value in changes.items():
        inner = result
        for key in path[:-1]:
            inner = inner.setdefault(key, {})
        if value is DELETED:
            del inner[path[-1]]
        else:
            inner[path[-1]] = value
    return result


def problems(recipe: object) -> list[str]:
    return [str(problem) for problem in recipe_problems(recipe)]


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipes_of_aws_are_accepted(name: str) -> None:
    recipe = RECIPES[name]
    assert problems(recipe) == []
    read = read_recipe(recipe)
    assert (read.policy.min_replicas, read.policy.max_replicas) == (1, 16)
    assert (
        [batch.replicas for batch in read.batches]
        == list(read.policy.sizes)
        == sorted(map(int, recipe["scale_config"]))
    )
    assert {batch.samples for batch in read.batches} == {128}
    assert len({batch.learning_rate for batch in read.batches}) == 1


def test_there_are_46_recipes_with_uneven_batches_in_30() -> None:
    uneven = [name for name in RECIPES if any(batch.small_groups for batch in read_recipe(RECIPES[name]).batches)]
    assert (len(RECIPES), len(uneven)) == (46, 30)
    assert {len(read_recipe(recipe).policy.sizes) for recipe in RECIPES.values()} == {5, 6, 7}


def test_the_values_of_a_recipe_are_read() -> None:
    recipe = read_recipe(RECIPES[LLAMA])
    assert recipe.policy == ElasticPolicy(
        min_replicas=1,
        max_replicas=16,
        replica_discrete_values=(1, 2, 4, 6, 8, 16),
        graceful_shutdown_timeout_seconds=900,
        scaling_timeout_seconds=600,
    )
    assert (recipe.initial_replicas, recipe.processes_per_replica) == (1, 8)
    assert [(each.data_parallel, each.small_batch, each.large_batch, each.small_groups) for each in recipe.batches] == [
        (8, 16, 16, 0),
        (16, 8, 8, 0),
        (32, 4, 4, 0),
        (48, 2, 3, 16),
        (64, 2, 2, 0),
        (128, 1, 1, 0),
    ]
    assert [each.accumulation for each in recipe.batches] == [4, 2, 1, 3, 1, 1]


SIX = ("scale_config", "6", *ARGS)
UNEVEN = (*SIX, "uneven_batch")
FOUR = ("scale_config", "4", *ARGS)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {(*UNEVEN, "num_dp_groups_with_small_batch_size"): 20},
            "scale_config.6.training_config.training_args.uneven_batch: 2 x 20 + 3 x 28 samples are 124, not the "
            "train_batch_size 128: use 2 and 3 samples, and 16 small groups",
        ),
        (
            {(*UNEVEN, "num_dp_groups_with_small_batch_size"): 48},
            "scale_config.6.training_config.training_args.uneven_batch.num_dp_groups_with_small_batch_size: got 48, "
            "allowed: a whole number, 1 to 47: the job has 48 processes",
        ),
        (
            {(*UNEVEN, "small_local_batch_size"): 3},
            "scale_config.6.training_config.training_args.uneven_batch.small_local_batch_size: 3 is not below "
            "large_local_batch_size, 3: use a smaller number",
        ),
        (
            {(*UNEVEN, "small_local_batch_size"): 0},
            "scale_config.6.training_config.training_args.uneven_batch.small_local_batch_size: got 0, allowed: a whole "
            "number, 1 or more",
        ),
        (
            {(*UNEVEN, "use_uneven_batch"): "yes"},
            "scale_config.6.training_config.training_args.uneven_batch.use_uneven_batch: got 'yes', allowed: true or false",
        ),
        (
            {(*UNEVEN, "use_uneven_batch"): False},
            "scale_config.6.training_config.training_args.train_batch_size: 128 samples are no multiple of 48 processes x "
            "micro_train_batch_size 1: change one of them, or use uneven_batch",
        ),
        (
            {
                (*FOUR, "uneven_batch"): {
                    "use_uneven_batch": True,
                    "small_local_batch_size": 3,
                    "large_local_batch_size": 4,
                    "num_dp_groups_with_small_batch_size": 8,
                }
            },
            "scale_config.4.training_config.training_args.uneven_batch: 3 x 8 + 4 x 24 samples are 120, not the "
            "train_batch_size 128: remove uneven_batch",
        ),
        (
            {(*FOUR, "micro_train_batch_size"): 3},
            "scale_config.4.training_config.training_args.train_batch_size: 128 samples are no multiple of 32 processes x "
            "micro_train_batch_size 3: change one of them, or use uneven_batch",
        ),
        (
            {(*FOUR, "train_batch_size"): 256},
            "scale_config.4.training_config.training_args.train_batch_size: 256 differs from 128 at size 1: use the same "
            "at all sizes",
        ),
        (
            {(*FOUR, "learning_rate"): 8e-4},
            "scale_config.4.training_config.training_args.learning_rate: 0.0008 differs from 0.0004 at size 1: use the "
            "same at all sizes",
        ),
        (
            {(*FOUR, "micro_train_batch_sise"): 4},
            "scale_config.4.training_config.training_args.micro_train_batch_sise: the recipe has no such key, so the "
            "override changes nothing: correct or remove it",
        ),
        (
            {("scale_config", "4", "trainer", "num_nodes"): 8},
            "scale_config.4.trainer.num_nodes: got 8, allowed: 4, the key in scale_config",
        ),
        (
            {("scale_config", "4", "trainer", "num_nodes"): DELETED},
            "scale_config.4.trainer.num_nodes: missing; use 4, the key in scale_config",
        ),
        (
            {("scale_config", "four"): {}},
            "scale_config.four: got 'four', allowed: a number of nodes, a whole number, 1 or more",
        ),
        ({("scale_config", "4"): [1]}, "scale_config.4: got [1], allowed: a mapping"),
        (
            {("trainer", "num_nodes"): 3},
            "trainer.num_nodes: the job starts with 3 nodes, which are no size: use one of 1, 2, 4, 6, 8, 16",
        ),
        ({("trainer", "num_nodes"): None}, "trainer.num_nodes: missing; use a whole number, 1 or more"),
        ({("trainer", "devices"): 0}, "trainer.devices: got 0, allowed: a whole number, 1 or more"),
        ({("trainer",): DELETED}, "trainer: missing; use a mapping"),
        ({("elastic_policy",): "yes"}, "elastic_policy: got 'yes', allowed: a mapping"),
        (
            {("elastic_policy", "use_graceful_shutdown"): False},
            "elastic_policy.use_graceful_shutdown: without it, the launcher leaves out HYPERPOD_SIGNAL_COORDINATION, and "
            "each change of the size loses the steps since the last checkpoint: use true",
        ),
        ({("elastic_policy", "is_elastic"): "true"}, "elastic_policy.is_elastic: got 'true', allowed: true or false"),
        (
            {("elastic_policy", "scaling_time"): 1},
            "elastic_policy.scaling_time: unknown key; use one of is_elastic, use_graceful_shutdown, min_nodes, max_nodes, "
            "replica_increment_step, scaling_timeout, graceful_shutdown_timeout, faulty_timeout",
        ),
    ],
)
def test_each_seeded_mistake_is_found(changes: dict[tuple[str, ...], Any], expected: str) -> None:
    assert problems(changed(RECIPES[LLAMA], changes)) == [expected]


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({("elastic_policy", "replica_increment_step"): 1}, "elastic_policy.replica_increment_step", "scale_config"),
        ({("scale_config",): DELETED}, "elastic_policy.replica_increment_step", "scale_config"),
        ({("elastic_policy", "max_nodes"): 8}, "scale_config.16", "max_nodes"),
        ({("elastic_policy", "min_nodes"): 2}, "scale_config.1", "min_nodes"),
        ({("elastic_policy", "min_nodes"): 0}, "elastic_policy.min_nodes", "0"),
        ({("elastic_policy", "max_nodes"): None}, "elastic_policy.max_nodes", "missing"),
        ({("elastic_policy", "max_nodes"): "16"}, "elastic_policy.max_nodes", "'16'"),
        ({("elastic_policy", "scaling_timeout"): -1}, "elastic_policy.scaling_timeout", "-1"),
        ({("elastic_policy", "graceful_shutdown_timeout"): 0}, "elastic_policy.graceful_shutdown_timeout", "0"),
        ({("elastic_policy", "faulty_timeout"): -5}, "elastic_policy.faulty_timeout", "-5"),
    ],
)
def test_rules_of_the_policy_are_in_the_words_of_recipes(
    changes: dict[tuple[str, ...], Any], field: str, words: str
) -> None:
    found = problems(changed(RECIPES[LLAMA], changes))
    assert any(text.startswith(f"{field}: ") and words in text for text in found), found
    assert not any(word in text for text in found for word in ("replicas", "discrete", "_seconds"))


def test_all_mistakes_are_reported_at_once() -> None:
    changes = {
        (*FOUR, "learning_rate"): 0,
        (*SIX, "train_batch_size"): 0,
        ("scale_config", "8", "trainer", "num_nodes"): 9,
        ("trainer", "devices"): None,
    }
    fields = [text.partition(": ")[0] for text in problems(changed(RECIPES[LLAMA], changes))]
    assert [field.partition(".training_args")[0] for field in fields] == [
        "trainer.devices",
        "scale_config.4.training_config",
        "scale_config.6.training_config",
        "scale_config.8.trainer.num_nodes",
        "scale_config.6.training_config",
        "scale_config.4.training_config",
    ]


@pytest.mark.parametrize("recipe", [None, [], "text", 1, {}, {"elastic_policy": {}, "trainer": {}}])
def test_something_else_is_no_recipe(recipe: object) -> None:
    assert problems(recipe)


def paths(node: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    inner = (
        [found for key, value in node.items() for found in paths(value, (*path, key))] if isinstance(node, dict) else []
    )
    return [*([path] if path else []), *inner]


@pytest.mark.parametrize("path", paths(RECIPES[LLAMA]), ids=".".join)
def test_values_of_other_types_never_raise(path: tuple[str, ...]) -> None:
    for value in (
        None,
        True,
        -1,
        0,
        1.5,
        "a",
        "1",
        [],
        [1],
        {},
        {"a": {"b": 1}},
        {"1": 1},
        10**12,
        float("nan"),
        DELETED,
    ):
        problems(changed(RECIPES[LLAMA], {path: value}))


def test_a_recipe_with_a_step_has_no_batches() -> None:
    recipe = changed(RECIPES[LLAMA], {("scale_config",): DELETED, ("elastic_policy", "replica_increment_step"): 5})
    assert problems(recipe) == []
    read = read_recipe(recipe)
    assert (read.policy.sizes, read.batches) == ((1, 6, 11, 16), ())


def test_a_written_recipe_has_the_keys_of_the_launcher() -> None:
    written = write_recipe(replace(POLICY, replica_discrete_values=(1, 6, 16)), PLAN, 8, 1)
    assert written == {
        "elastic_policy": {
            "is_elastic": True,
            "use_graceful_shutdown": True,
            "min_nodes": 1,
            "max_nodes": 16,
            "scaling_timeout": 60,
            "graceful_shutdown_timeout": 600,
        },
        "scale_config": {
            1: {
                "trainer": {"num_nodes": 1},
                "training_config": {
                    "training_args": {"learning_rate": 4e-4, "micro_train_batch_size": 4, "train_batch_size": 128}
                },
            },
            6: {
                "trainer": {"num_nodes": 6},
                "training_config": {
                    "training_args": {
                        "learning_rate": 4e-4,
                        "micro_train_batch_size": 3,
                        "train_batch_size": 128,
                        "uneven_batch": {
                            "use_uneven_batch": True,
                            "num_dp_groups_with_small_batch_size": 16,
                            "small_local_batch_size": 2,
                            "large_local_batch_size": 3,
                        },
                    }
                },
            },
            16: {
                "trainer": {"num_nodes": 16},
                "training_config": {
                    "training_args": {"learning_rate": 4e-4, "micro_train_batch_size": 1, "train_batch_size": 128}
                },
            },
        },
        "trainer": {"devices": 8, "num_nodes": 1},
    }


@given(
    st.lists(st.integers(1, 32), min_size=1, max_size=6, unique=True).map(sorted),
    st.integers(1, 4096),
    st.integers(1, 16),
    st.sampled_from([1, 4, 8]),
    st.integers(60, 3600),
    st.none() | st.integers(60, 3600),
)
def test_a_written_recipe_reads_back_equal(
    sizes: list[int], samples: int, micro: int, processes: int, seconds: int, faulty: int | None
) -> None:
    policy = ElasticPolicy(
        min_replicas=sizes[0],
        max_replicas=sizes[-1],
        replica_discrete_values=tuple(sizes),
        graceful_shutdown_timeout_seconds=seconds,
        scaling_timeout_seconds=seconds + 1,
        faulty_scale_down_timeout_seconds=faulty,
    )
    plan = BatchPlan(global_batch=samples, micro_batch=micro, learning_rate=1e-4, uneven_batches=True)
    if any(batch_problems(plan, sizes, processes)):
        return
    recipe = json.loads(json.dumps(write_recipe(policy, plan, processes, sizes[-1])))
    assert problems(recipe) == []
    read = read_recipe(recipe)
    assert (read.policy, list(read.batches)) == (policy, size_batches(plan, sizes, processes))
    assert (read.initial_replicas, read.processes_per_replica) == (sizes[-1], processes)


def test_recipes_have_no_tensor_parallelism() -> None:
    with pytest.raises(ConfigurationError, match=r"batch.tensor_parallel: recipes have neither"):
        write_recipe(POLICY, replace(PLAN, tensor_parallel=2), 8, 1)


def job_problems(file: Path, job: ElasticTrainingJob = JOB) -> list[str]:
    return [str(problem) for problem in job_recipe_problems(replace(job, recipe=str(file)))]


def test_a_job_agrees_with_its_recipe(tmp_path: Path) -> None:
    file = tmp_path / "llama.yaml"
    file.write_text(json.dumps(RECIPES[LLAMA]))
    assert load_recipe(file) == read_recipe(RECIPES[LLAMA])
    assert job_problems(file) == []
    assert list(job_recipe_problems(JOB)) == []
    assert job_problems(file, replace(JOB, batch=None)) == []
    other = replace(PLAN, global_batch=256, learning_rate=8e-4)
    sizes = replace(POLICY, replica_discrete_values=(1, 16))
    assert job_problems(file, replace(JOB, batch=other, policy=sizes)) == [
        f"recipe: {text}: use the same, or remove recipe"
        for text in (
            "the recipe has the sizes 1, 2, 4, 6, 8, 16, and the job 1, 16",
            "at size 1, the recipe has the global batch 128, and the job 256",
            "at size 1, the recipe has the learning rate 0.0004, and the job 0.0008",
            "at size 16, the recipe has the global batch 128, and the job 256",
            "at size 16, the recipe has the learning rate 0.0004, and the job 0.0008",
        )
    ]
    assert job_problems(file, replace(JOB, processes_per_replica=4)) == [
        "recipe: the recipe has 8 processes of a node, and the job 4: use the same, or remove recipe"
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff", "recipe: llama.yaml: the file cannot be read as YAML: 'utf-8' codec"),
        (b"a: [", "recipe: llama.yaml: the file cannot be read as YAML: while parsing"),
        (b"", "recipe: llama.yaml: the file is no recipe: write a mapping"),
        (
            b"{elastic_policy: {}, trainer: {}, scale_config: {1: &a {trainer: *a}}}",
            "recipe: llama.yaml: a mapping of the file is inside itself",
        ),
        (b"trainer: {}", "recipe: llama.yaml: elastic_policy: missing; use a mapping"),
    ],
)
def test_a_file_that_is_no_recipe_is_a_problem_of_the_job(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "llama.yaml"
    file.write_bytes(content)
    (found,) = job_problems(file)
    assert found.startswith(words)
    assert "cannot be read: No such file or directory" in job_problems(tmp_path / "other.yaml")[0]
