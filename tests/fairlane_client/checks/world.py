"""Queues of each policy, and submissions that each of them accepts."""

import json
from pathlib import Path
from typing import Any, Final

from fairlane_client.queues.queue import Queue, queue_of_environment

ROLE: Final = "arn:aws:iam::123456789012:role/training"
PLAN: Final = "arn:aws:sagemaker:us-east-1:123456789012:training-plan/p4-november"
FILE: Final = """
region: us-east-1
network: {}
compute_environments:
  small: {instance_types: [g5.xlarge], max_gpus: 4}
  large: {instance_types: [g5.12xlarge], max_gpus: 8}
  nodes: {instance_types: [p5.48xlarge], max_gpus: 32, efa: true}
job_definitions:
  train: {image: "repo/train:1", instance_type: g5.12xlarge}
  spread: {image: "repo/train:1", instance_type: p5.48xlarge, nodes: 2, script: [train.py]}
  huge: {image: "repo/train:1", gpus: 8, vcpus: 8, memory_mib: 4096}
queues:
  fifo: {capacity: 8, instance_type: ml.g5.xlarge, scheduling: {policy: fifo}}
  fair:
    capacity: 8
    instance_type: ml.g5.xlarge
    scheduling: {policy: fair-share, proportions: {a: 3, "team-*": 1}}
  quota:
    capacity: {ml.p4d.24xlarge: 10, ml.p5.48xlarge: 4}
    time_limit_actions: [{reason: "MISCONFIGURATION:QUOTA_MANAGEMENT_LIMIT_EXCEEDED", max_time_seconds: 3600}]
    scheduling:
      policy: quota-management
      shares:
        a: {capacity: {ml.p4d.24xlarge: 4, ml.p5.48xlarge: 2}, sharing: LEND_AND_BORROW, borrow_limit: 50}
        b: {capacity: {ml.p4d.24xlarge: 3}, sharing: LEND, in_share_preemption: true}
        c: {capacity: {ml.p4d.24xlarge: 2}, sharing: RESERVE}
        closed: {capacity: {ml.p4d.24xlarge: 1}, sharing: RESERVE, state: draining}
  gpu: {compute_environments: [small, large], scheduling: {policy: fair-share, proportions: {a: 1, b: 1}}}
  gpu-fifo: {compute_environments: [small], scheduling: {policy: fifo}}
  gpu-nodes: {compute_environments: [nodes], scheduling: {policy: fifo}}
"""


def write_file(folder: Path) -> Path:
    """Write the environment file of the queues, and return its path."""
    path = folder / "environments" / "team.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(FILE)
    return path


def queues(path: Path) -> dict[str, Queue]:
    """Return the queues of the environment file by name."""
    names = ("fifo", "fair", "quota", "gpu", "gpu-fifo", "gpu-nodes")
    return {name: queue_of_environment(path, name) for name in names}


def payload(**members: Any) -> dict[str, Any]:
    """Return a CreateTrainingJob payload with a member of each kind, for the share `a` of the queue `quota`."""
    return {
        "RoleArn": ROLE,
        "AlgorithmSpecification": {
            "TrainingImage": "123456789012.dkr.ecr.us-east-1.amazonaws.com/train:1",
            "TrainingInputMode": "FastFile",
            "ContainerEntrypoint": ["torchrun", "train.py"],
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*)"}],
        },
        "HyperParameters": {"epochs": "10"},
        "Environment": {"NCCL_DEBUG": "INFO"},
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/train/"}},
                "CompressionType": "None",
            }
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://models/a/"},
        "CheckpointConfig": {"S3Uri": "s3://models/a/checkpoints/"},
        "ResourceConfig": {"InstanceType": "ml.p4d.24xlarge", "InstanceCount": 2, "VolumeSizeInGB": 200},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "VpcConfig": {"SecurityGroupIds": ["sg-0123"], "Subnets": ["subnet-0123"]},
        "Tags": [{"Key": "team", "Value": "a"}],
        "EnableNetworkIsolation": False,
        **members,
    }


def service_job(**members: Any) -> dict[str, Any]:
    """Return a SubmitServiceJob request that the queue `quota` accepts."""
    training = members.pop("training", {})
    return {
        "jobName": "resnet-7",
        "jobQueue": "quota",
        "serviceJobType": "SAGEMAKER_TRAINING",
        "serviceRequestPayload": json.dumps(payload(**training)),
        "quotaShareName": "a",
        "schedulingPriority": 10,
        "retryStrategy": {"attempts": 2, "evaluateOnExit": [{"action": "RETRY", "onStatusReason": "Received*"}]},
        "timeoutConfig": {"attemptDurationSeconds": 7200},
        "preemptionConfiguration": {"preemptionRetriesBeforeTermination": 3},
        "tags": {"project": "resnet"},
        "clientToken": "token-1",
        **members,
    }


def container_job(**members: Any) -> dict[str, Any]:
    """Return a SubmitJob request that the queue `gpu` accepts."""
    return {
        "jobName": "train-7",
        "jobQueue": "gpu",
        "jobDefinition": "train",
        "shareIdentifier": "a",
        "schedulingPriorityOverride": 5,
        "retryStrategy": {"attempts": 2, "evaluateOnExit": [{"action": "RETRY", "onExitCode": "143"}]},
        "timeout": {"attemptDurationSeconds": 3600},
        "arrayProperties": {"size": 4},
        "dependsOn": [{"type": "SEQUENTIAL"}],
        "containerOverrides": {
            "command": ["python", "train.py"],
            "environment": [{"name": "EPOCHS", "value": "10"}],
            "resourceRequirements": [{"type": "GPU", "value": "4"}],
        },
        "parameters": {"data": "s3://data/"},
        "propagateTags": True,
        "tags": {"project": "resnet"},
        **members,
    }
