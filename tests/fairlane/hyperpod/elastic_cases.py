"""Right elastic jobs, jobs with one mistake each, and the tools that may find the mistake.

A mistake is in the manifest of the job, or, where no manifest says it, in the environment file: in what a team, a
cluster, a checkpoint or a batch is. The other tools then see the manifest without the mistake.
"""

import copy
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path as FilePath
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pydantic

from fairlane import ConfigurationError
from fairlane.environment import HyperPodModel, load_environment
from fairlane.errors import Path, Problem
from fairlane.hyperpod import job_manifest, manifest_placement_problems, manifest_problems
from fairlane.hyperpod.kubernetes_schema import object_mistakes
from tests.fairlane.hyperpod.elastic_jobs import IMAGE, aws_accepts
from tests.fairlane.hyperpod.governance import P5

JOB = {
    "team": "research",
    "instance_type": P5,
    "image": IMAGE,
    "script": "train.py",
    "policy": {"min_replicas": 4, "max_replicas": 16, "replica_increment_step": 4},
    "checkpoint": {"size_gib": 1000, "write_gib_per_second": 4, "step_seconds": 20, "claim_name": "fsx"},
    "batch": {"global_batch": 768, "micro_batch": 6, "learning_rate": 0.0003},
    "log_rules": {
        "start": {"pattern": ".*started.*", "expected_start_seconds": 900},
        "loss": {
            "pattern": r".*loss=(\d+).*",
            "metric_threshold": 9,
            "operator": "gt",
            "metric_data_points": 3,
        },
    },
}
PARTS = {
    "base": {"replicas": 4, "priority_class_name": "base"},
    "elastic": {"replicas": 0, "max_replicas": 12, "priority_class_name": "elastic"},
}
ENVIRONMENT = {
    "region": "us-east-1",
    "network": {"nat_gateways": 1},
    "hyperpod": {
        "train": {
            "kubernetes": {"chart": "oci://registry.example.com/chart:1.0.0"},
            "instance_groups": {
                "system": {"instance_type": "ml.m5.2xlarge", "instance_count": 2},
                "p5": {"instance_type": P5, "instance_count": 32},
            },
            "priority_classes": {"training": 50},
            "teams": {
                "inference": {"quota": {P5: 28}, "sharing": "Lend"},
                "research": {"quota": {P5: 4}, "borrow_limit": 300, "weight": 1},
            },
            "jobs": {"llama": JOB | {"priority_class": "training"}, "parts": JOB | {"parts": PARTS}},
        }
    },
}
"""Cluster of 256 GPUs with a job of 32 to 128 GPUs, and the same job with a base part and an elastic part."""

ABSENT: Any = object()

Changes = Mapping[Path, Any]


class Mistake(NamedTuple):
    """Mistake in a right job.

    Attributes:
        name: Description of the mistake.
        field: Field that Fairlane names.
        changes: New value by path, in the manifest of the job or in the environment file.
        job: Name of the right job.
    """

    name: str
    field: Path
    changes: Changes
    job: str = "llama"

    @property
    def in_manifest(self) -> bool:
        """True if a manifest says it, false if only the environment file does."""
        return next(iter(self.changes))[0] != "hyperpod"


@cache
def good_cluster() -> HyperPodModel:
    """Return the cluster with the right jobs."""
    return _load(ENVIRONMENT)


@cache
def _good_manifests() -> dict[str, dict[str, Any]]:
    return {str(job.job_name): job_manifest(job) for job in good_cluster().jobs}


def good_manifest(job: str) -> dict[str, Any]:
    """Return a copy of the manifest of a right job."""
    return copy.deepcopy(_good_manifests()[job])


def manifest(mistake: Mistake) -> dict[str, Any]:
    """Return the manifest of a job with a mistake. It is right if the mistake is in no manifest."""
    right = good_manifest(mistake.job)
    return _changed(right, mistake.changes) if mistake.in_manifest else right


def problems(mistake: Mistake) -> list[Problem]:
    """Return the problems that Fairlane reports."""
    if mistake.in_manifest:
        return manifest_mistakes(manifest(mistake), mistake.job)
    try:
        _load(_changed(json.loads(json.dumps(ENVIRONMENT)), mistake.changes))  # the jobs share no mapping
    except ConfigurationError as error:
        return list(error.problems)
    return []


def manifest_mistakes(document: Mapping[str, Any], job: str) -> list[Problem]:
    """Return the problems of the manifest of a job, and of its place in the cluster."""
    cluster = good_cluster()
    (checkpoint,) = (each.checkpoint for each in cluster.jobs if each.job_name == job)
    place = (cluster.governance, cluster.teams, cluster.instance_groups, cluster.node_pools)
    return [*manifest_problems(document, checkpoint), *manifest_placement_problems(document, *place)]


def model_refuses(document: Mapping[str, Any]) -> bool:
    """Return True if AWS's model refuses the specification of a manifest."""
    try:
        aws_accepts(document)
    except pydantic.ValidationError:
        return True
    return False


def schema_refuses(document: Mapping[str, Any]) -> bool:
    """Return True if the strict Kubernetes schema refuses a manifest."""
    return bool(object_mistakes(document))


def _load(environment: Mapping[str, Any]) -> HyperPodModel:
    with TemporaryDirectory() as folder:
        file = FilePath(folder, "prod.yaml")
        file.write_text(json.dumps(environment))  # JSON is YAML
        return load_environment(file).hyperpod["train"]


def _changed(document: dict[str, Any], changes: Changes) -> dict[str, Any]:
    for (*outer, last), value in changes.items():
        inner: Any = document
        for key in outer:
            inner = inner[key]
        if value is ABSENT:
            del inner[last]
        else:
            inner[last] = value
    return document
