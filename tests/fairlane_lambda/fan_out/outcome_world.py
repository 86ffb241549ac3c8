"""Functions `outcomes` and `reconcile` with a ledger, AWS Batch, S3 and SageMaker in memory."""

import gzip
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any
from unittest.mock import patch

from botocore.exceptions import ClientError

from fairlane_lambda.fan_out import models
from fairlane_lambda.fan_out.config import Config
from fairlane_lambda.fan_out.ledger import Ledger
from fairlane_lambda.fan_out.names import line_key
from fairlane_lambda.fan_out.outcomes import handler as outcomes
from fairlane_lambda.fan_out.reconcile import handler as reconcile
from fairlane_lambda.fan_out.table import Table

from .fake_dynamodb import FakeDynamoDB
from .job_histories import FAN_OUT, MANIFEST, START, Life, event_of

REGIONS = ("us-east-1", "us-west-2")
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

Fails = Callable[[str], str]


def failure(code: str, status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "x"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Call"
    )


class Context:
    """Context of an invocation."""

    def __init__(self, milliseconds: int = 300_000) -> None:
        self.left = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self.left


class Client:
    """Client whose calls are counted and fail on demand.

    Attributes:
        fail: Function that gets the name of a call, and returns "" or how it fails: `before` or `after` its effect, or
            an error code.
    """

    def __init__(self, inner: Any, fail: Fails = lambda call: "") -> None:
        self.inner, self.fail = inner, fail
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            self.calls[name] += 1
            how = self.fail(name)
            if how == "before":
                raise failure("ThrottlingException", 429)
            if how not in ("", "after"):
                raise failure(how)
            answer = getattr(self.inner, name)(**request)
            if how == "after":
                raise failure("InternalServerError", 500)
            return answer

        return call


class FakeDescriptions:
    """AWS Batch that describes jobs, in all Regions."""

    def __init__(self) -> None:
        self.lives: dict[str, Life] = {}
        self.pages: list[int] = []

    def describe_service_job(self, **request: Any) -> dict[str, Any]:
        if request["jobId"] not in self.lives:
            raise failure("ClientException")
        return self.lives[request["jobId"]].description

    def describe_jobs(self, *, jobs: list[str]) -> dict[str, Any]:
        assert 0 < len(jobs) <= 100
        self.pages.append(len(jobs))
        return {"jobs": [self.lives[job].description for job in jobs if job in self.lives]}

    def list_service_jobs(self, **request: Any) -> dict[str, Any]:
        return self._list("service", request["filters"])

    def list_jobs(self, **request: Any) -> dict[str, Any]:
        return self._list("array", request["filters"])

    def _list(self, kind: str, filters: list[dict[str, Any]]) -> dict[str, Any]:
        ((name,),) = [entry["values"] for entry in filters]
        named = [one for one in self.lives.values() if one.name == name and one.kind == kind and one.child is None]
        return {"jobSummaryList": [{"jobId": one.job_id, "jobName": one.name, "createdAt": START} for one in named]}


class FakeSageMaker:
    """SageMaker that describes training jobs with a model artifact."""

    def describe_training_job(self, **request: Any) -> dict[str, Any]:
        return {"ModelArtifacts": {"S3ModelArtifacts": f"s3://models/{request['TrainingJobName']}/model.tar.gz"}}


class FakeS3:
    """Bucket in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, dict[str, str]]] = {}

    def put_object(self, **request: Any) -> None:
        self.objects[request["Key"]] = (request["Body"], request["Metadata"])

    def head_object(self, **request: Any) -> dict[str, Any]:
        if request["Key"] not in self.objects:
            raise failure("404", 404)
        return {"Metadata": self.objects[request["Key"]][1]}

    def get_object(self, **request: Any) -> dict[str, Any]:
        return {"Body": io.BytesIO(self.objects[request["Key"]][0])}


class World:
    """Fan-out with a ledger and its two functions.

    Attributes:
        now: Current time in epoch milliseconds.
        dynamodb: Client of the ledger.
        batch: Client of AWS Batch.
        sagemaker: Client of SageMaker.
        s3: Client of the bucket.
        printed: Standard output.
        logged: Standard error.
    """

    def __init__(self) -> None:
        self.now = START
        self.table = FakeDynamoDB()
        self.descriptions = FakeDescriptions()
        self.bucket = FakeS3()
        self.dynamodb, self.batch = Client(self.table), Client(self.descriptions)
        self.sagemaker, self.s3 = Client(FakeSageMaker()), Client(self.bucket)
        self.ledger = Ledger(Table(self.dynamodb, "ledger"))
        self._own = Ledger(Table(self.table, "ledger"))
        self.printed = self.logged = ""

    def put_line(self, life: Life, **fields: Any) -> None:
        """Put the line of a life, as `submit` claims it."""
        item = {
            "pk": MANIFEST,
            "sk": line_key(life.digest),
            "id": f"drive-{int(life.digest, 16)}",
            "kind": life.kind,
            "region": life.region,
            "queue": "training",
            "share": "maps",
            "gpus": 8,
            "placement": "only candidate",
            "job_name": life.name,
            "version": "v1",
            "state": "SUBMITTED",
            "job_id": life.job_id,
            "claimed_at": START,
            "attempted_at": START,
            **({"children": life.size} if life.kind == "array" else {}),
            **fields,
        }
        self._own.table.put({name: value for name, value in item.items() if value is not None})
        if life.kind == "array":
            rows = [{"region": life.region}, *([f"digest-{n}", f"child-{n}"] for n in range(life.size))]
            body = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
            self.bucket.objects[f"plans/{MANIFEST}/arrays/{life.digest}.jsonl"] = (body, {})

    def put_manifest(self, **fields: Any) -> None:
        """Put the record of the manifest."""
        record = {
            "key": "manifests/drives.jsonl",
            "version": "v1",
            "template_digest": "t",
            "lines": 0,
            "regions": {},
            "state": "SUBMITTED",
            "execution": "e",
            "created_at": START,
        }
        self._own.put_manifest(MANIFEST, {**record, **fields})

    def line(self, digest: str, child: int | None = None) -> dict[str, Any]:
        """Return a line of the ledger, or an empty dictionary."""
        return self._own.table.get((MANIFEST, line_key(digest, child))) or {}

    def deliver(self, *events: Any, context: Context | None = None) -> list[int]:
        """Deliver events in a batch, and return the numbers of those that failed."""
        bodies = [event if isinstance(event, str) else json.dumps(event) for event in events]
        records = [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]
        with self._patched():
            answer = outcomes.handler({"Records": records}, context or Context())
        return [int(failed["itemIdentifier"]) for failed in answer["batchItemFailures"]]

    def deliver_lives(self, *events: tuple[Life, int]) -> list[int]:
        """Deliver events of lives, given as a life and the number of its transition."""
        return self.deliver(*(event_of(life, life.transitions[number]) for life, number in events))

    def reconcile(self, context: Context | None = None) -> dict[tuple[str, str | None], float]:
        """Run `reconcile`, and return the values that it printed by metric and Region."""
        before = len(self.printed)
        with self._patched():
            reconcile.handler({}, context or Context())
        values = {}
        for line in map(json.loads, self.printed[before:].splitlines()):
            ((directive,),) = [line["_aws"]["CloudWatchMetrics"]]
            assert directive["Dimensions"] in ([["FanOut"]], [["FanOut", "Region"]])
            assert line["FanOut"] == FAN_OUT
            for metric in directive["Metrics"]:
                values[metric["Name"], line.get("Region")] = line[metric["Name"]]
        return values

    def rows(self, region: str = "us-west-2") -> list[dict[str, Any]]:
        """Return the rows of a Region in the table `outcomes`."""
        body, _ = self.bucket.objects[f"outcomes/manifest={MANIFEST}/{region}.jsonl.gz"]
        return [json.loads(row) for row in gzip.decompress(body).splitlines()]

    @contextmanager
    def _patched(self) -> Iterator[None]:
        out, err = io.StringIO(), io.StringIO()
        config = Config(FAN_OUT, "us-east-1", "{}", None, dict.fromkeys(REGIONS, ("training",)), (), {})
        environment = {"FAN_OUT": FAN_OUT, "BUCKET": "bucket", "TABLE": "ledger", "AWS_REGION": "us-east-1"}
        with (
            patch.dict("os.environ", environment),
            patch("time.time", side_effect=lambda: self.now / 1000),
            patch.object(outcomes, "ledger", lambda: self.ledger),
            patch.object(reconcile, "ledger", lambda: self.ledger),
            patch.object(reconcile, "s3_client", lambda: self.s3),
            patch.object(reconcile, "batch_client", lambda region: self.batch),
            patch.object(reconcile, "read_config", lambda: config),
            patch.object(models, "sagemaker_client", lambda region: self.sagemaker),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                yield
            finally:
                self.printed += out.getvalue()
                self.logged += err.getvalue()
