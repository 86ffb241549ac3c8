"""Commands `fairlane hyperpod job`, `sizes` and `recipe`."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from fairlane.cli import main
from fairlane.environment import load_environment
from fairlane.hyperpod import job_manifest, recipe_problems
from tests.support import REPOSITORY

CLUSTER = """
    kubernetes: {chart: "oci://registry.example.com/chart:1.0.0"}
    instance_groups:
      system: {instance_type: ml.m5.2xlarge, instance_count: 2}
      p5: {instance_type: ml.p5.48xlarge, instance_count: 32}
    teams:
      lender: {quota: {ml.p5.48xlarge: 28}, sharing: Lend}
      research: {quota: {ml.p5.48xlarge: 4}, borrow_limit: 300, weight: 1}
"""
JOB = """
        team: research
        instance_type: ml.p5.48xlarge
        image: image
        script: train.py
        policy: {min_replicas: 1, max_replicas: 16, replica_discrete_values: [1, 2, 4, 6, 8, 16]}
"""
SHARED = "    jobs:\n      llama: &job" + JOB
RECIPES: dict[str, Any] = json.loads(
    gzip.decompress((Path(__file__).parents[1] / "hyperpod" / "elastic_recipes.json.gz").read_bytes())
)["recipes"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "environments").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "environments"


def environment(folder: Path, *clusters: str, regions: str = "") -> None:
    parts = "".join(f"  train{index or ''}:{text}" for index, text in enumerate(clusters))
    (folder / "lab.yaml").write_text(f"region: us-east-1\nnetwork: {{}}\nhyperpod:\n{parts}{regions}")


def run(*arguments: str) -> int:
    return main(["hyperpod", *arguments, "-c", "environment=lab"])


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(*arguments) == 0
    return capsys.readouterr().out


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(*arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "1 problem" in captured.err
    return captured.err


def test_the_manifest_of_the_example_is_yaml_for_kubectl(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert main(["hyperpod", "job", "llama", "-c", "environment=hyperpod"]) == 0
    captured = capsys.readouterr()
    (job,) = load_environment(REPOSITORY / "environments" / "hyperpod.yaml").hyperpod["training"].jobs
    manifest = YAML(typ="safe", pure=True).load(captured.out)
    assert manifest == job_manifest(job)
    assert captured.out.startswith("apiVersion: sagemaker.amazonaws.com/v1\nkind: HyperPodPyTorchJob\n")
    assert captured.err == ""


def test_texts_that_kubectl_would_read_as_truth_values_are_quoted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment(folder, CLUSTER + SHARED + "        environment: {A: 'yes', B: 'n'}\n")
    manifest = output(capsys, "job", "llama")
    assert (
        """          - name: A
            value: "yes"
          - name: B
            value: "n"
"""
        in manifest
    )


def test_advice_goes_to_the_standard_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environment(folder, CLUSTER + SHARED)
    for action in ("job", "sizes"):
        assert run(action, "llama") == 0
        captured = capsys.readouterr()
        assert "add checkpoint" not in captured.out
        assert [line.split(":")[0] for line in captured.err.splitlines()] == ["llama", "llama"]
        assert "add checkpoint" in captured.err
        assert "add batch or recipe" in captured.err


def test_the_table_has_a_line_for_each_size(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert main(["hyperpod", "sizes", "llama", "-c", "environment=hyperpod"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "llama of team research on training:",
        "replicas  accelerators  state       groups  accumulation  samples of a group  global batch  learning rate  reason",
        "       4            32  guaranteed      32             4  16                           512         0.0003",
        "       8            64  borrowed        64             2  8                            512         0.0003  32 of 64 "
        "nvidia.com/gpu are borrowed",
        "      12            96  borrowed        96             2  5 in 64, 6 in 32             512         0.0003  64 of 96 "
        "nvidia.com/gpu are borrowed",
        "      16           128  borrowed       128             1  4                            512         0.0003  96 of 128 "
        "nvidia.com/gpu are borrowed",
    ]


def test_a_table_without_batch_has_the_batches_of_the_recipe(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environment(folder, CLUSTER + SHARED)
    assert output(capsys, "sizes", "llama").splitlines()[2].split()[2:] == ["guaranteed", *["-"] * 5]
    recipe = RECIPES["llmft_llama3_3_70b_instruct_seq4k_gpu_sft_lora"]
    (folder / "llama.yaml").write_text(json.dumps(recipe))
    environment(folder, CLUSTER + SHARED + "        recipe: llama.yaml\n")
    assert run("sizes", "llama") == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[5].split(maxsplit=3)[3].startswith("48             3  2 in 16, 3 in 32 ")
    assert "add batch" not in captured.err


def test_the_recipe_of_a_job_has_no_mistakes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environment(folder, CLUSTER + SHARED)
    assert "hyperpod.train.jobs.llama.batch: missing; use global_batch" in refusal(capsys, "recipe", "llama")
    batch = "        batch: {global_batch: 128, micro_batch: 4, learning_rate: 0.0004, uneven_batches: true}\n"
    environment(folder, CLUSTER + SHARED + batch + "        initial_replicas: 4\n")
    recipe = YAML(typ="safe", pure=True).load(output(capsys, "recipe", "llama"))
    assert list(recipe_problems(recipe)) == []
    assert (list(recipe["scale_config"]), recipe["trainer"]["num_nodes"]) == ([1, 2, 4, 6, 8, 16], 4)
    environment(folder, CLUSTER + SHARED + batch.replace("}", ", tensor_parallel: 2}"))
    assert "batch.tensor_parallel: recipes have neither" in refusal(capsys, "recipe", "llama")


@pytest.mark.parametrize("action", ["job", "sizes", "recipe"])
def test_an_unknown_job_is_answered_with_the_jobs_that_exist(
    folder: Path, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    environment(folder, CLUSTER + SHARED + "      gpt:" + JOB, CLUSTER)
    assert "hyperpod: got 'lama', allowed: a job of the clusters: llama, gpt" in refusal(capsys, action, "lama")
    others = "hyperpod: the clusters with jobs are train: change --cluster or --region"
    assert others in refusal(capsys, action, "llama", "--cluster", "train1")
    assert others in refusal(capsys, action, "llama", "--cluster", "other")
    assert others in refusal(capsys, action, "llama", "--region", "us-west-2")
    environment(folder, CLUSTER)
    none = "hyperpod: no cluster has a job: add one to the key jobs of a cluster"
    assert none in refusal(capsys, action, "llama")


def test_a_job_of_two_clusters_needs_the_cluster_or_the_region(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = CLUSTER + "    jobs: {llama: *job}\n"
    regions = "regions:\n  us-west-2:\n    network: {}\n    hyperpod:\n      train: {<<: *all}\n"
    text = "region: us-east-1\nnetwork: {}\nhyperpod:\n  train: &all" + CLUSTER + SHARED + "  other:" + second + regions
    (folder / "lab.yaml").write_text(text)
    assert (
        "the clusters train and other and train (us-west-2) have a job llama: choose one with --cluster or --region"
        in refusal(capsys, "sizes", "llama")
    )
    assert "the clusters train and train (us-west-2) have" in refusal(capsys, "sizes", "llama", "--cluster", "train")
    assert output(capsys, "sizes", "llama", "--cluster", "other").startswith("llama of team research on other:")
    west = output(capsys, "sizes", "llama", "--region", "us-west-2")
    assert west.startswith("llama of team research on train (us-west-2):")
    both = output(capsys, "sizes", "llama", "--region", "us-east-1", "--cluster", "train")
    assert both.startswith("llama of team research on train:")


def test_a_file_with_mistakes_and_a_missing_file_have_no_manifest(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "the folder has no environment file" in refusal(capsys, "job", "llama")
    environment(folder, CLUSTER + SHARED.replace("min_replicas: 1,", "min_replicas: 1, scaling_timeout_seconds: -1,"))
    assert "hyperpod.train.jobs.llama.policy.scaling_timeout_seconds: got -1" in refusal(capsys, "job", "llama")


@pytest.mark.parametrize("arguments", [["job"], ["sizes"], ["recipe", "llama", "gpt"]])
def test_the_name_of_one_job_is_required(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        run(*arguments)
    assert "usage: fairlane" in capsys.readouterr().err
