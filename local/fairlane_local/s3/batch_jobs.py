"""Jobs of S3 Batch Operations that copy objects. A job runs while it is created."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote
from uuid import uuid4

from moto.s3.models import s3_backends

from fairlane_local.simulation import local_time

_MOST_BYTES: Final = 5 * 1024**3
_MANIFEST: Final = "S3BatchOperations_CSV_20180820"


@dataclass
class BatchJob:
    """Job of S3 Batch Operations.

    Args:
        region: Region of the job. The target bucket must be in it.
        request: Request of CreateJob.

    Attributes:
        id: ID of the job.
        status: Status of the job.
        reason: Reason of the status `Failed`.
        failures: Bucket, key and error code of each object that was not copied.
        count: Number of objects in the manifest.
    """

    region: str
    request: Mapping[str, Any]
    id: str = field(default_factory=lambda: str(uuid4()))
    status: str = "New"
    reason: str = ""
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    count: int = 0

    def __post_init__(self) -> None:
        self._created = local_time()

    def run(self) -> None:
        """Copy the objects of the manifest."""
        try:
            objects = list(self._objects())
            target = self._target()
        except _JobFailure as error:
            self.status, self.reason = "Failed", str(error)
            return
        self.count = len(objects)
        for bucket, key in objects:
            if code := self._copy(bucket, key, target):
                self.failures.append((bucket, key, code))
        self.status = "Failed" if objects and len(self.failures) == len(objects) else "Complete"
        if self.failures:
            self._report()

    def description(self) -> dict[str, Any]:
        """Return the job as DescribeJob does."""
        names = ("ConfirmationRequired", "Description", "Manifest", "Operation", "Priority", "Report", "RoleArn")
        reasons = [{"FailureCode": "JobFailed", "FailureReason": self.reason}] if self.reason else []
        return {
            **{name: self.request[name] for name in names if name in self.request},
            "JobId": self.id,
            "Status": self.status,
            "CreationTime": self._created,
            "FailureReasons": reasons,
            "ProgressSummary": {
                "TotalNumberOfTasks": self.count,
                "NumberOfTasksSucceeded": self.count - len(self.failures),
                "NumberOfTasksFailed": len(self.failures),
            },
        }

    def _objects(self) -> Iterator[tuple[str, str]]:
        """Yield bucket and key of the objects in the manifest."""
        manifest = self.request.get("Manifest") or {}
        spec, location = manifest.get("Spec") or {}, manifest.get("Location") or {}
        if spec.get("Format") != _MANIFEST or spec.get("Fields") != ["Bucket", "Key"]:
            raise _JobFailure(f"the local AWS reads manifests of the format {_MANIFEST} with the fields Bucket and Key")
        bucket, _, key = location["ObjectArn"].split(":::")[1].partition("/")
        found = _object(bucket, key)
        if found is None:
            raise _JobFailure("Manifest does not exist")
        if found.etag.strip('"') != location["ETag"].strip('"'):
            raise _JobFailure("Manifest ETag mismatch")
        for row in csv.reader(io.StringIO(found.value.decode())):
            yield row[0], unquote(row[1])

    def _target(self) -> str:
        """Return the target bucket."""
        bucket = str(self.request["Operation"]["S3PutObjectCopy"]["TargetResource"].split(":::")[1])
        backend = _backend(bucket)
        if backend is None:
            raise _JobFailure("Target bucket does not exist")
        if backend.get_bucket(bucket).region_name != self.region:
            raise _JobFailure(f"Target bucket is not in {self.region}, the Region of the job")
        return bucket

    def _copy(self, bucket: str, key: str, target: str) -> str:
        """Copy an object. Return the code of an error, or nothing."""
        source = _object(bucket, key)
        if source is None:
            return "NoSuchKey"
        if source.size > _MOST_BYTES:
            return "InvalidRequest"
        prefix = self.request["Operation"]["S3PutObjectCopy"].get("TargetKeyPrefix")
        name = f"{prefix}/{key}" if prefix else key
        _backend(target).copy_object(source, target, name, mdirective="COPY")
        return ""

    def _report(self) -> None:
        report = self.request["Report"]
        if report.get("Enabled"):
            text = io.StringIO()
            rows = csv.writer(text)
            rows.writerows((bucket, key, "", "failed", "400", code, "") for bucket, key, code in self.failures)
            bucket = report["Bucket"].split(":::")[1]
            if (backend := _backend(bucket)) is not None:
                key = f"{report.get('Prefix', '')}/job-{self.id}/results/failed.csv".lstrip("/")
                backend.put_object(bucket, key, text.getvalue().encode())


class _JobFailure(Exception):  # noqa: N818  # a state of the job, not an error of the local AWS
    pass


def _backend(bucket: str) -> Any:
    """Return the backend of the account that owns a bucket. None if the bucket does not exist."""
    if bucket not in s3_backends.bucket_accounts:
        return None
    partition, account_id = s3_backends.bucket_accounts[bucket]
    return s3_backends[account_id][partition]


def _object(bucket: str, key: str) -> Any:
    backend = _backend(bucket)
    return None if backend is None else backend.get_object(bucket, key)
