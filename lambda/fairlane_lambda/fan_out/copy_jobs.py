"""Jobs of S3 Batch Operations that copy data, and their records.

A record in the bucket of the fan-out, one for each source and target, names the job of the last copy and the digest of
what it copied: keys, ETags and sizes of the source. A source that has not changed is not copied again, and two
manifests wait for the same job.

Unverified, because nothing was run against an AWS account: the manifest and the report are in the home Region, the job
is in the Region of the target; `TargetKeyPrefix` has no slash at its end; the columns of the report.
"""

import csv
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote

from fairlane_lambda.aws_errors import error_name, is_temporary
from fairlane_lambda.fan_out.names import PLANS
from fairlane_lambda.fan_out.placement import Copy
from fairlane_lambda.fan_out.plan.objects import Bucket

COPIES: Final = f"{PLANS}copies/"
UNKNOWN_JOB: Final = ""
"""ID of a job that is not created yet, or that another execution has created."""
_MOST_BYTES: Final = 5 * 1024**3
"""Largest object that S3 Batch Operations copies."""
_MOST_LINES: Final = 10
_REPORT_BYTES: Final = 64 * 1024
_PRIORITY: Final = 10
_SPOOL_BYTES: Final = 8 * 1024**2
_ENDED: Final = ("Complete", "Failed", "Cancelled", "Suspended")
_DONE: Final = "done"
_PENDING: Final = "pending"
_FAILED: Final = "failed"
_AGAIN: Final = "start the manifest again"


class CopyFailed(Exception):  # noqa: N818  # the name that its callers agreed on
    """Copies that failed.

    Attributes:
        problems: Lines, source, target, cause and remedy of each copy.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class _Place(NamedTuple):
    bucket: str
    key: str


class CopyJob:
    """Job of a copy, and its record.

    Args:
        copy: Copy.
        role: ARN of the role of S3 Batch Operations.
        bucket: Bucket of the fan-out.
        s3: boto3 client of Amazon S3.
        control: boto3 client of Amazon S3 Control in the Region of the copy.
        region_of: Function that returns the Region of a bucket, or nothing if it is unknown.
    """

    def __init__(
        self, copy: Copy, role: str, bucket: Bucket, s3: Any, control: Any, region_of: Callable[[str], str]
    ) -> None:
        self._copy, self._role, self._bucket, self._s3, self._region_of = copy, role, bucket, s3, region_of
        self._control = control
        self._source, self._target = _place(copy.source), _place(copy.target)
        name = hashlib.sha256(f"{copy.source}\n{copy.target}".encode()).hexdigest()[:16]
        self._record_key, self._folder = f"{COPIES}{name}.json", f"{COPIES}{name}/"

    def begin(self) -> str | None:
        """Return the pending job. None if the source was copied, and has not changed since. Otherwise, create a job.

        The job is `UNKNOWN_JOB` if another execution has created one meanwhile.
        """
        record, etag = self._read()
        if record.get("state") == _PENDING:
            return self.poll(record["job"])
        place = self._region_of(self._target.bucket)
        if place != self._copy.region:
            cause = f"bucket {self._target.bucket} is in {place or 'an unknown Region'}"
            raise self._failure(f"{cause}: copy_to must name a bucket of the account in {self._copy.region}")
        with tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as manifest:
            digest = self._list(manifest)
            if record.get("state") == _DONE and record.get("digest") == digest and self._has_copy(manifest):
                return None
            manifest.seek(0)
            attempt = record.get("attempt", 0) + 1
            job = self._create(manifest, digest, attempt)
        is_first = self._write({"state": _PENDING, "digest": digest, "attempt": attempt, "job": job}, etag)
        return job if is_first else UNKNOWN_JOB

    def poll(self, job: str) -> str | None:
        """Return the job if it is pending. None if it has copied the source, which has not changed meanwhile.

        Args:
            job: ID of the job.
        """
        try:
            answer = self._control.describe_job(AccountId=self._account, JobId=job)["Job"]
        except Exception as error:
            if error_name(error) != "NotFoundException":
                raise
            answer = {"Status": ""}  # AWS deletes jobs 90 days after their end
        if answer["Status"] and answer["Status"] not in _ENDED:
            return job
        record, etag = self._read()
        if record.get("job") != job:
            return self.begin()
        if not answer["Status"]:
            self._write({**record, "state": _FAILED}, etag)
            return self.begin()
        if cause := self._failure_cause(answer, job) or self._change(record):
            self._write({**record, "state": _FAILED}, etag)
            raise self._failure(cause)
        self._write({**record, "state": _DONE}, etag)
        return None

    def _failure_cause(self, answer: Mapping[str, Any], job: str) -> str:
        """Return why a job that has ended did not copy all objects, and the remedy. Empty if it did."""
        failed = answer.get("ProgressSummary", {}).get("NumberOfTasksFailed", 0)
        if answer["Status"] == "Complete" and not failed:
            return ""
        reasons = [reason.get("FailureReason", "") for reason in answer.get("FailureReasons", [])]
        codes = self._error_codes(job) if failed else []
        cause = f"{failed} objects were not copied" if failed else f"job {job} is {answer['Status']}"
        causes = ", ".join([cause, *filter(None, reasons), *codes])
        remedy = f"see {self._folder}reports/"
        if "AccessDenied" in codes:
            remedy = f"let {self._role} read the source and write the target, and use their KMS keys"
        return f"{causes}: {remedy}, then {_AGAIN}"

    def _change(self, record: Mapping[str, Any]) -> str:
        with tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as manifest:
            if self._list(manifest) == record["digest"]:
                return ""
        return f"the source changed while it was copied: {_AGAIN} when nothing writes to it"

    def _error_codes(self, job: str) -> list[str]:
        """Return the error codes at the beginning of the report of a job. None of them if there is no report."""
        prefix = f"{self._folder}reports/job-{job}/results/"
        try:
            listed = self._s3.list_objects_v2(Bucket=self._bucket.name, Prefix=prefix, MaxKeys=1).get("Contents", [])
            text = b"".join(
                self._s3.get_object(Bucket=self._bucket.name, Key=each["Key"])["Body"].read(_REPORT_BYTES)
                for each in listed
            ).decode(errors="replace")
        except Exception:  # the failure is known without its codes
            return []
        rows = (row[4:6] for row in csv.reader(text.splitlines()))
        return sorted({cell for row in rows for cell in row if cell and not cell.isdigit()})

    def _list(self, manifest: Any) -> str:
        """Write the list of the objects of the source, and return their digest."""
        digest, count = hashlib.sha256(), 0
        for item in self._objects(self._source, "source"):
            if item["Size"] > _MOST_BYTES:
                cause = "an object is larger than 5 GiB, which S3 Batch Operations does not copy"
                raise self._failure(f"{cause}: divide it, or remove copy_to")
            digest.update(json.dumps([item["Key"], item["ETag"], item["Size"]]).encode())
            manifest.write(f"{self._source.bucket},{quote(item['Key'])}\n".encode())
            count += 1
        if not count:
            raise self._failure("the source has no objects: correct data")
        return digest.hexdigest()

    def _has_copy(self, manifest: Any) -> bool:
        """Return True unless objects of the copy were deleted, for example by a lifecycle rule."""
        manifest.seek(0)
        prefix = self._target.key.removesuffix(self._source.key)
        copied = (item["Key"] for item in self._objects(self._target, "target"))
        # Both lists are in the order of their keys, so that each look-up goes on where the last one ended.
        return all(prefix + unquote(row.decode().rstrip().partition(",")[2]) in copied for row in manifest)

    def _objects(self, place: _Place, noun: str) -> Iterator[Mapping[str, Any]]:
        from botocore.exceptions import ClientError

        pages = self._s3.get_paginator("list_objects_v2")
        try:
            for page in pages.paginate(Bucket=place.bucket, Prefix=place.key):
                yield from page.get("Contents", [])
        except ClientError as error:
            if is_outage(error):
                raise
            cause = f"the {noun} cannot be listed: {error_name(error)}"
            raise self._failure(f"{cause}: let the function plan list it, then {_AGAIN}") from None

    def _create(self, manifest: Any, digest: str, attempt: int) -> str:
        """Create the job, and return its ID. The token of an attempt is the same in each call.

        A lost answer, or two executions at once, therefore make no second job.
        """
        from botocore.exceptions import ClientError

        token = hashlib.sha256(f"{self._record_key}\n{digest}\n{attempt}".encode()).hexdigest()
        partition = self._role.split(":")[1]
        key = f"{self._folder}{digest[:16]}.csv"
        etag = self._bucket.put_once(key, manifest).strip('"')
        operation = {"TargetResource": f"arn:{partition}:s3:::{self._target.bucket}"}
        prefix = self._target.key.removesuffix(self._source.key).strip("/")
        if prefix:
            operation["TargetKeyPrefix"] = prefix
        own = f"arn:{partition}:s3:::{self._bucket.name}"
        try:
            response = self._control.create_job(
                AccountId=self._account,
                ClientRequestToken=token,
                ConfirmationRequired=False,
                Description=f"Fairlane fan-out {os.environ.get('FAN_OUT', '')}",
                Manifest={
                    "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
                    "Location": {"ObjectArn": f"{own}/{key}", "ETag": etag},
                },
                Operation={"S3PutObjectCopy": operation},
                Priority=_PRIORITY,
                Report={
                    "Enabled": True,
                    "Bucket": own,
                    "Prefix": f"{self._folder}reports",
                    "Format": "Report_CSV_20180820",
                    "ReportScope": "FailedTasksOnly",
                },
                RoleArn=self._role,
            )
        except ClientError as error:
            if is_outage(error):
                raise
            cause = f"the job of S3 Batch Operations cannot start: {error_name(error)}"
            raise self._failure(f"{cause}: correct what forbids it, then {_AGAIN}") from None
        return str(response["JobId"])

    @property
    def _account(self) -> str:
        return self._role.split(":")[4]

    def _read(self) -> tuple[dict[str, Any], str]:
        """Return the record and its ETag. Both are empty if there is none."""
        found = self._bucket.open(self._record_key)
        return ({}, "") if found is None else (json.loads(found[0].read()), found[2])

    def _write(self, record: Mapping[str, Any], etag: str) -> bool:
        """Write the record. Return False if another execution has changed it."""
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        return self._bucket.put(self._record_key, json.dumps(record).encode(), **condition) is not None

    def _failure(self, cause: str) -> CopyFailed:
        numbers = self._copy.lines
        listed = ", ".join(map(str, numbers[:_MOST_LINES])) + (" and others" if len(numbers) > _MOST_LINES else "")
        place = f"line{'s' if len(numbers) > 1 else ''} {listed}: " if numbers else ""
        return CopyFailed(f"{place}copy of {self._copy.source} to {self._copy.target}: {cause}")


def is_outage(error: Exception) -> bool:
    """Return True if the same call can succeed later. Amazon S3 Control throttles with the status 400."""
    return is_temporary(error) or error_name(error) == "TooManyRequestsException"


def _place(uri: str) -> _Place:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return _Place(bucket, key)
