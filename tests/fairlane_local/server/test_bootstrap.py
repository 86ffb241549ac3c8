"""Bootstrap stacks of the local AWS, by their qualifier, and images by an SSM parameter."""

import json

import pytest
from botocore.exceptions import ClientError

from fairlane_local import LocalAws, client

LOCATION = ("123456789012", "us-east-1")
pytestmark = pytest.mark.slow


def test_each_qualifier_has_a_bootstrap_stack() -> None:
    with LocalAws() as aws:
        ssm = client("ssm", aws.port, *LOCATION)
        versions = [
            ssm.get_parameter(Name=f"/cdk-bootstrap/{qualifier}/version")["Parameter"]["Value"]
            for qualifier in ("acme", "hnb659fds", "acme")
        ]
        assert len(set(versions)) == 1
        buckets = client("s3", aws.port, *LOCATION).list_buckets()["Buckets"]
        assert {bucket["Name"] for bucket in buckets} == {
            "cdk-acme-assets-123456789012-us-east-1",
            "cdk-hnb659fds-assets-123456789012-us-east-1",
        }
        with pytest.raises(ClientError, match="ParameterNotFound"):
            ssm.get_parameter(Name="/cdk-bootstrap/Not_a_qualifier/version")


def test_roles_have_a_boundary_and_templates_read_an_image_from_a_parameter() -> None:
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    image = {"Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", "Default": "/images/training"}
    policy = {"Version": "2012-10-17", "Statement": []}
    role = {"RoleName": "r", "AssumeRolePolicyDocument": policy, "PermissionsBoundary": boundary}
    template = {
        "Parameters": {"Image": image},
        "Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": role}},
        "Outputs": {"Image": {"Value": {"Ref": "Image"}}},
    }
    with LocalAws() as aws:
        client("ssm", aws.port, *LOCATION).put_parameter(
            Name="/images/training", Value="ami-0fedcba9876543210", Type="String"
        )
        cloudformation = client("cloudformation", aws.port, *LOCATION)
        cloudformation.create_stack(StackName="s", TemplateBody=json.dumps(template))
        (stack,) = cloudformation.describe_stacks(StackName="s")["Stacks"]
        assert stack["Outputs"][0]["OutputValue"] == "ami-0fedcba9876543210"
        deployed = client("iam", aws.port, *LOCATION).get_role(RoleName="r")["Role"]
        assert deployed["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary


@pytest.mark.parametrize("kind", ["AWS::EC2::Image::Id", "String"])
def test_the_parameter_of_an_image_need_not_exist_and_others_must(kind: str) -> None:
    parameter = {"Type": f"AWS::SSM::Parameter::Value<{kind}>", "Default": "/images/training"}
    template = json.dumps(
        {
            "Parameters": {"Image": parameter},
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
            "Outputs": {"Image": {"Value": {"Ref": "Image"}}},
        }
    )
    with LocalAws() as aws:
        cloudformation = client("cloudformation", aws.port, *LOCATION)
        if kind == "String":
            with pytest.raises(ClientError, match=r"Unable to fetch parameters \[/images/training\]"):
                cloudformation.create_stack(StackName="s", TemplateBody=template)
            return
        cloudformation.create_stack(StackName="s", TemplateBody=template)
        (stack,) = cloudformation.describe_stacks(StackName="s")["Stacks"]
        assert stack["Outputs"][0]["OutputValue"].startswith("ami-")
