"""Objects of the table `outcomes`: one for each Region of a manifest, put if its content changed."""

import gzip
import hashlib
import io
import json
from typing import Any

from fairlane_lambda.aws_errors import error_name
from fairlane_lambda.fan_out.names import OUTCOMES
from fairlane_lambda.fan_out.reconcile.lines import Line

_COLUMNS = (
    "region",
    "queue",
    "share",
    "state",
    "status_reason",
    "placement",
    "attempts",
    "gpus",
    "job_id",
    "job_name",
    "training_job",
    "model",
)
_TIMES = {"submitted_at": "attempted_at", "started_at": "started_at", "stopped_at": "stopped_at"}
_ABSENT = ("403", "404", "NoSuchKey", "NotFound", "Forbidden", "AccessDenied")


class OutcomeFiles:
    """Rows of a manifest, one object for each Region.

    Args:
        manifest: Name of the manifest.
    """

    def __init__(self, manifest: str) -> None:
        self._prefix = f"{OUTCOMES}manifest={manifest}/"
        self._files: dict[str, _File] = {}

    def add(self, line: Line) -> None:
        """Add the row of a line."""
        region = line.item["region"]
        if region not in self._files:
            self._files[region] = _File()
        self._files[region].write(outcome_row(line))

    def put(self, s3: Any, bucket: str) -> None:
        """Put the objects whose content changed."""
        for region, file in self._files.items():
            request = {"Bucket": bucket, "Key": f"{self._prefix}{region}.jsonl.gz"}
            digest, content = file.close()
            if _digest(s3, request) != digest:
                s3.put_object(**request, Body=content, Metadata={"rows": digest}, ContentType="application/gzip")


class _File:
    def __init__(self) -> None:
        self._content = io.BytesIO()
        self._gzip = gzip.GzipFile(fileobj=self._content, mode="wb", mtime=0, compresslevel=6)
        self._digest = hashlib.sha256()

    def write(self, row: dict[str, Any]) -> None:
        data = f"{json.dumps(row, separators=(',', ':'))}\n".encode()
        self._gzip.write(data)
        self._digest.update(data)

    def close(self) -> tuple[str, bytes]:
        self._gzip.close()
        return self._digest.hexdigest(), self._content.getvalue()


def outcome_row(line: Line) -> dict[str, Any]:
    """Return the row of a line in the table `outcomes`. Times are in epoch seconds."""
    item = line.item
    row = {"id": line.id} | {name: item[name] for name in _COLUMNS if name in item}
    row |= {name: item[field] / 1000 for name, field in _TIMES.items() if item.get(field)}
    if "run_seconds" in item:
        row["gpu_hours"] = round(item["gpus"] * item["run_seconds"] / 3600, 4)
    return row


def _digest(s3: Any, request: dict[str, str]) -> str:
    try:
        return str(s3.head_object(**request)["Metadata"].get("rows", ""))
    except Exception as error:
        if error_name(error) not in _ABSENT:
            raise
        return ""
