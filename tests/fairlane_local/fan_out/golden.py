"""Fan-out over four Regions with 15 instances of eight GPUs in each, deployed to a local AWS with a manual clock."""

import json
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import pytest

from fairlane_client.clock import Clock as ClientClock
from fairlane_client.fan_out import FanOut
from fairlane_lambda.fan_out.ledger import Ledger
from fairlane_lambda.fan_out.table import Table
from fairlane_local import LocalAws
from fairlane_local.batch.api import BatchApi
from fairlane_local.batch.errors import ServiceError
from fairlane_local.clock import Clock
from fairlane_local.console.cdk_deployment import deploy_again, find_cdk_cli
from fairlane_local.server.access import LocalSession
from tests import arrays
from tests.support import REPOSITORY

ACCOUNT: Final = "123456789012"
HOME: Final = "us-east-1"
REGIONS: Final = (HOME, "us-west-2", "eu-west-1", "eu-central-1")
ARRAY_REGIONS: Final = (arrays.HOME, arrays.WEST)
INSTANCE: Final = "ml.p4d.24xlarge"
INSTANCES: Final = 15
IMAGE: Final = "training/pytorch:2.9"
MINUTES: Final = 10
"""Minutes until all news of jobs of a minute are counted: `reconcile` runs every five minutes."""


def synthesize(directory: Path) -> Path:
    """Synthesize a fan-out over four Regions with the template of the example, and return the folder of the app."""
    for name in ("app.py", "node_modules"):
        (directory / name).symlink_to(REPOSITORY / name)
    (directory / "cdk.json").write_bytes((REPOSITORY / "cdk.json").read_bytes())
    environments = directory / "environments"
    environments.mkdir()
    (environments / "fan-outs").symlink_to(REPOSITORY / "environments" / "fan-outs")
    (environments / "golden.yaml").write_text(json.dumps(environment()))
    command = [find_cdk_cli(directory), "synth", "--quiet", "-c", "environment=golden", "--output", "out"]
    process = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    return directory


def environment() -> dict[str, Any]:
    """Return an environment whose queue, images and fan-out are in four Regions, two of them with containers."""
    queues = {"training-p4": {"capacity": INSTANCES, "scheduling": {"policy": "fifo"}}}
    buckets = [f"s3://drives-{region}/" for region in REGIONS]
    role = {"read": buckets, "write": buckets, "repositories": ["training/pytorch"]}
    fan_out: dict[str, Any] = {
        "queues": dict.fromkeys(REGIONS, "training-p4"),
        "execution_roles": ["campaigns"],
        "template": "fan-outs/campaigns.json",
        "copy_from": buckets[1:],
        "copy_to": buckets[:1],
        "job_definitions": ["drive"],
        "store": "arrays",
    }
    fan_out["queues"] |= {region: ["training-p4", "gpu"] for region in ARRAY_REGIONS}
    settings: dict[str, Any] = {
        "region": HOME,
        "account": ACCOUNT,
        "execution_roles": {"campaigns": role},
        "queues": queues,
        "images": {"training/pytorch": {"regions": list(REGIONS[1:])}},
        "fan_outs": {"campaigns": fan_out},
        "sweeps": {"arrays": {"bucket_name": arrays.STORE_BUCKET}},
        "regions": {region: {"queues": queues} for region in REGIONS[1:]},
    }
    for region in ARRAY_REGIONS:
        containers = arrays.containers(region)
        place = settings if region == HOME else settings["regions"][region]
        place |= containers | {"queues": queues | containers["queues"]}
    return settings


def line(number: int, region: str, **fields: Any) -> dict[str, Any]:
    """Return a line for a job on all instances of a Region."""
    return {
        "id": f"drive-{number:02}",
        "region": region,
        "data": f"s3://drives-{region}/{number}/",
        "image": IMAGE,
        "instance_type": INSTANCE,
        "instance_count": INSTANCES,
        "parameters": {"drive": str(number)},
        **fields,
    }


def lines(each: int) -> list[dict[str, Any]]:
    """Return lines, the same number for each Region."""
    return [line(number, REGIONS[number % len(REGIONS)]) for number in range(each * len(REGIONS))]


class Golden:
    """Deployed fan-out.

    Args:
        aws: Local AWS.
        directory: Folder for manifests.

    Attributes:
        fan_out: Client of the fan-out, whose waits move the clock.
    """

    def __init__(self, aws: LocalAws, directory: Path) -> None:
        self.aws = aws
        self._directory = directory
        self._session = LocalSession(aws.port, ACCOUNT, HOME)
        now = lambda: aws.timeline.milliseconds / 1000  # noqa: E731
        self.fan_out = FanOut.open(session=self._session, clock=ClientClock(now, aws.timeline.advance))
        self.place = self.fan_out.place

    @classmethod
    @contextmanager
    def deploy(cls, directory: Path) -> Iterator[Self]:
        """Deploy the synthesized stacks, and push the image."""
        with LocalAws(clock=Clock(None)) as aws:
            deploy_again(directory, directory / "out", endpoint_url=aws.endpoint_url)
            golden = cls(aws, directory)
            repository, _, tag = IMAGE.partition(":")
            manifest = json.dumps({"mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": []})
            golden.client("ecr").put_image(repositoryName=repository, imageManifest=manifest, imageTag=tag)
            yield golden

    def client(self, service: str, region: str = HOME) -> Any:
        """Return a client."""
        return self._session.client(service, region_name=region)

    def file(self, name: str, content: Sequence[Mapping[str, Any]]) -> Path:
        """Write a manifest, and return its path."""
        path = self._directory / f"{name}.jsonl"
        path.write_text("\n".join(map(json.dumps, content)))
        return path

    def create_buckets(self) -> None:
        """Create the bucket of the data of each Region."""
        for region in REGIONS:
            place = {} if region == HOME else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            self.client("s3").create_bucket(Bucket=f"drives-{region}", **place)

    def put(self, path: Path) -> str:
        """Put a manifest where it starts by itself, and return its version."""
        request = {"Bucket": self.place.bucket, "Key": f"manifests/{path.name}", "Body": path.read_bytes()}
        return str(self.client("s3").put_object(**request)["VersionId"])

    def advance(self, minutes: float) -> None:
        """Move the clock."""
        self.aws.timeline.advance(60 * minutes)

    def keys(self, bucket: str, prefix: str) -> Iterator[str]:
        """Yield the keys below a prefix of a bucket."""
        for entry in self.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
            yield entry["Key"]

    def jobs(self, manifest: str, regions: Sequence[str] = REGIONS) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the Region and the description of each job of a manifest, also of those that ended."""
        for region in regions:
            batch = self.client("batch", region)
            name = {"name": "JOB_NAME", "values": [f"campaigns_{manifest}_*"]}
            pages = batch.get_paginator("list_service_jobs").paginate(jobQueue="training-p4", filters=[name])
            for page in pages:
                for job in page["jobSummaryList"]:
                    yield region, batch.describe_service_job(jobId=job["jobId"])

    def ids(self, manifest: str, regions: Sequence[str] = REGIONS) -> Counter[str]:
        """Return the number of jobs of each line, by the parameter that only this line has."""
        payloads = (json.loads(job["serviceRequestPayload"]) for _, job in self.jobs(manifest, regions))
        return Counter(f"drive-{int(payload['HyperParameters']['drive']):02}" for payload in payloads)

    def items(self, manifest: str) -> Iterator[dict[str, Any]]:
        """Yield the lines of a manifest in the ledger."""
        yield from Ledger(Table(self.client("dynamodb"), self.place.table)).lines(manifest)

    def executions(self, manifest: str) -> list[dict[str, Any]]:
        """Return the descriptions of the executions of a manifest, the latest first."""
        states = self.client("stepfunctions")
        listed = states.list_executions(stateMachineArn=self.place.state_machine)["executions"]
        found = [states.describe_execution(executionArn=each["executionArn"]) for each in listed]
        return [each for each in found if f"/{manifest}." in each["input"]]


@contextmanager
def outage(region: str, *operations: str) -> Iterator[None]:
    """Let AWS Batch of a Region answer the requests of some operations, or all of them, with an error."""
    call = BatchApi.call

    def failing(self: BatchApi, operation: str, request: Any) -> Any:
        if self.batch.region == region and (operation in operations or not operations):
            raise ServiceError("Service Unavailable")
        return call(self, operation, request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BatchApi, "call", failing)
        yield
