from typing import Any

import pytest
from botocore.exceptions import ClientError

from fairlane_local import LocalAws, client

pytestmark = pytest.mark.slow
ACCOUNT = "123456789012"


@pytest.fixture
def s3(aws: LocalAws) -> Any:
    s3 = client("s3", aws.port, ACCOUNT, "us-east-1")
    s3.create_bucket(Bucket="home")
    for name, region in (("europe", "eu-west-1"), ("west", "us-west-2")):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    s3.put_object(Bucket="europe", Key="drives/a b+ü.bin", Body=b"1", Metadata={"car": "7"})
    return s3


def job(s3: Any, manifest: str, **operation: Any) -> dict[str, Any]:
    etag = s3.put_object(Bucket="home", Key="manifest.csv", Body=manifest.encode())["ETag"]
    return {
        "AccountId": ACCOUNT,
        "ClientRequestToken": "token-1",
        "ConfirmationRequired": False,
        "Manifest": {
            "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
            "Location": {"ObjectArn": "arn:aws:s3:::home/manifest.csv", "ETag": etag},
        },
        "Operation": {"S3PutObjectCopy": {"TargetResource": "arn:aws:s3:::west", **operation}},
        "Priority": 1,
        "Report": {
            "Enabled": True,
            "Bucket": "arn:aws:s3:::home",
            "Prefix": "reports",
            "Format": "Report_CSV_20180820",
        },
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/copy",
    }


def run(aws: LocalAws, request: dict[str, Any], region: str = "us-west-2") -> dict[str, Any]:
    control = client("s3control", aws.port, ACCOUNT, region)
    identifier = control.create_job(**request)["JobId"]
    return control.describe_job(AccountId=ACCOUNT, JobId=identifier)["Job"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("prefix", "key"), [({}, "drives/a b+ü.bin"), ({"TargetKeyPrefix": "x"}, "x/drives/a b+ü.bin")]
)
def test_objects_are_copied_with_their_metadata(aws: LocalAws, s3: Any, prefix: dict[str, str], key: str) -> None:
    done = run(aws, job(s3, "europe,drives/a%20b%2B%C3%BC.bin\n", **prefix))
    assert (done["Status"], done["ProgressSummary"]["NumberOfTasksSucceeded"]) == ("Complete", 1)
    copy = s3.get_object(Bucket="west", Key=key)
    assert (copy["Body"].read(), copy["Metadata"]) == (b"1", {"car": "7"})


def test_a_token_makes_one_job(aws: LocalAws, s3: Any) -> None:
    request = job(s3, "europe,drives/a%20b%2B%C3%BC.bin\n")
    control = client("s3control", aws.port, ACCOUNT, "us-west-2")
    assert control.create_job(**request)["JobId"] == control.create_job(**request)["JobId"]
    assert len(control.list_jobs(AccountId=ACCOUNT, JobStatuses=["Complete"])["Jobs"]) == 1
    assert control.list_jobs(AccountId=ACCOUNT, JobStatuses=["Failed"])["Jobs"] == []
    with pytest.raises(ClientError, match="ClientRequestToken"):
        control.create_job(**{**request, "Priority": 2})


def test_absent_objects_fail_and_are_reported(aws: LocalAws, s3: Any) -> None:
    done = run(aws, job(s3, "europe,drives/a%20b%2B%C3%BC.bin\neurope,absent\n"))
    assert (done["Status"], done["ProgressSummary"]["NumberOfTasksFailed"]) == ("Complete", 1)
    [report] = s3.list_objects_v2(Bucket="home", Prefix="reports/")["Contents"]
    assert b"europe,absent,,failed,400,NoSuchKey" in s3.get_object(Bucket="home", Key=report["Key"])["Body"].read()


def test_a_job_in_another_region_than_its_target_fails(aws: LocalAws, s3: Any) -> None:
    done = run(aws, job(s3, "europe,absent\n"), "us-east-1")
    assert (done["Status"], done["FailureReasons"][0]["FailureReason"]) == (
        "Failed",
        "Target bucket is not in us-east-1, the Region of the job",
    )


@pytest.mark.parametrize(
    ("location", "reason"),
    [({"ETag": "0"}, "ETag mismatch"), ({"ObjectArn": "arn:aws:s3:::home/other.csv"}, "Manifest does not exist")],
)
def test_a_changed_manifest_fails(aws: LocalAws, s3: Any, location: dict[str, str], reason: str) -> None:
    request = job(s3, "europe,absent\n")
    request["Manifest"]["Location"].update(location)
    assert reason in run(aws, request)["FailureReasons"][0]["FailureReason"]


def test_jobs_are_per_region(aws: LocalAws, s3: Any) -> None:
    identifier = run(aws, job(s3, "europe,absent\n"))["JobId"]
    with pytest.raises(ClientError, match="does not exist"):
        client("s3control", aws.port, ACCOUNT, "us-east-1").describe_job(AccountId=ACCOUNT, JobId=identifier)
