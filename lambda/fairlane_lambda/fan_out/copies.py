"""Copies of data before the jobs that read it, by S3 Batch Operations.

A record in the bucket of the fan-out, one for each source and target, names the job of the last copy and the digest of
what it copied: keys, ETags and sizes of the source. A source that has not changed is not copied again.

Unverified, because nothing was run against an AWS account: the manifest and the report are in the home Region, the job
is in the Region of the target; `TargetKeyPrefix` has no slash at its end.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from fairlane_lambda.fan_out.names import PLANS
from fairlane_lambda.fan_out.placement import Copy

_FOLDER: Final = f"{PLANS}copies/"
_MOST_BYTES: Final = 5 * 1024**3
"""Largest object that S3 Batch Operations copies."""
_PRIORITY: Final = 10
_SPOOL_BYTES: Final = 8 * 1024**2
_DONE: Final = "done"
_PENDING: Final = "pending"
_FAILED: Final = "failed"


class CopyFailed(Exception):  # noqa: N818  # the name that its callers agreed on
    """Copy that failed. The message names the source and the cause."""


def start(copies: Iterable[Copy]) -> bool:
    """Start the copies that are not started, and return True while one is pending.

    Args:
        copies: Copies of a manifest.

    Raises:
        CopyFailed: If a copy failed, or cannot be started. The next call starts it again.
    """
    role = os.environ.get("COPY_ROLE", "")
    if not role:
        raise CopyFailed("the fan-out allows no copies: set copy_from and copy_to")
    states, problems = [], []
    for copy in dict.fromkeys(copies):
        try:
            states.append(_Transfer(copy, role).state())
        except CopyFailed as error:
            problems.append(str(error))
    if problems:
        raise CopyFailed("; ".join(problems))
    return _PENDING in states


def bucket_region(s3: Any, name: str) -> str:
    """Return the Region of a bucket. Empty if it is absent or of another account.

    Args:
        s3: boto3 client of Amazon S3.
        name: Name of the bucket.
    """
    from botocore.exceptions import ClientError

    try:
        constraint: str | None = s3.get_bucket_location(Bucket=name).get("LocationConstraint")
    except ClientError:
        return ""
    return {"": "us-east-1", "EU": "eu-west-1"}.get(constraint or "", constraint or "")


class _Place(NamedTuple):
    bucket: str
    key: str


class _Transfer:
    """Copy with its record."""

    def __init__(self, copy: Copy, role: str) -> None:
        self._copy, self._role = copy, role
        self._source, self._target = _place(copy.source), _place(copy.target)
        self._bucket = os.environ["BUCKET"]
        self._s3: Any = _client("s3", os.environ.get("AWS_REGION", ""))
        self._control: Any = _client("s3control", copy.region)
        name = hashlib.sha256(f"{copy.source}\n{copy.target}".encode()).hexdigest()[:16]
        self._record_key, self._folder = f"{_FOLDER}{name}.json", f"{_FOLDER}{name}/"

    def state(self) -> str:
        """Return the state of the copy. Start it if the source has changed since the last copy, or if that failed."""
        record = self._read()
        if record.get("state") == _PENDING:
            return self._ask(record)
        place = bucket_region(self._s3, self._target.bucket)
        if place != self._copy.region:
            raise self._failure(f"bucket {self._target.bucket} is in {place or 'an unknown Region'}")
        with tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as manifest:
            digest = self._write_manifest(manifest)
            if record.get("state") == _DONE and record.get("digest") == digest:
                return _DONE
            manifest.seek(0)
            self._create(manifest, digest, record.get("attempt", 0) + 1)
        return _PENDING

    def _write_manifest(self, manifest: Any) -> str:
        """Write the list of the objects of the source, and return their digest."""
        digest, count = hashlib.sha256(), 0
        for item in self._objects():
            if item["Size"] > _MOST_BYTES:
                raise self._failure("an object is larger than 5 GiB, which S3 Batch Operations does not copy")
            digest.update(json.dumps([item["Key"], item["ETag"], item["Size"]]).encode())
            manifest.write(f"{self._source.bucket},{quote(item['Key'])}\n".encode())
            count += 1
        if not count:
            raise self._failure("the source has no objects")
        return digest.hexdigest()

    def _objects(self) -> Iterator[Mapping[str, Any]]:
        from botocore.exceptions import ClientError

        pages = self._s3.get_paginator("list_objects_v2")
        try:
            for page in pages.paginate(Bucket=self._source.bucket, Prefix=self._source.key):
                yield from page.get("Contents", [])
        except ClientError as error:
            raise self._failure(f"the source cannot be listed: {error.response['Error']['Code']}") from None

    def _create(self, manifest: Any, digest: str, attempt: int) -> None:
        """Create the job. The token of an attempt is the same in each call, so a lost answer makes no second job."""
        token = hashlib.sha256(f"{self._record_key}\n{digest}\n{attempt}".encode()).hexdigest()
        partition, account = self._role.split(":")[1], self._role.split(":")[4]
        key = f"{self._folder}{digest[:16]}.csv"
        etag = self._s3.put_object(Bucket=self._bucket, Key=key, Body=manifest)["ETag"].strip('"')
        operation = {"TargetResource": f"arn:{partition}:s3:::{self._target.bucket}"}
        prefix = self._target.key.removesuffix(self._source.key).strip("/")
        if prefix:
            operation["TargetKeyPrefix"] = prefix
        response = self._control.create_job(
            AccountId=account,
            ClientRequestToken=token,
            ConfirmationRequired=False,
            Description=f"Fairlane fan-out {os.environ.get('FAN_OUT', '')}",
            Manifest={
                "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
                "Location": {"ObjectArn": f"arn:{partition}:s3:::{self._bucket}/{key}", "ETag": etag},
            },
            Operation={"S3PutObjectCopy": operation},
            Priority=_PRIORITY,
            Report={
                "Enabled": True,
                "Bucket": f"arn:{partition}:s3:::{self._bucket}",
                "Prefix": f"{self._folder}reports",
                "Format": "Report_CSV_20180820",
                "ReportScope": "FailedTasksOnly",
            },
            RoleArn=self._role,
        )
        self._write({"state": _PENDING, "digest": digest, "attempt": attempt, "job": response["JobId"]})

    def _ask(self, record: dict[str, Any]) -> str:
        """Return the state of the job of a record."""
        account = self._role.split(":")[4]
        job = self._control.describe_job(AccountId=account, JobId=record["job"])["Job"]
        failed = job.get("ProgressSummary", {}).get("NumberOfTasksFailed", 0)
        if job["Status"] not in {"Complete", "Failed", "Cancelled", "Suspended"}:
            return _PENDING
        if job["Status"] == "Complete" and not failed:
            self._write({**record, "state": _DONE})
            return _DONE
        self._write({**record, "state": _FAILED})
        reasons = [reason.get("FailureReason", "") for reason in job.get("FailureReasons", [])]
        cause = f"{failed} objects were not copied" if failed else f"job {record['job']} is {job['Status']}"
        raise self._failure(", ".join([cause, *filter(None, reasons), f"see {self._folder}reports/"]))

    def _read(self) -> dict[str, Any]:
        try:
            body = self._s3.get_object(Bucket=self._bucket, Key=self._record_key)["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            return {}
        record: dict[str, Any] = json.loads(body)
        return record

    def _write(self, record: Mapping[str, Any]) -> None:
        self._s3.put_object(Bucket=self._bucket, Key=self._record_key, Body=json.dumps(record).encode())

    def _failure(self, cause: str) -> CopyFailed:
        return CopyFailed(f"{self._copy.source} to {self._copy.target}: {cause}")


def _place(uri: str) -> _Place:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return _Place(bucket, key)


@cache
def _client(service: str, region: str) -> Any:
    import boto3

    return boto3.client(service, region_name=region or None)
