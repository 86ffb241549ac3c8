"""Submit a training job to the share of vision, with the role in the outputs of the deployment."""

import json

import boto3

outputs = json.loads(open("outputs.json").read())["fairlane-dev-training"]
training_job = {
    "RoleArn": outputs["trainingExecutionRoleArn"],
    "AlgorithmSpecification": {
        "TrainingImage": "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.6.0-gpu-py312",
        "TrainingInputMode": "File",
    },
    "OutputDataConfig": {"S3OutputPath": "s3://example-dev-models/vision/"},
    "ResourceConfig": {"InstanceType": "ml.g6.12xlarge", "InstanceCount": 2, "VolumeSizeInGB": 100},
    "StoppingCondition": {"MaxRuntimeInSeconds": 4 * 3600},
}
job = boto3.client("batch").submit_service_job(
    jobName="resnet",
    jobQueue=outputs["trainingQueueName"],
    serviceJobType="SAGEMAKER_TRAINING",
    shareIdentifier="vision",
    schedulingPriority=10,
    serviceRequestPayload=json.dumps(training_job),
)
print("submitted", job["jobName"])
