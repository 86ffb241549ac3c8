from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from fairlane_lambda.fan_out import copies, copy_jobs
from fairlane_lambda.fan_out.copies import bucket_region, start
from fairlane_lambda.fan_out.copy_jobs import CopyFailed
from fairlane_lambda.fan_out.placement import Copy
from fairlane_local import LocalAws, client

ROLE = "arn:aws:iam::123456789012:role/copy"
COPY = Copy("s3://europe/2026/a/", "s3://west/in/2026/a/", "us-west-2", 1, 1, (3, 5))


class FakeControl:
    """S3 Batch Operations whose jobs stay pending until a test ends them."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3
        self.requests: dict[str, Any] = {}
        self.jobs: dict[str, Any] = {}
        self.region = ""
        self.error: Exception | None = None
        self.on_create: Callable[[], None] | None = None

    def create_job(self, **request: Any) -> dict[str, str]:
        if self.error:
            raise self.error
        if self.on_create:
            self.on_create()
        token = request["ClientRequestToken"]
        assert self.requests.setdefault(token, request) == request
        if token not in self.jobs:
            self.jobs[token] = {"Status": "Preparing"}
        return {"JobId": token}

    def describe_job(self, AccountId: str, JobId: str) -> dict[str, Any]:  # noqa: N803
        assert AccountId == "123456789012"
        if JobId not in self.jobs:
            raise ClientError({"Error": {"Code": "NotFoundException"}}, "DescribeJob")
        return {"Job": self.jobs[JobId]}

    def end(self, status: str = "Complete", failed: int = 0, only: str = "", **members: Any) -> None:
        """Let the jobs end that have not ended."""
        for name, job in self.jobs.items():
            if job["Status"] != "Preparing" or only not in ("", name):
                continue
            if status == "Complete" and not failed:
                for key in ("2026/a/1.bin", "2026/a/ü 2.bin", "2026/b/3.bin"):
                    self._s3.put_object(Bucket="west", Key=f"in/{key}", Body=b"1")
            job |= {"Status": status, "ProgressSummary": {"NumberOfTasksFailed": failed}, **members}

    @property
    def request(self) -> Any:
        [request] = self.requests.values()
        return request


def change(s3: Any) -> None:
    """Change an object of the source."""
    s3.put_object(Bucket="europe", Key="2026/a/1.bin", Body=b"changed")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {"BUCKET": "home", "COPY_ROLE": ROLE, "FAN_OUT": "campaigns", "AWS_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="home")
        for name, region in (("europe", "eu-west-1"), ("west", "us-west-2")):
            s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
        for key in ("2026/a/1.bin", "2026/a/ü 2.bin", "2026/b/3.bin"):
            s3.put_object(Bucket="europe", Key=key, Body=b"1")
        yield s3


@pytest.fixture
def control(s3: Any, monkeypatch: pytest.MonkeyPatch) -> FakeControl:
    fake = FakeControl(s3)

    def client(service: str, region: str) -> Any:
        if service == "s3":
            return s3
        fake.region = region
        return fake

    monkeypatch.setattr(copies, "_client", client)
    return fake


def test_a_copy_is_started_once_and_awaited(control: FakeControl) -> None:
    waiting = start([COPY, COPY])
    assert waiting
    assert start([COPY], waiting) == waiting
    control.end()
    assert start([COPY], waiting) == ""
    assert start([COPY]) == ""
    assert len(control.jobs) == 1


def test_the_manifest_lists_the_source(control: FakeControl, s3: Any) -> None:
    start([COPY])
    location = control.request["Manifest"]["Location"]
    body = s3.get_object(Bucket="home", Key=location["ObjectArn"].partition("home/")[2])
    assert body["Body"].read().decode().splitlines() == ["europe,2026/a/1.bin", "europe,2026/a/%C3%BC%202.bin"]
    assert body["ETag"].strip('"') == location["ETag"]
    operation = {"TargetResource": "arn:aws:s3:::west", "TargetKeyPrefix": "in"}
    assert control.request["Operation"] == {"S3PutObjectCopy": operation}
    assert (control.request["RoleArn"], control.region) == (ROLE, "us-west-2")


def test_a_copy_without_a_prefix_keeps_the_keys(control: FakeControl) -> None:
    start([COPY._replace(target="s3://west/2026/a/")])
    assert control.request["Operation"] == {"S3PutObjectCopy": {"TargetResource": "arn:aws:s3:::west"}}


def test_a_changed_source_is_copied_again(control: FakeControl, s3: Any) -> None:
    waiting = start([COPY])
    control.end()
    assert start([COPY], waiting) == ""
    change(s3)
    assert start([COPY])
    assert len(control.jobs) == 2


@pytest.mark.parametrize("key", ["1.bin", "ü 2.bin"])
def test_a_copy_that_was_deleted_is_copied_again(control: FakeControl, s3: Any, key: str) -> None:
    waiting = start([COPY])
    control.end()
    assert start([COPY], waiting) == ""
    s3.put_object(Bucket="west", Key="in/2026/a/0-of-another-program", Body=b"")
    assert start([COPY]) == ""
    s3.delete_object(Bucket="west", Key=f"in/2026/a/{key}")
    assert start([COPY])
    assert len(control.jobs) == 2


def test_a_source_that_changes_during_its_copy_fails_and_is_copied_again(control: FakeControl, s3: Any) -> None:
    waiting = start([COPY])
    change(s3)
    control.end()
    expected = "lines 3, 5: copy of s3://europe/2026/a/ to s3://west/in/2026/a/: the source changed while it was copied"
    with pytest.raises(CopyFailed, match=f"{expected}: start the manifest again when nothing writes to it"):
        start([COPY], waiting)
    again = start([COPY])
    assert len(control.jobs) == 2
    control.end()
    assert start([COPY], again) == ""


def test_an_object_that_is_added_after_the_copy_does_not_matter_to_the_execution(control: FakeControl, s3: Any) -> None:
    other = COPY._replace(source="s3://europe/2026/b/", target="s3://west/in/2026/b/")
    waiting = start([COPY, other])
    first, second = control.jobs
    control.end(only=first)
    assert start([COPY, other], waiting) == waiting
    change(s3)
    control.end(only=second)
    assert start([COPY, other], waiting) == ""


def test_two_manifests_wait_for_one_job(control: FakeControl) -> None:
    both = start([COPY]), start([COPY])
    assert len({*both}) == 2
    control.end()
    assert [start([COPY], waiting) for waiting in both] == ["", ""]
    assert len(control.jobs) == 1


def test_two_manifests_that_start_at_the_same_moment_create_one_job(control: FakeControl) -> None:
    def other_execution() -> None:
        control.on_create = None
        assert start([COPY])

    control.on_create = other_execution
    waiting = start([COPY])
    assert len(control.jobs) == 1
    assert start([COPY], waiting) == waiting
    control.end()
    assert start([COPY], waiting) == ""


def test_a_manifest_whose_job_was_replaced_waits_for_the_new_one(control: FakeControl, s3: Any) -> None:
    first = start([COPY])
    control.end(failed=1)
    with pytest.raises(CopyFailed):
        start([COPY], first)
    second = start([COPY])
    assert start([COPY], first) == first
    control.end()
    assert [start([COPY], waiting) for waiting in (first, second)] == ["", ""]
    assert len(control.jobs) == 2


def test_a_job_that_aws_has_deleted_is_created_again(control: FakeControl) -> None:
    start([COPY])
    control.jobs.clear()
    control.requests.clear()
    assert start([COPY])
    assert len(control.jobs) == 1


def test_a_lost_record_makes_no_second_job(control: FakeControl, s3: Any) -> None:
    s3.put_bucket_versioning(Bucket="home", VersioningConfiguration={"Status": "Enabled"})
    start([COPY])
    records = [item["Key"] for item in s3.list_objects_v2(Bucket="home", Prefix="plans/copies/")["Contents"]]
    [record] = [key for key in records if key.endswith(".json") and key.count("/") == 2]
    s3.delete_object(Bucket="home", Key=record)
    assert start([COPY])
    assert len(control.jobs) == 1
    # The job reads the object with the ETag that it was created with. With a KMS key, each write has another ETag.
    manifest = control.request["Manifest"]["Location"]["ObjectArn"].partition("home/")[2]
    assert len(s3.list_object_versions(Bucket="home", Prefix=manifest)["Versions"]) == 1


@pytest.mark.parametrize(
    ("ended", "message"),
    [
        ({"failed": 2}, r"2 objects were not copied: see plans/copies/\w+/reports/, then start the manifest again"),
        ({"status": "Failed", "FailureReasons": [{"FailureReason": "Manifest denied"}]}, "is Failed, Manifest denied"),
        ({"status": "Cancelled"}, "is Cancelled"),
    ],
)
def test_a_failed_copy_raises_and_starts_again(control: FakeControl, ended: dict[str, Any], message: str) -> None:
    waiting = start([COPY])
    control.end(**ended)
    with pytest.raises(
        CopyFailed, match=r"^lines 3, 5: copy of s3://europe/2026/a/ to s3://west/in/2026/a/: .*" + message
    ):
        start([COPY], waiting)
    assert start([COPY])
    assert len(control.jobs) == 2


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (
            "AccessDenied",
            f"AccessDenied: let {ROLE} read the source and write the target, and use their KMS keys, then ",
        ),
        ("NoSuchKey", r"NoSuchKey: see plans/copies/\w+/reports/, then start the manifest again"),
    ],
)
def test_the_error_codes_of_a_report_tell_what_to_do(control: FakeControl, s3: Any, code: str, remedy: str) -> None:
    waiting = start([COPY])
    [job] = control.jobs
    prefix = control.request["Report"]["Prefix"]
    body = f'europe,2026/a/1.bin,,failed,403,{code},"no, not allowed"\n' * 2
    s3.put_object(Bucket="home", Key=f"{prefix}/job-{job}/results/0.csv", Body=body.encode())
    control.end(failed=2)
    with pytest.raises(CopyFailed, match=f"2 objects were not copied, {remedy}"):
        start([COPY], waiting)


@pytest.mark.parametrize("is_throttled", [False, True])
def test_a_job_that_cannot_be_created(control: FakeControl, is_throttled: bool) -> None:
    code = "TooManyRequestsException" if is_throttled else "AccessDeniedException"
    control.error = ClientError({"Error": {"Code": code}}, "CreateJob")
    if not is_throttled:
        with pytest.raises(CopyFailed, match=f"cannot start: {code}: correct what forbids it, then start"):
            start([COPY])
        return
    waiting = start([COPY])
    assert waiting
    control.error = None
    assert start([COPY], waiting) == waiting
    assert len(control.jobs) == 1


def test_all_failures_are_in_one_error_and_do_not_keep_the_others_from_starting(control: FakeControl) -> None:
    absent = [COPY._replace(source=f"s3://europe/{name}/", target=f"s3://west/{name}/") for name in ("x", "y")]
    with pytest.raises(CopyFailed) as raised:
        start([*absent, COPY])
    assert [problem.partition("/: ")[2] for problem in raised.value.problems] == [
        "the source has no objects: correct data"
    ] * 2
    assert len(control.jobs) == 1


def test_a_call_leaves_copies_to_the_next_one_before_the_function_is_late(
    control: FakeControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "_BUDGET_SECONDS", 0)
    waiting = start([COPY])
    assert (control.jobs, bool(waiting)) == ({}, True)
    monkeypatch.setattr(copies, "_BUDGET_SECONDS", 300)
    assert start([COPY], waiting) == waiting
    assert len(control.jobs) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"region": "eu-west-1"}, "bucket west is in us-west-2"),
        ({"target": "s3://nowhere/2026/a/"}, "bucket nowhere is in an unknown Region"),
        ({"source": "s3://nowhere/2026/a/"}, "the source cannot be listed: NoSuchBucket: let the function plan"),
    ],
)
def test_copies_that_cannot_start(control: FakeControl, changes: dict[str, str], message: str) -> None:
    with pytest.raises(CopyFailed, match=message):
        start([COPY._replace(**changes)])  # type: ignore[arg-type]
    assert control.jobs == {}


def test_a_large_object_is_refused(control: FakeControl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy_jobs, "_MOST_BYTES", 0)
    with pytest.raises(CopyFailed, match="larger than 5 GiB"):
        start([COPY])


def test_a_fan_out_without_a_role_copies_nothing(control: FakeControl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COPY_ROLE", "")
    with pytest.raises(CopyFailed, match="set copy_from and copy_to"):
        start([COPY])


def test_regions_of_buckets(s3: Any) -> None:
    assert [bucket_region(s3, name) for name in ("home", "europe", "absent")] == ["us-east-1", "eu-west-1", ""]


@pytest.mark.slow
def test_the_local_aws_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"BUCKET": "home", "COPY_ROLE": ROLE, "AWS_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    with LocalAws() as aws:
        monkeypatch.setattr(copies, "_client", lambda name, region: client(name, aws.port, "123456789012", region))
        s3 = client("s3", aws.port, "123456789012", "us-east-1")
        s3.create_bucket(Bucket="home")
        for name, region in (("europe", "eu-west-1"), ("west", "us-west-2")):
            s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
        for key in ("2026/a/1.bin", "2026/a/ü 2+3.bin", "2026/b/3.bin"):
            s3.put_object(Bucket="europe", Key=key, Body=key.encode())
        waiting = start([COPY])
        assert waiting
        assert start([COPY], waiting) == ""
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket="west")["Contents"]]
        assert keys == ["in/2026/a/1.bin", "in/2026/a/ü 2+3.bin"]
        assert s3.get_object(Bucket="west", Key=keys[1])["Body"].read().decode() == "2026/a/ü 2+3.bin"
