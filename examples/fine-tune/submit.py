"""Submission of fine-tuning jobs to a fair-share queue with the SageMaker Python SDK v3.

Submits jobs for each share, raises the priority of one job, prints the state of the queue, waits for the results, and
terminates the jobs that have not ended. `fine_tune.ipynb` has the same steps in cells.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from pydantic import ValidationError
from sagemaker.core.helper.iam_role_resolver import RoleValidationError
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.training.configs import (
    CheckpointConfig,
    Compute,
    InputData,
    SourceCode,
    StoppingCondition,
)
from sagemaker.train.aws_batch.training_queue import TrainingQueue
from sagemaker.train.aws_batch.training_queued_job import TrainingQueuedJob
from sagemaker.train.distributed import Torchrun
from sagemaker.train.model_trainer import ModelTrainer

HERE = Path(__file__).parent
HOURS = 3600
LIVE = ("SUBMITTED", "PENDING", "RUNNABLE", "SCHEDULED", "STARTING", "RUNNING")
UPDATED_PRIORITY = 50


class WrongInput(ValueError):  # noqa: N818
    """Wrong option of the script, with what to do."""


def check_shares(queue: str, shares: Sequence[str]) -> None:
    """Check that the scheduling policy of the queue has the shares. AWS Batch accepts others, with weight factor 1.

    Raises:
        WrongInput: If the queue or a share does not exist, or if the queue has no fair-share scheduling policy.
    """
    batch: Any = boto3.client("batch")
    described = batch.describe_job_queues(jobQueues=[queue])["jobQueues"]
    if not described:
        raise WrongInput(
            f"queue {queue}: does not exist in {batch.meta.region_name}; check --queue and AWS_DEFAULT_REGION"
        )
    arns = [arn] if (arn := described[0].get("schedulingPolicyArn")) else []
    policies = batch.describe_scheduling_policies(arns=arns)["schedulingPolicies"] if arns else []
    if not policies or "fairsharePolicy" not in policies[0]:
        raise WrongInput(f"queue {queue}: has no fair-share scheduling policy; use a queue with fair share")
    allowed = sorted(share["shareIdentifier"] for share in policies[0]["fairsharePolicy"]["shareDistribution"])
    for share in shares:
        if not any(share == name or (name.endswith("*") and share.startswith(name[:-1])) for name in allowed):
            raise WrongInput(f"share {share}: not in the scheduling policy of {queue}; use {', '.join(allowed)}")


def build_trainer(image: str, instance_type: str, role: str | None, output: str | None) -> ModelTrainer:
    """Return the training of one job. Each job needs its own, because a submission sets the checkpoint's S3 URI."""
    bucket, _, prefix = output.removeprefix("s3://").partition("/") if output else (None, "", "")
    return ModelTrainer(
        sagemaker_session=Session(default_bucket=bucket, default_bucket_prefix=prefix.strip("/") or None),
        training_image=image,
        source_code=SourceCode(source_dir=str(HERE / "source"), entry_script="train.py"),
        distributed=Torchrun(),
        compute=Compute(instance_type=instance_type, instance_count=1, volume_size_in_gb=50),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=2 * HOURS),
        checkpoint_config=CheckpointConfig(),
        base_job_name="fine-tune",
        role=role,
    )


def print_queue(queue: str) -> None:
    """Print the jobs of the queue that have not ended, by share and status, and the order in which they wait."""
    training_queue = TrainingQueue(queue)
    # A job whose status changes during the calls is in two lists: the later status counts.
    jobs = {job.job_arn: (job, status) for status in LIVE for job in training_queue.list_jobs_by_share(status)}
    rows = sorted((job.share_identifier or "", status, job.job_name) for job, status in jobs.values())
    print(f"\nJobs of {queue}")
    print_table(("Share", "Status", "Job"), rows)
    batch: Any = boto3.client("batch")
    front = batch.get_job_queue_snapshot(jobQueue=queue)["frontOfQueue"]["jobs"]
    waiting = [jobs[entry["jobArn"]][0] for entry in front if entry["jobArn"] in jobs]
    rows = [(str(position), job.share_identifier or "", job.job_name) for position, job in enumerate(waiting, 1)]
    print(f"\nFront of {queue}")
    print_table(("Position", "Share", "Job"), rows)


def print_results(jobs: Sequence[TrainingQueuedJob]) -> bool:
    """Wait for the end of all jobs, print how they ended, and return True if all succeeded."""
    results = [job.wait() for job in jobs]
    print("\nResults")
    rows = [(result["jobName"], result["status"], result.get("statusReason", "")) for result in results]
    print_table(("Job", "Status", "Reason"), rows)
    return all(result["status"] == "SUCCEEDED" for result in results)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table with aligned columns."""
    lines = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(value.ljust(width) for value, width in zip(line, widths, strict=True)).rstrip())


def terminate(jobs: Sequence[TrainingQueuedJob]) -> None:
    """Terminate the jobs that have not ended."""
    for job in jobs:
        if job.describe()["status"] in LIVE:
            job.terminate("terminated by submit.py")
            print(f"Terminated {job.job_name}")


def run(options: argparse.Namespace) -> bool:
    """Submit the jobs and do what the options say with them. Return False if a job failed."""
    check_shares(options.queue, options.shares)
    inputs = [
        InputData(channel_name="train", data_source=options.train),
        InputData(channel_name="val", data_source=options.val),
        InputData(channel_name="config", data_source=options.config),
    ]
    for data in inputs:
        if not data.data_source.startswith("s3://") and not Path(data.data_source).exists():
            raise WrongInput(f"--{data.channel_name} {data.data_source}: does not exist; use a folder or an S3 URI")
    if options.jobs < 1:
        raise WrongInput(f"--jobs {options.jobs}: too few; use 1 or more")
    queue, jobs = TrainingQueue(options.queue), list[TrainingQueuedJob]()
    keep = options.then == "keep"
    try:
        for share in options.shares:
            for number in range(1, options.jobs + 1):
                trainer = build_trainer(options.image, options.instance_type, options.role, options.output)
                name = f"fine-tune-{share.lower()}-{number}"
                jobs.append(queue.submit(trainer, inputs, name, share_identifier=share, priority=1))
                print(f"Submitted {name}")
        # The last job of the first share moves before the other jobs of this share.
        jobs[options.jobs - 1].update(UPDATED_PRIORITY)
        print_queue(options.queue)
        return print_results(jobs) if options.then == "wait" else True
    except BaseException:
        keep = False
        raise
    finally:
        if not keep:
            terminate(jobs)


def main(arguments: Sequence[str]) -> int:
    """Run the flow, and return the exit code: 1 if a job failed, 2 if an input is wrong or AWS refuses a call."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", required=True, help="image with PyTorch and PyYAML")
    parser.add_argument("--queue", default="training-g6", help="default: %(default)s")
    parser.add_argument("--shares", nargs="+", default=["LOWPRI", "MIDPRI", "HIGHPRI"], help="default: %(default)s")
    parser.add_argument("--jobs", type=int, default=2, help="number of jobs of each share; default: %(default)s")
    parser.add_argument("--instance-type", default="ml.g6.12xlarge", help="default: %(default)s")
    parser.add_argument("--role", help="name or ARN of the execution role; default: the role that you use")
    parser.add_argument("--output", help="S3 URI for code, models and checkpoints; default: the bucket of the SDK")
    for channel, folder in (("train", "data/train"), ("val", "data/val"), ("config", "config")):
        parser.add_argument(f"--{channel}", default=str(HERE / folder), help="folder or S3 URI; default: %(default)s")
    parser.add_argument("--then", choices=("wait", "terminate", "keep"), default="wait", help="default: %(default)s")
    for name in ("botocore", "sagemaker"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        return 0 if run(parser.parse_args(arguments)) else 1
    except NoCredentialsError:
        message = "no AWS credentials; run aws configure or aws sso login, or set AWS_PROFILE"
    except ValidationError as error:  # of the SDK, for example for a role that does not exist
        message = "; ".join(problem["msg"] for problem in error.errors())
    except (WrongInput, RoleValidationError, BotoCoreError, ClientError) as error:
        message = str(error)
    print(f"submit.py: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
