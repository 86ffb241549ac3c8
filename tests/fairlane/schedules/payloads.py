"""Payload of a training job."""

from typing import Any, Final

PAYLOAD: Final[dict[str, Any]] = {
    "AlgorithmSpecification": {
        "TrainingImage": "123456789012.dkr.ecr.us-east-1.amazonaws.com/training:1",
        "TrainingInputMode": "File",
    },
    "HyperParameters": {"date": "<aws.scheduler.scheduled-time>"},
    "OutputDataConfig": {"S3OutputPath": "s3://models/nightly/"},
    "ResourceConfig": {"InstanceType": "ml.g5.12xlarge", "InstanceCount": 1, "VolumeSizeInGB": 100},
    "StoppingCondition": {"MaxRuntimeInSeconds": 3_600},
}
