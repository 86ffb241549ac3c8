"""Copies of data before the jobs that read it, by S3 Batch Operations.

An execution that waits keeps its pending jobs in an object of its own, so that it asks for each of them only once a
poll, and for a finished copy never again.
"""

import json
import os
import time
from collections.abc import Iterable
from functools import cache
from typing import Any, Final
from uuid import uuid4

from fairlane_lambda.fan_out.copy_jobs import COPIES, UNKNOWN_JOB, CopyFailed, CopyJob, is_outage
from fairlane_lambda.fan_out.placement import Copy
from fairlane_lambda.fan_out.plan.objects import Bucket

_BUDGET_SECONDS: Final = 300
"""Seconds after which a call leaves the other copies to the next one."""


def start(copies: Iterable[Copy], waiting: str = "") -> str:
    """Start the copies that are not started, and return the key of the pending ones. Empty if all have ended.

    Args:
        copies: Copies of a manifest, the same in all calls of an execution.
        waiting: Result of the call before. Default: the first call of an execution, which starts the copies.

    Raises:
        CopyFailed: If copies failed, or cannot be started. The first call of the next execution starts them again.
    """
    role = os.environ.get("COPY_ROLE", "")
    if not role:
        raise CopyFailed("the fan-out allows no copies: set copy_from and copy_to")
    s3 = _client("s3", os.environ.get("AWS_REGION", ""))
    bucket = Bucket(s3, os.environ["BUCKET"])
    region_of = cache(lambda name: bucket_region(s3, name))
    unique = [*{(copy.source, copy.target): copy for copy in copies}.values()]
    known = bucket.read(waiting) if waiting else None
    pending: list[tuple[int, str]]
    pending = json.loads(known) if known else [(index, UNKNOWN_JOB) for index in range(len(unique))]
    deadline = time.monotonic() + _BUDGET_SECONDS
    left: list[tuple[int, str]] = []
    problems: list[str] = []
    for index, known_job in pending:
        job: str | None = known_job
        copy = unique[index]
        try:
            if time.monotonic() < deadline:
                copying = CopyJob(copy, role, bucket, s3, _client("s3control", copy.region), region_of)
                job = copying.poll(known_job) if known_job else copying.begin()
        except CopyFailed as error:
            problems += error.problems
            continue
        except Exception as error:
            if not is_outage(error):
                raise
        if job is not None:
            left.append((index, job))
    if problems:
        raise CopyFailed(*problems)
    if not left:
        return ""
    key = waiting or f"{COPIES}waiting/{uuid4().hex}.json"
    content = json.dumps(left, separators=(",", ":")).encode()
    if content != known:
        bucket.put(key, content)
    return key


def bucket_region(s3: Any, name: str) -> str:
    """Return the Region of a bucket. Empty if it is absent or of another account.

    Args:
        s3: boto3 client of Amazon S3.
        name: Name of the bucket.
    """
    from botocore.exceptions import ClientError

    try:
        constraint: str | None = s3.get_bucket_location(Bucket=name).get("LocationConstraint")
    except ClientError as error:
        if is_outage(error):
            raise
        return ""
    return {"": "us-east-1", "EU": "eu-west-1"}.get(constraint or "", constraint or "")


@cache
def _client(service: str, region: str) -> Any:
    import boto3

    return boto3.client(service, region_name=region or None)
