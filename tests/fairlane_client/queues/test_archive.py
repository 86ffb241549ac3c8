"""Reader of job archives, from folders and from Amazon S3, and its wrong inputs."""

import gzip
import io
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fairlane.cli import main
from fairlane.errors import ConfigurationError
from fairlane.rehearsal import read_trace
from fairlane_client.queues.archive import read_archive, read_days
from fairlane_client.queues.calls import NotAllowed

DAYS = ("2026-11-01", "2026-11-02", "2026-11-03")
START = 1_793_491_200_000
"""Start of the first day."""


def record(job: str, day: int, queue: str = "p4", **changes: Any) -> dict[str, Any]:
    stopped = START + day * 86_400_000 + 3_600_000
    return {
        "job_id": job,
        "job_name": "train",
        "queue": queue,
        "share": "ProdExp1",
        "kind": "training",
        "status": "SUCCEEDED",
        "unit": "ml.p4d.24xlarge",
        "amount": 2,
        "gpus": 16,
        "created_at": stopped - 3_000_000,
        "started_at": stopped - 1_200_000,
        "stopped_at": stopped,
        "attempts": [{"outcome": "SUCCEEDED", "started_at": stopped - 1_200_000, "stopped_at": stopped}],
    } | changes


def content(*records: dict[str, Any]) -> bytes:
    return gzip.compress("".join(json.dumps(line) + "\n" for line in records).encode())


OBJECTS = {
    "jobs/queue=p4/day=2026-11-01/a.jsonl.gz": content(record("a", 0), record("b", 0, amount=0)),
    "jobs/queue=p4/day=2026-11-02/b.jsonl.gz": content(record("c", 1), record("c", 1)),
    "jobs/queue=p4/day=2026-11-02/c.jsonl.gz": content(record("c", 1)),
    "jobs/queue=p4-b/day=2026-11-02/d.jsonl.gz": content(record("d", 1, "p4-b")),
    "jobs/queue=g5/day=2026-11-03/e.jsonl.gz": content(record("e", 2, "g5", kind="gpu", unit="VCPU", amount=24)),
    "jobs/queue=p4/day=2026-13-03/f.jsonl.gz": b"not of an archive",
    "jobs/queue=p4/day=2026-11-03/g.csv": b"not of an archive",
    "athena/x.csv": b"result",
}


class FakeS3:
    """Client of Amazon S3 with a bucket `bbb`. Refuses the calls in `denied`."""

    def __init__(self, objects: dict[str, bytes], denied: str = "") -> None:
        self.objects, self.denied = objects, denied
        self.read: list[str] = []

    def get_paginator(self, name: str) -> "FakeS3":
        assert name == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str, StartAfter: str = "") -> Iterator[dict[str, Any]]:  # noqa: N803
        self._check(Bucket, "ListBucket")
        keys = sorted(key for key in self.objects if key.startswith(Prefix) and key > StartAfter)
        yield from ({"Contents": [{"Key": key}]} for key in keys)
        yield {"KeyCount": 0}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        self._check(Bucket, "GetObject")
        self.read.append(Key)
        return {"Body": io.BytesIO(self.objects[Key])}

    def _check(self, bucket: str, call: str) -> None:
        code = "NoSuchBucket" if bucket != "bbb" else "AccessDenied" if self.denied == call else ""
        if code:
            raise ClientError({"Error": {"Code": code, "Message": ""}}, call)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for key, body in OBJECTS.items():
        path = tmp_path / "archive" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return tmp_path / "archive"


@pytest.fixture(params=["folder", "jobs", "s3", "s3 jobs", "s3 prefix"])
def place(request: pytest.FixtureRequest, folder: Path) -> tuple[str, FakeS3 | None]:
    """Location of the same archive in each form, and its client."""
    below = {f"teams/a/{key}": body for key, body in OBJECTS.items()}
    places: dict[str, tuple[str, FakeS3 | None]] = {
        "folder": (str(folder), None),
        "jobs": (str(folder / "jobs"), None),
        "s3": ("s3://bbb", FakeS3(OBJECTS)),
        "s3 jobs": ("s3://bbb/jobs/", FakeS3(OBJECTS)),
        "s3 prefix": ("s3://bbb/teams/a", FakeS3(below)),
    }
    return places[request.param]


@pytest.mark.parametrize(
    ("queue", "start", "end", "expected"),
    [
        (None, None, None, "abcde"),
        ("p4", None, None, "abc"),
        ("p4-b", None, None, "d"),
        ("p4", 2, None, "c"),
        ("p4", 1, 1, "ab"),
        (None, 2, 2, "cd"),
        (None, 3, None, "e"),
        ("p4", 3, None, ""),
        ("p4", None, 1, "ab"),
    ],
)
def test_the_jobs_of_a_queue_and_of_days_are_read_once(
    place: tuple[str, FakeS3 | None], queue: str | None, start: int | None, end: int | None, expected: str
) -> None:
    first, last = (None if day is None else date(2026, 11, day) for day in (start, end))
    jobs = read_archive(place[0], queue, first, last, client=place[1])
    assert "".join(job.job_id for job in jobs) == expected
    if place[1] is not None:
        days = {key.split("day=")[1][:10] for key in place[1].read}
        assert all((start or 0) <= int(day[-2:]) <= (end or 9) for day in days)


def test_days_have_their_records_and_times(folder: Path) -> None:
    found = list(read_days(str(folder), "p4"))
    assert [(str(day), [job.job_id for job in jobs]) for day, jobs in found] == [
        ("2026-11-01", ["a", "b"]),
        ("2026-11-02", ["c", "c", "c"]),
    ]
    assert all(str(day) == DAYS[(job.stopped_at - START) // 86_400_000] for day, jobs in found for job in jobs)


@pytest.mark.parametrize(
    ("location", "queue", "message"),
    [
        ("nothing", None, "got 'nothing', allowed: a folder or S3 URI with keys such as jobs/queue="),
        ("https://b/jobs", None, "got 'https://b/jobs', allowed: a folder or S3 URI"),
        ("s3://", None, "got 's3://', allowed: a folder or S3 URI"),
        ("s3://A_B/", None, "got 's3://A_B/', allowed: a folder or S3 URI"),
        ("archive", "p5", "queue p5 has no jobs in the archive"),
        ("archive/jobs/queue=p4", None, "the archive has no jobs"),
        ("s3://other", None, "bucket other does not exist"),
        ("s3://bbb/none", None, "the archive has no jobs"),
    ],
)
def test_a_location_that_is_no_archive(
    location: str, queue: str | None, message: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    with pytest.raises(ConfigurationError) as raised:
        read_archive(location, queue, client=FakeS3(OBJECTS))
    assert message in str(raised.value)


@pytest.mark.parametrize("location", [".", "s3://bbb/none"])
def test_a_location_without_objects_is_no_archive_of_a_period_either(location: str, tmp_path: Path) -> None:
    place = str(tmp_path) if location == "." else location
    with pytest.raises(ConfigurationError, match="the archive has no jobs: use a folder or S3 URI"):
        list(read_days(place, "p4", date(2026, 11, 1), client=FakeS3(OBJECTS)))


@pytest.mark.parametrize("action", ["ListBucket", "GetObject"])
def test_a_missing_permission_is_named(action: str) -> None:
    with pytest.raises(NotAllowed, match=f"no permission for s3:{action}: archive.grants.read of the job archive"):
        read_archive("s3://bbb", client=FakeS3(OBJECTS, action))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"text", "the object is not compressed by gzip, or it is damaged"),
        (content(record("a", 0))[:-9], "the object is not compressed by gzip, or it is damaged"),
        (gzip.compress(b"\n{"), "line 1 is no record of a job archive"),
        (gzip.compress(b"null"), "line 1 is no record of a job archive"),
        (content(record("a", 0), {"job_id": "b"}), "line 2 is no record of a job archive"),
        (content(record("a", 0, command=["x"])), "line 1 is no record of a job archive"),
        (content(record("a", 0, attempts=[{"start": 1}])), "line 1 is no record of a job archive"),
    ],
    ids=["text", "cut", "half a line", "null", "second line", "unknown field", "unknown field of an attempt"],
)
def test_a_damaged_object_is_named(body: bytes, message: str) -> None:
    key = "jobs/queue=p4/day=2026-11-01/a.jsonl.gz"
    with pytest.raises(ConfigurationError) as raised:
        read_archive("s3://bbb", client=FakeS3({key: body}))
    text = str(raised.value)
    assert text.startswith(f"s3://bbb/{key}: 1 problem")
    assert message in text


def test_a_folder_needs_no_boto3(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "boto3", None)
    assert len(read_archive(str(folder))) == 5
    with pytest.raises(ImportError, match="pip install"):
        read_archive("s3://bbb")


def test_an_archive_becomes_a_trace(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = folder.parent / "jobs.csv"
    arguments = ["trace", "history", "--archive", str(folder), "--output", str(output)]
    assert main([*arguments, "--queue", "p4"]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"Wrote 2 jobs: {output}\n"
    assert "left out: jobs without exactly one entry in capacityUsage (1)" in printed.err
    trace = read_trace(output)
    assert [(job.share, job.instances, job.instance_type, job.run) for job in trace] == [
        ("ProdExp1", 2, "ml.p4d.24xlarge", 1_200)
    ] * 2
    assert main([*arguments, "--queue", "g5", "--vcpus-per-gpu", "12"]) == 0
    header, row = (line.split(",") for line in output.read_text().splitlines())
    assert dict(zip(header, row, strict=True))["gpus"] == "2"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give FILEs, or --archive with the folder or S3 URI of a job archive"),
        (["a.json", "--archive", "archive"], "--archive: an archive and FILEs exclude each other: give one of them"),
        (["a.json", "--queue", "p4"], "--queue: only an archive has queues: add --archive"),
        (["--queue", "p4"], "--queue: only an archive has queues: add --archive"),
        (["--archive", "nothing"], "got 'nothing', allowed: a folder or S3 URI"),
        (["--archive", ""], "the archive has no jobs"),
        (["--archive", "archive", "--queue", "p5"], "queue p5 has no jobs in the archive"),
        (["--archive", "archive"], "vcpus_per_gpu"),
    ],
)
def test_wrong_arguments_of_the_command(
    arguments: list[str],
    message: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder.parent)
    assert main(["trace", "history", *arguments]) != 0
    assert message in capsys.readouterr().err
    assert not Path("jobs.csv").exists()
