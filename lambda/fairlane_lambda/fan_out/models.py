"""Model artifacts of training jobs, from SageMaker in the Region of the job."""

from functools import cache
from typing import Any

from fairlane_lambda.fan_out.ledger import Ledger
from fairlane_lambda.fan_out.table import Item

DAY_MS = 24 * 3600 * 1000
"""Milliseconds after the end of a job in which its model artifact is asked for."""


def lacks_model(line: Item) -> bool:
    """Return True if the training job of a line succeeded and its model artifact is not recorded."""
    return line.get("state") == "SUCCEEDED" and bool(line.get("training_job")) and "model" not in line


def record_model(ledger: Ledger, line: Item) -> None:
    """Record the model artifact of a line, if its training job has one.

    Args:
        ledger: Ledger of the fan-out.
        line: Line with the keys of the table, whose job succeeded.
    """
    description = sagemaker_client(line["region"]).describe_training_job(TrainingJobName=line["training_job"])
    model = description.get("ModelArtifacts", {}).get("S3ModelArtifacts")
    if model:
        values = {"model": model, "job": line["training_job"]}
        ledger.table.update((line["pk"], line["sk"]), "SET #model = :model", "#training_job = :job", values)


@cache
def sagemaker_client(region: str) -> Any:
    """Return the client of SageMaker in a Region, which is created at the first call."""
    import boto3
    from botocore.config import Config

    retries = {"mode": "standard", "total_max_attempts": 2}
    return boto3.client(
        "sagemaker", region_name=region, config=Config(retries=retries, connect_timeout=2, read_timeout=8)
    )
