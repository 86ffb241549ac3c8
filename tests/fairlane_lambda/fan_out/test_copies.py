from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from fairlane_lambda.fan_out import copies
from fairlane_lambda.fan_out.copies import CopyFailed, bucket_region, start
from fairlane_lambda.fan_out.placement import Copy
from fairlane_local import LocalAws, client

ROLE = "arn:aws:iam::123456789012:role/copy"
COPY = Copy("s3://europe/2026/a/", "s3://west/in/2026/a/", "us-west-2", 1, 1)


class FakeControl:
    """S3 Batch Operations whose jobs stay pending until a test ends them."""

    def __init__(self) -> None:
        self.requests: dict[str, Any] = {}
        self.jobs: dict[str, Any] = {}
        self.region = ""

    def create_job(self, **request: Any) -> dict[str, str]:
        token = request["ClientRequestToken"]
        if self.requests.setdefault(token, request) is request:
            self.jobs[token] = {"Status": "Preparing"}
        return {"JobId": token}

    def describe_job(self, AccountId: str, JobId: str) -> dict[str, Any]:  # noqa: N803
        assert AccountId == "123456789012"
        return {"Job": self.jobs[JobId]}

    def end(self, status: str = "Complete", failed: int = 0, **members: Any) -> None:
        for job in self.jobs.values():
            job |= {"Status": status, "ProgressSummary": {"NumberOfTasksFailed": failed}, **members}

    @property
    def request(self) -> Any:
        [request] = self.requests.values()
        return request


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
    fake = FakeControl()

    def client(service: str, region: str) -> Any:
        if service == "s3":
            return s3
        fake.region = region
        return fake

    monkeypatch.setattr(copies, "_client", client)
    return fake


def test_a_copy_is_started_once_and_awaited(control: FakeControl) -> None:
    assert start([COPY, COPY]) is True
    assert start([COPY]) is True
    control.end()
    assert start([COPY]) is False
    assert start([COPY]) is False
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
    start([COPY])
    control.end()
    assert start([COPY]) is False
    s3.put_object(Bucket="europe", Key="2026/a/1.bin", Body=b"changed")
    assert start([COPY]) is True
    assert len(control.jobs) == 2


def test_a_lost_record_makes_no_second_job(control: FakeControl, s3: Any) -> None:
    start([COPY])
    [record] = [item for item in s3.list_objects_v2(Bucket="home")["Contents"] if item["Key"].endswith(".json")]
    s3.delete_object(Bucket="home", Key=record["Key"])
    assert start([COPY]) is True
    assert len(control.jobs) == 1


@pytest.mark.parametrize(
    ("ended", "message"),
    [
        ({"failed": 2}, r"s3://europe/2026/a/ to s3://west/in/2026/a/: 2 objects were not copied, see plans/copies/"),
        ({"status": "Failed", "FailureReasons": [{"FailureReason": "Manifest denied"}]}, "is Failed, Manifest denied"),
        ({"status": "Cancelled"}, "is Cancelled"),
    ],
)
def test_a_failed_copy_raises_and_starts_again(control: FakeControl, ended: dict[str, Any], message: str) -> None:
    start([COPY])
    control.end(**ended)
    with pytest.raises(CopyFailed, match=message):
        start([COPY])
    assert start([COPY]) is True
    assert len(control.jobs) == 2


def test_one_failure_does_not_keep_the_others_from_starting(control: FakeControl) -> None:
    absent = COPY._replace(source="s3://europe/absent/", target="s3://west/absent/")
    with pytest.raises(CopyFailed, match="the source has no objects"):
        start([absent, COPY])
    assert len(control.jobs) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"region": "eu-west-1"}, "bucket west is in us-west-2"),
        ({"target": "s3://nowhere/2026/a/"}, "bucket nowhere is in an unknown Region"),
        ({"source": "s3://nowhere/2026/a/"}, "the source cannot be listed: NoSuchBucket"),
    ],
)
def test_copies_that_cannot_start(control: FakeControl, change: dict[str, str], message: str) -> None:
    with pytest.raises(CopyFailed, match=message):
        start([COPY._replace(**change)])  # type: ignore[arg-type]
    assert control.jobs == {}


def test_a_large_object_is_refused(control: FakeControl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "_MOST_BYTES", 0)
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
        assert start([COPY]) is True
        assert start([COPY]) is False
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket="west")["Contents"]]
        assert keys == ["in/2026/a/1.bin", "in/2026/a/ü 2+3.bin"]
        assert s3.get_object(Bucket="west", Key=keys[1])["Body"].read().decode() == "2026/a/ü 2+3.bin"
