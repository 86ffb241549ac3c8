"""Fixtures: a local AWS as the only AWS of this process, and a queue for training jobs with shares."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from fairlane_local import LocalAws, tools_environment
from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.clock import Clock

CONFIG = """
SchemaVersion: "1.0"
SageMaker:
  PythonSDK:
    Modules:
      TelemetryOptOut: true
"""
SPEED = 20.0


@pytest.fixture
def clock() -> Clock:
    """Clock of the local AWS."""
    return Clock(SPEED)


@pytest.fixture
def settings(clock: Clock) -> dict[str, Any]:
    """Settings of the local AWS. A module can replace them."""
    return {"clock": clock, "options": JobOptions(throttle=clock.speed is not None)}


@pytest.fixture
def aws(settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalAws]:
    """Local AWS that all clients of this process use by default, in the account of its printed credentials."""
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG)
    with LocalAws(**settings) as aws:
        variables = tools_environment(aws.endpoint_url) | {
            "AWS_DEFAULT_REGION": "us-east-1",
            "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": str(config),
            "SAGEMAKER_USER_CONFIG_OVERRIDE": str(config),
        }
        for name in os.environ.keys() - variables.keys():
            monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        yield aws


@pytest.fixture
def queue(aws: LocalAws) -> str:
    """Name of a queue with a fair-share policy, two shares and two instances."""
    create_queue("training", {"research": 1.0, "product": 1.0}, instances=2)
    return "training"


def create_queue(name: str, weight_factors: Mapping[str, float], *, instances: int) -> None:
    """Create a queue, its service environment and, if there are weight factors, its fair-share policy."""
    batch: Any = boto3.client("batch")
    kind = "SAGEMAKER_TRAINING"
    batch.create_service_environment(
        serviceEnvironmentName=name,
        serviceEnvironmentType=kind,
        capacityLimits=[{"maxCapacity": instances, "capacityUnit": "NUM_INSTANCES"}],
    )
    shares = [{"shareIdentifier": share, "weightFactor": weight} for share, weight in weight_factors.items()]
    policy = {"shareDistribution": shares}
    arn = batch.create_scheduling_policy(name=name, fairsharePolicy=policy)["arn"] if shares else None
    batch.create_job_queue(
        jobQueueName=name,
        jobQueueType=kind,
        priority=1,
        serviceEnvironmentOrder=[{"order": 1, "serviceEnvironment": name}],
        **({"schedulingPolicyArn": arn} if arn else {}),
    )
