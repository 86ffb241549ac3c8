"""Key `hyperpod.<cluster>.jobs` of environment files: values, and mistakes with their lines."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from fairlane import ConfigurationError
from fairlane.environment import load_environment
from fairlane.hyperpod import (
    BatchPlan,
    Checkpoint,
    CheckpointStorage,
    ElasticPolicy,
    ElasticTrainingJob,
    LogRule,
    ReplicaPart,
    SizeState,
    Taint,
    job_sizes,
)
from tests.support import REPOSITORY

CLUSTER = """
region: us-east-1
network: {nat_gateways: 1}
hyperpod:
  train:
    kubernetes: {chart: "oci://registry.example.com/chart:1.0.0"}
    instance_groups:
      system: {instance_type: ml.m5.2xlarge, instance_count: 2}
      p5: {instance_type: ml.p5.48xlarge, instance_count: 32}
    priority_classes: {high: 100}
    teams:
      lender: {quota: {ml.p5.48xlarge: 28}, sharing: Lend}
      research: {quota: {ml.p5.48xlarge: 4}, borrow_limit: 300, weight: 1}
    jobs:
"""
COMMON = "team: research, instance_type: ml.p5.48xlarge, image: i, script: s.py"
RECIPES: dict[str, Any] = json.loads(
    gzip.decompress((Path(__file__).parents[1] / "hyperpod" / "elastic_recipes.json.gz").read_bytes())
)["recipes"]
LLAMA = RECIPES["llmft_llama3_3_70b_instruct_seq4k_gpu_sft_lora"]


def jobs(folder: Path, text: str, cluster: str = CLUSTER) -> list[ElasticTrainingJob]:
    file = folder / "prod.yaml"
    file.write_text(f"{cluster}{text}")
    return list(load_environment(file).hyperpod["train"].jobs)


def mistakes(folder: Path, text: str, cluster: str = CLUSTER) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        jobs(folder, text, cluster)
    return [str(problem) for problem in raised.value.problems]


def test_a_job_is_read_as_the_value_object(tmp_path: Path) -> None:
    text = f"""
      llama:
        {COMMON.replace(", ", chr(10) + " " * 8)}
        policy: {{min_replicas: 2, max_replicas: 8, replica_discrete_values: [2, 4, 8]}}
        parts:
          base: {{replicas: 2, priority_class_name: base}}
          grown: {{replicas: 0, max_replicas: 6, priority_class_name: elastic}}
        checkpoint: {{size_gib: 100, write_gib_per_second: 1.5, storage: shared}}
        batch: {{global_batch: 512, micro_batch: 4, learning_rate: 0.0003}}
        log_rules: {{loss: {{pattern: "loss=(.*)", expected_every_seconds: 60}}}}
        tolerations: [{{key: team, value: a, effect: NoSchedule}}]
    """
    (job,) = jobs(tmp_path, text)
    assert (job.job_name, job.team, job.instance_type, job.script) == ("llama", "research", "ml.p5.48xlarge", "s.py")
    assert job.policy == ElasticPolicy(min_replicas=2, max_replicas=8, replica_discrete_values=[2, 4, 8])
    assert job.parts == [
        ReplicaPart(part_name="base", replicas=2, priority_class_name="base"),
        ReplicaPart(part_name="grown", replicas=0, max_replicas=6, priority_class_name="elastic"),
    ]
    assert job.checkpoint == Checkpoint(size_gib=100, write_gib_per_second=1.5, storage=CheckpointStorage.SHARED)
    assert job.batch == BatchPlan(global_batch=512, micro_batch=4, learning_rate=3e-4)
    assert job.log_rules == [LogRule(rule_name="loss", pattern="loss=(.*)", expected_every_seconds=60)]
    assert all(isinstance(taint, Taint) for taint in job.tolerations)
    assert job.recipe is None


def test_a_cluster_has_no_jobs_by_default(tmp_path: Path) -> None:
    assert jobs(tmp_path, "", CLUSTER.replace("    jobs:\n", "")) == []


SEEDED = f"""
      Wrong: {{{COMMON}, policy: {{min_replicas: 1, max_replicas: 4, replica_increment_step: 1}}}}
      both: {{{COMMON}, policy: {{min_replicas: 1, max_replicas: 4, replica_increment_step: 1, replica_discrete_values: [1, 4]}}}}
      unreached: {{{COMMON}, policy: {{min_replicas: 4, max_replicas: 20, replica_increment_step: 4}}}}
      team: {{{COMMON.replace("research", "resaerch")}, policy: {{min_replicas: 1, max_replicas: 2, replica_increment_step: 1}}}}
      class: {{{COMMON}, priority_class: low, policy: {{min_replicas: 1, max_replicas: 2, replica_increment_step: 1}}}}
      type: {{{COMMON.replace("p5.", "p4d.").replace("48x", "24x")}, policy: {{min_replicas: 1, max_replicas: 2, replica_increment_step: 1}}}}
      parts:
        team: research
        instance_type: ml.p5.48xlarge
        image: i
        script: s.py
        policy: {{min_replicas: 2, max_replicas: 4, replica_increment_step: 1}}
        parts:
          base: {{replicas: -1, priority_class_name: base}}
          Grown: {{replicas: 0, max_replicas: 2, priority_class_name: elastic}}
        log_rules:
          loss: {{pattern: "("}}
      batch:
        team: research
        instance_type: ml.p5.48xlarge
        image: i
        script: s.py
        policy: {{min_replicas: 4, max_replicas: 16, replica_increment_step: 4}}
        batch:
          global_batch: 512
          micro_batch: 0
          learning_rate: 0.0003
      uneven:
        team: research
        instance_type: ml.p5.48xlarge
        image: i
        script: s.py
        policy: {{min_replicas: 4, max_replicas: 16, replica_increment_step: 4}}
        batch:
          global_batch: 512
          micro_batch: 4
          learning_rate: 0.0003
          tensor_parallel: 5
      saved:
        team: research
        instance_type: ml.p5.48xlarge
        image: i
        script: s.py
        policy:
          min_replicas: 1
          max_replicas: 1
          replica_increment_step: 1
          graceful_shutdown_timeout_seconds: 60
        checkpoint: {{size_gib: 1000, write_gib_per_second: 1, storage: tiered}}
      missing: {{}}
"""


def test_all_mistakes_of_jobs_are_reported_with_their_lines(tmp_path: Path) -> None:
    found = mistakes(tmp_path, SEEDED)
    places = [": ".join(text.split(": ")[:1]).replace("hyperpod.train.jobs.", "") for text in found]
    assert places == [
        "line 16, Wrong",
        "line 17, both.policy.replica_increment_step",
        "line 18, unreached.policy.max_replicas",
        "line 19, team.team",
        "line 20, class.priority_class",
        "line 21, type.instance_type",
        "line 21, type.instance_type",
        "line 29, parts.parts.base.replicas",
        "line 30, parts.parts.Grown",
        "line 32, parts.log_rules.loss.pattern",
        "line 32, parts.log_rules.loss.expected_start_seconds",
        "line 41, batch.batch.micro_batch",
        "line 53, uneven.batch.tensor_parallel",
        "line 63, saved.policy.graceful_shutdown_timeout_seconds",
        "line 64, saved.checkpoint.storage",
        *[f"line 65, missing.{key}" for key in ("team", "instance_type", "image", "script", "policy")],
    ]
    assert "replicas need 160 nvidia.com/gpu, and team research reaches 128" in found[2]


def test_a_job_is_checked_alone_while_its_team_has_mistakes(tmp_path: Path) -> None:
    text = f"      llama: {{{COMMON}, policy: {{min_replicas: 0, max_replicas: 99, replica_increment_step: 1}}}}\n"
    cluster = CLUSTER.replace("borrow_limit: 300", "borrow_limit: -1")
    assert [each.partition(": ")[0] for each in mistakes(tmp_path, text, cluster)] == [
        "line 13, hyperpod.train.teams.research.borrow_limit",
        "line 15, hyperpod.train.jobs.llama.policy.min_replicas",
    ]


def test_a_recipe_is_found_in_the_folder_of_the_file_and_compared(tmp_path: Path) -> None:
    policy = "policy: {min_replicas: 1, max_replicas: 16, replica_discrete_values: [1, 2, 4, 6, 8, 16]}"
    batch = "batch: {global_batch: 128, micro_batch: 4, learning_rate: 0.0004, uneven_batches: true}"
    text = f"      llama: {{{COMMON}, {policy}, {batch}, recipe: recipes/llama.yaml}}\n"
    assert mistakes(tmp_path, text)[0].startswith(
        "line 15, hyperpod.train.jobs.llama.recipe: llama.yaml: the file cannot be read: No such file or directory"
    )
    (tmp_path / "recipes").mkdir()
    recipe = tmp_path / "recipes" / "llama.yaml"
    recipe.write_text(json.dumps(LLAMA))
    (job,) = jobs(tmp_path, text)
    assert job.recipe == str(recipe)
    assert mistakes(tmp_path, text.replace("global_batch: 128", "global_batch: 256"))[0] == (
        "line 15, hyperpod.train.jobs.llama.recipe: at size 1, the recipe has the global batch 128, and the job 256: use "
        "the same, or remove recipe"
    )
    recipe.write_text(json.dumps(LLAMA | {"trainer": {"devices": 8, "num_nodes": 3}}))
    assert mistakes(tmp_path, text) == [
        "line 15, hyperpod.train.jobs.llama.recipe: llama.yaml: trainer.num_nodes: the job starts with 3 nodes, which are "
        "no size: use one of 1, 2, 4, 6, 8, 16"
    ]


def test_the_job_of_the_example_grows_from_32_to_128_gpus() -> None:
    cluster = load_environment(REPOSITORY / "environments" / "hyperpod.yaml").hyperpod["training"]
    (job,) = cluster.jobs
    sizes = job_sizes(job, cluster.governance, cluster.teams, cluster.instance_groups)
    assert [(size.accelerators, size.state) for size in sizes] == [
        (32, SizeState.GUARANTEED),
        (64, SizeState.BORROWED),
        (96, SizeState.BORROWED),
        (128, SizeState.BORROWED),
    ]
    assert {size.batch.samples for size in sizes if size.batch} == {512}
