"""Hand-written Lambda functions without Fairlane, which handle each event and each job by itself.

aws-lambda-powertools emits the metrics if it is installed. Otherwise the functions print the embedded metric format.
"""

import json
import time
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

Handler = Callable[[Any, Any], Any]
Values = dict[str, tuple[str, float]]
Emit = Callable[[dict[str, str], Values], None]

HAS_POWERTOOLS = find_spec("aws_lambda_powertools") is not None
IMPORTS = "import boto3" + ("; from aws_lambda_powertools import Metrics" if HAS_POWERTOOLS else "")
_STATES = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")


def job_events(client: Any) -> Handler:
    """Return a handler of batches of whole events, which describes each job and prints its metrics.

    Args:
        client: boto3 client of AWS Batch.
    """
    emit = _by_powertools() if HAS_POWERTOOLS else _by_hand

    def handler(batch: Any, _: Any) -> None:
        for record in batch["Records"]:
            event = json.loads(record["body"])
            if event["detail"]["status"] not in {"SUCCEEDED", "FAILED"}:
                continue
            job_id = event["detail"]["jobId"]
            if event["detail-type"] == "Batch Service Job State Change":
                job = client.describe_service_job(jobId=job_id)
            else:
                job = client.describe_jobs(jobs=[job_id])["jobs"][0]
            emit(
                {"JobQueueName": job["jobQueue"].split("/")[-1], "Share": job.get("shareIdentifier", "none")},
                {
                    "JobWaitTime": ("Seconds", (job["startedAt"] - job["createdAt"]) / 1000),
                    "JobRunTime": ("Seconds", (job["stoppedAt"] - job["startedAt"]) / 1000),
                    "JobsSucceeded" if job["status"] == "SUCCEEDED" else "JobsFailed": ("Count", 1),
                },
            )

    return handler


def poll(client: Any, queue: str, kind: str) -> Counter[str]:
    """Describe all jobs of a queue, and return the number of jobs by status.

    Args:
        client: boto3 client of AWS Batch.
        queue: Name of the queue.
        kind: Kind of the queue: service or compute.
    """
    count: Counter[str] = Counter()
    service = kind == "service"
    jobs: list[str] = []
    for state in (*_STATES, "SCHEDULED") if service else _STATES:
        request = {"jobQueue": queue, "jobStatus": state, "maxResults": 100 if service else 1000}
        while True:
            page = client.list_service_jobs(**request) if service else client.list_jobs(**request)
            jobs += [job["jobId"] for job in page["jobSummaryList"]]
            if "nextToken" not in page:
                break
            request["nextToken"] = page["nextToken"]
    if service:  # the API describes one service job per call
        return Counter(client.describe_service_job(jobId=job)["status"] for job in jobs)
    for start in range(0, len(jobs), 100):
        count.update(job["status"] for job in client.describe_jobs(jobs=jobs[start : start + 100])["jobs"])
    return count


def _by_hand(dimensions: dict[str, str], values: Values) -> None:
    directive = {
        "Namespace": "Jobs",
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": unit} for name, (unit, _) in values.items()],
    }
    line = {"_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}, **dimensions}
    print(json.dumps(line | {name: value for name, (_, value) in values.items()}, separators=(",", ":")))


def _by_powertools() -> Emit:
    metrics = import_module("aws_lambda_powertools").Metrics(namespace="Jobs")

    def emit(dimensions: dict[str, str], values: Values) -> None:
        for name, value in dimensions.items():
            metrics.add_dimension(name=name, value=value)
        for metric, (unit, number) in values.items():
            metrics.add_metric(name=metric, unit=unit, value=number)
        metrics.flush_metrics()

    return emit
