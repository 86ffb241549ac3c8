"""Targets of sweeps."""

from typing import Any

import pytest


@pytest.fixture
def service() -> dict[str, Any]:
    """Return the target of training jobs."""
    payload = {
        "AlgorithmSpecification": {
            "TrainingImage": "111122223333.dkr.ecr.us-east-1.amazonaws.com/train:1",
            "TrainingInputMode": "File",
        },
        "OutputDataConfig": {"S3OutputPath": "s3://models/out"},
        "ResourceConfig": {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "RoleArn": "arn:aws:iam::111122223333:role/training",
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    }
    return {"queue": "quotas", "payload": payload, "quota_share": "vision"}
