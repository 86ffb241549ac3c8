"""Names and keys of a fan-out: job names, digests of lines, objects in the bucket and items of the ledger."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

FAN_OUT: Final = re.compile(r"[a-z][a-z0-9-]{0,23}")
"""Names of fan-outs."""
MANIFEST: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
"""Names of manifests: the name of the file in lower case, without its ending."""
LINE_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:-]{0,127}")
"""Ids of lines."""
MANIFESTS: Final = "manifests/"
TEMPLATES: Final = "templates/"
PLANS: Final = "plans/"
QUERIES: Final = "queries/"
CAPACITY: Final = "capacity/"
OUTCOMES: Final = "outcomes/"
UPLOADS: Final = "uploads/"
"""Manifests whose executions the client starts. A new version of a manifest elsewhere starts one by itself."""
_DIGEST: Final = 32
_SLUG: Final = 26


class JobName(NamedTuple):
    """Parts of the name of a job.

    Attributes:
        fan_out: Name of the fan-out.
        manifest: Name of the manifest.
        digest: Digest of the line, or of the lines of an array job.
    """

    fan_out: str
    manifest: str
    digest: str


def line_digest(line: Mapping[str, Any], template: str, attempt: int = 1) -> str:
    """Return the digest of a line as it was written. The place of its job is no part of it.

    Args:
        line: Fields of the line.
        template: Text of its template.
        attempt: Number of the submission, from 1. Each is a job of its own.
    """
    text = json.dumps([line, template, attempt], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]


def job_name(fan_out: str, manifest: str, line_id: str, digest: str) -> str:
    """Return the name of the job of a line: at most 128 lower-case letters, digits, `-` and `_`."""
    slug = re.sub(r"[^a-z0-9]+", "-", line_id.lower()).strip("-")[:_SLUG]
    return f"{fan_out}_{manifest}_{slug}_{digest}"


def parse_job_name(name: str) -> JobName | None:
    """Return the parts of the name of a job. None if it is no job of a fan-out."""
    match name.split("_"):
        case [fan_out, manifest, _, digest] if len(digest) == _DIGEST:
            return JobName(fan_out, manifest, digest)
    return None


def line_key(digest: str, child: int | None = None) -> str:
    """Return the sort key of a line in the ledger.

    Args:
        digest: Digest of the line, or of the lines of an array job.
        child: Index of the line in its array job. Default: the line has a job of its own.
    """
    return f"line#{digest}" if child is None else f"line#{digest}#{child}"


def member_key(digest: str) -> str:
    """Return the sort key of the array job of a line in the ledger.

    Args:
        digest: Digest of the line.
    """
    return f"member#{digest}"


def plan_folder(manifest: str, version: str) -> str:
    """Return the prefix of the objects of a planned manifest.

    Args:
        manifest: Name of the manifest.
        version: Version ID of its object.
    """
    return f"{PLANS}{manifest}/{hashlib.sha256(version.encode()).hexdigest()[:16]}/"
