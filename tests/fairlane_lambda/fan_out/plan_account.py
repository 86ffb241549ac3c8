"""Account in which the function `plan` runs: S3 and DynamoDB of moto, and fakes of AWS Batch, ECR and Athena."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3
from botocore.exceptions import ClientError
from moto import mock_aws

from fairlane_lambda.fan_out.config import parse_config
from fairlane_lambda.fan_out.ledger import Ledger
from fairlane_lambda.fan_out.lines import Line
from fairlane_lambda.fan_out.names import plan_folder
from fairlane_lambda.fan_out.placement import Choice, Placer
from fairlane_lambda.fan_out.plan import handler
from fairlane_lambda.fan_out.table import Table

ACCOUNT = "111122223333"
HOME = "us-east-1"
REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "eu-central-1")
ROLE = f"arn:aws:iam::{ACCOUNT}:role/search"
BUCKET, STORE, TABLE = "fan-out-bucket", "sweep-store-bucket", "ledger"
DIGEST = f"sha256:{'ab' * 32}"
TEMPLATE: dict[str, Any] = {
    "TrainingJobName": "campaign",
    "RoleArn": "${role}",
    "AlgorithmSpecification": {"TrainingImage": "training/pytorch:1", "TrainingInputMode": "File"},
    "HyperParameters": {"epochs": "3", "lr": "0.1"},
    "InputDataConfig": [
        {"ChannelName": "train", "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "${data}"}}}
    ],
    "OutputDataConfig": {"S3OutputPath": "s3://models-${region}/"},
    "ResourceConfig": {
        "InstanceType": "ml.p4d.24xlarge",
        "InstanceCount": "${instance_count}",
        "VolumeSizeInGB": 100,
    },
    "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
}
CONTAINERS = {"jobDefinition": "simulate", "metric": "score", "direction": "maximize"}
PAGE = 2


class Last:
    """Placer that takes the last candidate."""

    def __init__(self, *_: Any) -> None:
        pass

    def place(self, line: Line) -> Choice:
        region, data, _ = line.candidates[-1]
        return Choice(region, data, "the last one")


@cache
def _client(service: str) -> Any:
    return boto3.client(service, region_name=HOME)


def error(code: str, operation: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, operation)


class Pages:
    """Client of which each operation returns one of its lists, two entries a page."""

    def __init__(self, lists: dict[str, Any]) -> None:
        self.lists = lists
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def get_paginator(self, operation: str) -> Any:
        def paginate(**request: Any) -> Iterator[dict[str, Any]]:
            member, read = self.lists[operation]
            entries = read(request)
            for start in range(0, max(len(entries), 1), PAGE):
                self.calls.append((operation, request))
                yield {member: entries[start : start + PAGE]}

        return SimpleNamespace(paginate=paginate)


class Batch(Pages):
    """AWS Batch of a Region.

    Attributes:
        queues: Share policy by queue: `fifo`, or `fair` or `quota` with the names of the shares.
        containers: Names of the queues for containers.
        definitions: Job definitions.
    """

    def __init__(self) -> None:
        self.queues: dict[str, tuple[str, Sequence[str]]] = {"training": ("fifo", ())}
        self.containers: set[str] = set()
        self.definitions: list[dict[str, Any]] = []
        super().__init__(
            {
                "describe_job_queues": ("jobQueues", self._queues),
                "list_quota_shares": ("quotaShares", self._shares),
                "describe_job_definitions": ("jobDefinitions", lambda _: self.definitions),
            }
        )

    def describe_scheduling_policies(self, arns: Sequence[str]) -> dict[str, Any]:
        policies = []
        for arn in arns:
            kind, names = self.queues[arn]
            shares = [{"shareIdentifier": name} for name in names]
            policy = {"quotaSharePolicy": {}} if kind == "quota" else {"fairsharePolicy": {"shareDistribution": shares}}
            policies.append({"arn": arn, **policy})
        return {"schedulingPolicies": policies}

    def _queues(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [
            {
                "jobQueueName": name,
                "jobQueueType": "ECS" if name in self.containers else "SAGEMAKER_TRAINING",
                **({} if kind == "fifo" else {"schedulingPolicyArn": name}),
            }
            for name, (kind, _) in self.queues.items()
            if name in request["jobQueues"]
        ]

    def _shares(self, request: Mapping[str, Any]) -> list[dict[str, str]]:
        return [{"quotaShareName": name} for name in self.queues[request["jobQueue"]][1]]


class Ecr:
    """ECR of a Region.

    Attributes:
        images: Digest by repository and tag.
    """

    def __init__(self) -> None:
        self.images = {("training/pytorch", "1"): DIGEST}
        self.calls = 0

    def describe_images(self, repositoryName: str, imageIds: Any) -> dict[str, Any]:  # noqa: N803
        self.calls += 1
        [wanted] = imageIds
        for (repository, tag), digest in self.images.items():
            if repository == repositoryName and (wanted.get("imageTag") == tag or wanted.get("imageDigest") == digest):
                return {"imageDetails": [{"imageDigest": digest}]}
        raise error("ImageNotFoundException", "DescribeImages")


class Athena:
    """Athena, in which a query ends at its second look."""

    def __init__(self) -> None:
        self.state, self.reason = "RUNNING", ""
        self.queries: list[str] = []

    def start_query_execution(self, QueryString: str, **_: Any) -> dict[str, str]:  # noqa: N803
        self.queries.append(QueryString)
        return {"QueryExecutionId": "query-1"}

    def get_query_execution(self, QueryExecutionId: str) -> dict[str, Any]:  # noqa: N803
        status = {"State": self.state, "StateChangeReason": self.reason}
        location = f"s3://{BUCKET}/queries/{QueryExecutionId}.csv"
        return {"QueryExecution": {"Status": status, "ResultConfiguration": {"OutputLocation": location}}}


class Account:
    """Account with a fan-out.

    Attributes:
        config: Content of the configuration.
        batch: AWS Batch by Region.
        ecr: ECR by Region.
        athena: Athena at home.
        s3: S3 client.
        dynamodb: DynamoDB client.
        placer: Class of the placer.
        environment: Environment variables of the function.
        remaining_ms: Milliseconds until AWS Lambda ends the function.
    """

    def __init__(self) -> None:
        self.config: dict[str, Any] = {
            "name": "campaigns",
            "home": HOME,
            "template": json.dumps(TEMPLATE),
            "query": "SELECT 1",
            "regions": {region: {"queues": ["training"]} for region in REGIONS},
            "placement": ["price"],
            "residency": {},
            "copy_from": [f"s3://{BUCKET}/"],
            "copy_to": ["s3://near/"],
            "job_definitions": ["simulate"],
        }
        self.batch = {region: Batch() for region in REGIONS}
        self.ecr = {region: Ecr() for region in REGIONS}
        self.athena = Athena()
        self.s3 = _client("s3")
        for bucket in (BUCKET, STORE):
            self.s3.create_bucket(Bucket=bucket)
            self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        self.dynamodb = _client("dynamodb")
        names = ("pk", "sk")
        self.dynamodb.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
        )
        self.placer: Any = Placer
        self.remaining_ms = 900_000
        self.environment = {
            "BUCKET": BUCKET,
            "TABLE": TABLE,
            "STORE": STORE,
            "DATABASE": "fan_out",
            "WORKGROUP": "fan-out",
            "ROLES": json.dumps({"search": ROLE, "other": f"{ROLE}-other"}),
        }

    @property
    def table(self) -> Table:
        """Table of the ledger."""
        return Table(self.dynamodb, TABLE)

    @property
    def ledger(self) -> Ledger:
        """Ledger of the fan-out."""
        return Ledger(self.table)

    def client(self, service: str, region: str) -> Any:
        fakes: dict[str, Any] = {"batch": self.batch, "ecr": self.ecr, "athena": {HOME: self.athena}}
        return fakes[service][region] if service in fakes else {"s3": self.s3, "dynamodb": self.dynamodb}[service]

    def run(self, **event: Any) -> dict[str, Any]:
        """Return the state after one call of the function."""
        context = SimpleNamespace(
            invoked_function_arn=f"arn:aws:lambda:{HOME}:{ACCOUNT}:function:plan",
            get_remaining_time_in_millis=lambda: self.remaining_ms,
        )
        with (
            patch.object(handler, "_client", self.client),
            patch.object(handler, "Placer", self.placer),
            patch.object(handler, "read_config", lambda: parse_config(json.dumps(self.config))),
            patch.dict("os.environ", self.environment),
        ):
            return handler.handler(event, context)

    def put(self, content: str | bytes, name: str = "drives.jsonl") -> dict[str, str]:
        """Write a manifest, and return the input of an execution."""
        key = f"manifests/{name}"
        body = content if isinstance(content, bytes) else content.encode()
        return {"key": key, "version": self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)["VersionId"]}

    def plan(self, content: str | bytes, name: str = "drives.jsonl", operation: str = "start") -> dict[str, Any]:
        """Plan a manifest, and return the state."""
        return self.run(**self.put(content, name), operation=operation)

    def answer(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer of a state."""
        found: dict[str, Any] = self.json(state["plan"])
        return found

    def problems(self, content: str | bytes, name: str = "drives.jsonl") -> list[str]:
        """Return the problems of a refused manifest."""
        record = self.ledger.manifest("drives")
        state = self.plan(content, name)
        assert state["status"] == "REFUSED"
        folder = plan_folder(state["manifest"], state["version"])
        assert self.keys(folder) == [f"{folder}plan.json"]
        assert self.ledger.manifest("drives") == record
        found: list[str] = self.answer(state)["problems"]
        return found

    def part(self, state: Mapping[str, Any], region: str) -> list[dict[str, Any]]:
        """Return the lines of the part of a Region."""
        keys = [entry["part"] for entry in state["regions"] if entry["region"] == region]
        return [json.loads(line) for key in keys for line in self.read(key).splitlines()]

    def settle(self, state: Mapping[str, Any], job_state: str = "SUBMITTED") -> None:
        """Put the lines of a plan into the ledger, as the function `submit` does."""
        for entry in state["regions"]:
            for line in self.part(state, entry["region"]):
                self.set_state(state["manifest"], line, entry["region"], job_state)

    def set_state(self, manifest: str, line: Mapping[str, Any], region: str, state: str) -> None:
        item = {"pk": manifest, "sk": f"line#{line['digest']}", "id": line["id"], "kind": line["kind"]}
        self.table.put(item | {"region": region, "state": state, "placement": line["reason"]})

    def json(self, key: str) -> Any:
        return json.loads(self.read(key))

    def read(self, key: str, bucket: str = BUCKET) -> bytes:
        content: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    def keys(self, prefix: str) -> list[str]:
        entries = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return [entry["Key"] for entry in entries]


@contextmanager
def account() -> Iterator[Account]:
    """Provide an account with a fan-out."""
    credentials = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    with patch.dict("os.environ", credentials), mock_aws():
        yield Account()


def line(identifier: str = "a", **fields: Any) -> dict[str, Any]:
    """Return a line of a manifest. A field of None is left out."""
    whole = {"id": identifier, "region": HOME, "data": f"s3://{BUCKET}/{identifier}", "instance_count": 15} | fields
    return {name: value for name, value in whole.items() if value is not None}


def manifest(*lines: Mapping[str, Any]) -> str:
    """Return a manifest in JSON lines."""
    return "".join(f"{json.dumps(one)}\n" for one in lines)
