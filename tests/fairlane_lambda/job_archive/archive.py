"""Archive in memory: a bucket with faults, and the handler that writes to it."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from botocore.exceptions import ClientError, EndpointConnectionError

from fairlane_lambda.job_archive import handler as module

BUCKET = "archive"
ACCOUNT = "111122223333"


def refusal(code: str, status: int) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "SECRET"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject"
    )  # type: ignore[typeddict-item]


FAULTS = (refusal("AccessDenied", 403), refusal("SlowDown", 503), EndpointConnectionError(endpoint_url="https://s3"))


@dataclass
class FakeBucket:
    """Client of Amazon S3 with one bucket.

    Args:
        faults: Error of each call, by the number of the call from 0, and True if the object is written all the same.
    """

    faults: dict[int, tuple[Exception, bool]] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    calls: int = 0

    def put_object(self, **request: Any) -> None:
        assert (request["Bucket"], request["ExpectedBucketOwner"]) == (BUCKET, ACCOUNT)
        error, is_written = self.faults.get(self.calls, (None, True))
        self.calls += 1
        if is_written:
            self.objects[request["Key"]] = request["Body"]
        if error is not None:
            raise error

    def records(self) -> list[dict[str, Any]]:
        """Return the records of all objects. They must have the queue and the day of their keys."""
        found = []
        for key, content in self.objects.items():
            lines = [json.loads(line) for line in gzip.decompress(content).splitlines()]
            assert [line["job_id"] for line in lines] == sorted({line["job_id"] for line in lines})
            assert all(key.startswith(f"jobs/queue={line['queue']}/day=") for line in lines)
            found += [line | {"day": key.split("day=")[1].split("/")[0]} for line in lines]
        return found


@dataclass
class Context:
    """Context of an invocation.

    Args:
        milliseconds: Remaining time at each question, the last one for all further questions.
    """

    milliseconds: list[int]

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds.pop(0) if len(self.milliseconds) > 1 else self.milliseconds[0]


def invoke(bucket: FakeBucket, records: Sequence[dict[str, Any]], context: Context | None = None) -> set[str]:
    """Return the ids of the records that failed."""
    environment = {"FAIRLANE_BUCKET": BUCKET, "FAIRLANE_ACCOUNT": ACCOUNT}
    with mock.patch.object(module, "_clients", [bucket]), mock.patch.dict("os.environ", environment):
        answer = module.handler({"Records": [*records]}, context)
    return {item["itemIdentifier"] for item in answer["batchItemFailures"]}


def messages(*bodies: str) -> list[dict[str, Any]]:
    return [{"messageId": f"m{number}", "body": body} for number, body in enumerate(bodies)]
