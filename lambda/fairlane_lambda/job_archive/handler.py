"""Lambda function that receives last events of jobs from an SQS queue and puts their records into Amazon S3.

Each batch becomes one object for each queue and day. The key has a hash of the ids of the jobs, so that a batch that
SQS delivers again replaces its own objects. An invalid event fails alone. An object that cannot be put fails its
events.
"""

import gzip
import hashlib
import json
import os
from typing import Any

from fairlane_lambda.aws_errors import log_error
from fairlane_lambda.job_archive.records import Record, job_record, record_day

PREFIX = "jobs/"
"""Prefix of the objects."""

_LATE_MS = 15_000  # longer than a call with its retries
_CONNECT_SECONDS = 2
_READ_SECONDS = 4
_CALLS = 2

_clients: list[Any] = []

_Place = tuple[str, str]


def handler(batch: dict[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
    """Put the records of a batch of SQS messages, and return the messages that failed."""
    failures: list[str] = []
    jobs: dict[_Place, dict[str, Record]] = {}
    messages: dict[_Place, list[str]] = {}
    for message in batch["Records"]:
        try:
            record = job_record(json.loads(message["body"]))
            place = None if record is None else (record["queue"], record_day(record))
        except Exception as error:  # one event must not stop the others
            failures.append(message["messageId"])
            log_error("an event cannot be archived", error)
            continue
        if record is not None and place is not None:
            jobs.setdefault(place, {})[record["job_id"]] = record
            messages.setdefault(place, []).append(message["messageId"])
    for place, records in jobs.items():
        try:
            if context is not None and context.get_remaining_time_in_millis() < _LATE_MS:
                raise TimeoutError
            _put(place, records)
        except Exception as error:  # one object must not stop the others
            failures += messages[place]
            log_error("an object cannot be put", error)
    return {"batchItemFailures": [{"itemIdentifier": message} for message in failures]}


def object_key(queue: str, day: str, job_ids: list[str]) -> str:
    """Return the key of the object with some jobs."""
    digest = hashlib.sha256("\n".join(sorted(job_ids)).encode()).hexdigest()[:32]
    return f"{PREFIX}queue={queue}/day={day}/{digest}.jsonl.gz"


def s3_client() -> Any:
    """Return the client of Amazon S3, which is created at the first call."""
    if not _clients:
        import boto3
        from botocore.config import Config

        config = Config(
            retries={"mode": "standard", "total_max_attempts": _CALLS},
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
        )
        _clients.append(boto3.client("s3", config=config))
    return _clients[0]


def _put(place: _Place, records: dict[str, Record]) -> None:
    lines = "".join(json.dumps(records[job], separators=(",", ":")) + "\n" for job in sorted(records))
    s3_client().put_object(
        Bucket=os.environ["FAIRLANE_BUCKET"],
        Key=object_key(*place, [*records]),
        Body=gzip.compress(lines.encode(), mtime=0),
        ContentType="application/gzip",
        ExpectedBucketOwner=os.environ["FAIRLANE_ACCOUNT"],
    )
