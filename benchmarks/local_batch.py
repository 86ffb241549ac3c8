"""Benchmark of the local AWS Batch against moto's container jobs, through HTTP, with ratios within one run.

Each server runs in its own process, and each request is a call of boto3. Moto marks a job as succeeded when it is
submitted, and schedules nothing. The local AWS schedules SageMaker training jobs in a fair-share queue with 20 shares.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from local_batch_server import local_server, moto_server

SHARES = [f"team-{number:02}" for number in range(20)]
CLIENTS = 2
SMALL, MEDIUM, LARGE = 2_000, 10_000, 100_000
CALLS = 300
IDLE_SECONDS = 10
MIN_RATE = 200
MAX_PASS_SECONDS = 1
MAX_DESCRIBE, MAX_SNAPSHOT = 20, 50
MAX_IDLE = 1
MAX_MIB = 1024
_PAYLOAD = json.dumps({"ResourceConfig": {"InstanceType": "ml.p4d.24xlarge", "InstanceCount": 1}})
_TRUST = {"Version": "2012-10-17", "Statement": []}

Submit = Callable[[Any, int], Any]


def create_training_queue(batch: Any, instances: int) -> None:
    """Create a fair-share queue for SageMaker training jobs."""
    environment = batch.create_service_environment(
        serviceEnvironmentName="gpus",
        serviceEnvironmentType="SAGEMAKER_TRAINING",
        capacityLimits=[{"maxCapacity": instances, "capacityUnit": "NUM_INSTANCES"}],
    )["serviceEnvironmentArn"]
    weights = [{"shareIdentifier": share, "weightFactor": 1 + index % 5} for index, share in enumerate(SHARES)]
    policy = {"shareDecaySeconds": 3600, "shareDistribution": weights}
    batch.create_job_queue(
        jobQueueName="training",
        jobQueueType="SAGEMAKER_TRAINING",
        priority=1,
        serviceEnvironmentOrder=[{"order": 1, "serviceEnvironment": environment}],
        schedulingPolicyArn=batch.create_scheduling_policy(name="fair", fairsharePolicy=policy)["arn"],
    )


def create_container_queue(batch: Any, iam: Any) -> None:
    """Create a queue for containers, and a job definition."""
    role = iam.create_role(RoleName="batch", AssumeRolePolicyDocument=json.dumps(_TRUST))["Role"]["Arn"]
    environment = batch.create_compute_environment(computeEnvironmentName="cpus", type="UNMANAGED", serviceRole=role)[
        "computeEnvironmentArn"
    ]
    order = [{"order": 1, "computeEnvironment": environment}]
    batch.create_job_queue(jobQueueName="containers", state="ENABLED", priority=1, computeEnvironmentOrder=order)
    container = {"image": "train", "vcpus": 1, "memory": 128}
    batch.register_job_definition(jobDefinitionName="train", type="container", containerProperties=container)


def submit_service_job(batch: Any, number: int) -> str:
    """Submit a training job, and return its identifier."""
    job = batch.submit_service_job(
        jobName=f"job-{number}",
        jobQueue="training",
        serviceJobType="SAGEMAKER_TRAINING",
        shareIdentifier=SHARES[number % len(SHARES)],
        schedulingPriority=number % 3,
        serviceRequestPayload=_PAYLOAD,
        tags={"fairlane:run-seconds": "3600"},
    )
    return str(job["jobId"])


def submit_container_job(batch: Any, number: int) -> str:
    """Submit a container job, and return its identifier."""
    return str(batch.submit_job(jobName=f"job-{number}", jobQueue="containers", jobDefinition="train")["jobId"])


def submit(call: Submit, batch: Any, jobs: int) -> tuple[float, list[str]]:
    """Return the submissions in a second by all clients together, and the identifiers of the jobs."""
    with ThreadPoolExecutor(CLIENTS) as threads:
        start = time.perf_counter()
        identifiers = list(threads.map(lambda number: call(batch, number), range(jobs)))
        return jobs / (time.perf_counter() - start), identifiers


def percentile(call: Callable[[], object]) -> float:
    """Return the 99th percentile of the time of a call, in milliseconds."""
    seconds = []
    for _ in range(CALLS):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return 1000 * sorted(seconds)[CALLS * 99 // 100]


def compare_submissions() -> bool:
    """Print submissions a second to both servers. Return False if a figure is out of its bounds."""
    with moto_server() as (batch, iam):
        create_container_queue(batch, iam)
        moto, _ = submit(submit_container_job, batch, SMALL)
    with local_server() as server:
        create_training_queue(server.client(), 100)
        local, _ = submit(submit_service_job, server.client(), SMALL)
    print(
        f"{SMALL:>7,} jobs: {local:.0f} submissions a second (at least {MIN_RATE}), moto {moto:.0f}: "
        f"{local / moto:.2f} times as many"
    )
    return local >= MIN_RATE


def measure_waiting() -> bool:
    """Print figures of a queue with 10,000 waiting jobs. Return False if a figure is out of its bounds."""
    with local_server() as server:
        batch = server.client()
        create_training_queue(batch, 100)
        _, jobs = submit(submit_service_job, batch, MEDIUM)
        describe = percentile(lambda: batch.describe_service_job(jobId=jobs[-1]))
        snapshot = percentile(lambda: batch.get_job_queue_snapshot(jobQueue="training"))
        first = server.advance(1)
        capacity = [{"maxCapacity": MEDIUM, "capacityUnit": "NUM_INSTANCES"}]
        batch.update_service_environment(serviceEnvironment="gpus", capacityLimits=capacity)
        rest = server.advance(1)
    print(
        f"{MEDIUM:>7,} waiting jobs: p99 of DescribeServiceJob {describe:.1f} ms (at most {MAX_DESCRIBE}), of "
        f"GetJobQueueSnapshot {snapshot:.1f} ms (at most {MAX_SNAPSHOT}); CPU of a pass that starts 100 jobs "
        f"{first:.3f} s, and of a pass that starts {MEDIUM - 100:,} jobs {rest:.3f} s (at most {MAX_PASS_SECONDS})"
    )
    return describe <= MAX_DESCRIBE and snapshot <= MAX_SNAPSHOT and max(first, rest) <= MAX_PASS_SECONDS


def measure_idle() -> bool:
    """Print the CPU use of a server with waiting jobs and a real clock. Return False if it is out of its bounds."""
    with local_server(speed=1) as server:
        batch = server.client()
        create_training_queue(batch, 100)
        submit(submit_service_job, batch, SMALL)
        time.sleep(2)  # jobs of the last second start
        before, _ = server.use()
        time.sleep(IDLE_SECONDS)
        idle = 100 * (server.use()[0] - before) / IDLE_SECONDS
    print(f"{SMALL:>7,} jobs that wait on a real clock: {idle:.2f} % of a core (at most {MAX_IDLE})")
    return idle <= MAX_IDLE


def measure_memory(jobs: int) -> bool:
    """Print the peak memory of a server. Return False if it is out of its bounds."""
    with local_server() as server:
        batch = server.client()
        create_training_queue(batch, 100)
        speed, _ = submit(submit_service_job, batch, jobs)
        seconds = server.advance(1)
        _, mib = server.use()
    print(
        f"{jobs:>7,} jobs: {speed:.0f} submissions a second, CPU of a pass {seconds:.3f} s, "
        f"{mib} MiB (at most {MAX_MIB})"
    )
    return mib <= MAX_MIB


def main() -> int:
    """Print the figures. The exit code is 1 if a figure is out of its bounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--jobs", type=int, default=LARGE, help="number of jobs of the measurement of memory (default: %(default)s)"
    )
    chosen = parser.parse_args()
    within = [compare_submissions(), measure_waiting(), measure_idle(), measure_memory(chosen.jobs)]
    return int(not all(within))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    sys.exit(main())
