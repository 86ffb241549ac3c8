"""Resources that stacks of the CDK have, and that moto lacks or models differently."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from fairlane_local import LocalAws, client

pytestmark = pytest.mark.slow
LOCATION = ("123456789012", "us-east-1")
Json = dict[str, Any]


@pytest.fixture
def s3(aws: LocalAws) -> Any:
    s3 = client("s3", aws.port, *LOCATION)
    for bucket in ("assets", "target", "other"):
        s3.create_bucket(Bucket=bucket)
    return s3


@pytest.fixture
def deploy(aws: LocalAws) -> Callable[[Json], str]:
    """Return a function that deploys resources as the stack `s`, or deletes it, and returns the stack's status."""
    cloudformation = client("cloudformation", aws.port, *LOCATION)

    def run(resources: Json) -> str:
        if not resources:
            cloudformation.delete_stack(StackName="s")
            return str(cloudformation.list_stacks()["StackSummaries"][0]["StackStatus"])
        change = "update" if cloudformation.describe_stacks()["Stacks"] else "create"
        body = {"Conditions": {"Never": {"Fn::Equals": ["a", "b"]}}, "Resources": resources}
        getattr(cloudformation, f"{change}_stack")(StackName="s", TemplateBody=json.dumps(body))
        return str(cloudformation.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"])

    return run


def put_asset(s3: Any, key: str, **files: str) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("folder/", "")
        for name, text in files.items():
            archive.writestr(f"folder/{name}", text)
    s3.put_object(Bucket="assets", Key=key, Body=content.getvalue())


def files_of(s3: Any, bucket: str = "target") -> dict[str, bytes]:
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def deployment(*keys: str, **properties: Any) -> Json:
    given = {
        "ServiceToken": "x",
        "SourceBucketNames": ["assets"] * len(keys),
        "SourceObjectKeys": [*keys],
        "DestinationBucketName": "target",
        "DestinationBucketKeyPrefix": "scripts/",
        **properties,
    }
    return {"Files": {"Type": "Custom::CDKBucketDeployment", "Properties": given}}


def test_a_bucket_deployment_copies_the_files_of_its_assets(s3: Any, deploy: Callable[[Json], str]) -> None:
    put_asset(s3, "1.zip", a="one", b="<MARK>")
    put_asset(s3, "2.zip", c="three")
    s3.put_object(Bucket="target", Key="kept", Body=b"mine")
    assert deploy(deployment("1.zip", "2.zip", SourceMarkers=[{"<MARK>": "two"}, {}])) == "CREATE_COMPLETE"
    scripts = {"scripts/folder/a": b"one", "scripts/folder/b": b"two", "scripts/folder/c": b"three"}
    assert files_of(s3) == {"kept": b"mine", **scripts}
    assert deploy(deployment("2.zip", Prune=False)) == "UPDATE_COMPLETE"
    assert files_of(s3) == {"kept": b"mine", **scripts}
    assert deploy(deployment("2.zip")) == "UPDATE_COMPLETE"
    assert files_of(s3) == {"kept": b"mine", "scripts/folder/c": b"three"}
    deploy({})
    assert files_of(s3) == {"kept": b"mine", "scripts/folder/c": b"three"}


def test_a_bucket_deployment_that_is_not_retained_deletes_its_files(s3: Any, deploy: Callable[[Json], str]) -> None:
    put_asset(s3, "1.zip", a="one")
    deploy(deployment("1.zip", RetainOnDelete=False))
    moved = deployment("1.zip", RetainOnDelete=False, DestinationBucketName="other", DestinationBucketKeyPrefix="")
    assert deploy(moved) == "UPDATE_COMPLETE"
    assert (files_of(s3), files_of(s3, "other")) == ({}, {"folder/a": b"one"})
    deploy({})
    assert files_of(s3, "other") == {}


def test_a_missing_asset_fails_the_stack(s3: Any, deploy: Callable[[Json], str]) -> None:
    assert deploy(deployment("none.zip")) == "ROLLBACK_COMPLETE"
    assert files_of(s3) == {}


def test_a_role_with_managed_policies_is_created_and_deleted(aws: LocalAws, deploy: Callable[[Json], str]) -> None:
    arn = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
    policies = [arn, {"Fn::If": ["Never", "arn:aws:iam::aws:policy/AdministratorAccess", {"Ref": "AWS::NoValue"}]}]
    properties = {"RoleName": "kube", "AssumeRolePolicyDocument": {}, "ManagedPolicyArns": policies}
    assert deploy({"Role": {"Type": "AWS::IAM::Role", "Properties": properties}}) == "CREATE_COMPLETE"
    iam = client("iam", aws.port, *LOCATION)
    attached = iam.list_attached_role_policies(RoleName="kube")["AttachedPolicies"]
    assert [policy["PolicyArn"] for policy in attached] == [arn]
    assert deploy({}) == "DELETE_COMPLETE"
    assert "kube" not in {role["RoleName"] for role in iam.list_roles()["Roles"]}


def test_a_parameter_without_a_name_is_created_changed_and_deleted(
    aws: LocalAws, deploy: Callable[[Json], str]
) -> None:
    ssm = client("ssm", aws.port, *LOCATION)
    others = {each["Name"] for each in ssm.describe_parameters()["Parameters"]}
    for value, status in (("1", "CREATE_COMPLETE"), ("2", "UPDATE_COMPLETE")):
        parameter = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}
        assert deploy({"Parameter": parameter}) == status
        (name,) = {each["Name"] for each in ssm.describe_parameters()["Parameters"]} - others
        assert ssm.get_parameter(Name=name)["Parameter"]["Value"] == value
    assert deploy({}) == "DELETE_COMPLETE"
    assert {each["Name"] for each in ssm.describe_parameters()["Parameters"]} == others
