"""Acknowledgments of findings of cdk-nag and cfn-lint about the CDK's functions of a HyperPod cluster."""

from collections.abc import Sequence
from typing import Final

from aws_cdk import Acknowledgment, Validations
from aws_cdk import aws_lambda as lambda_
from constructs import IConstruct

S3_READS: Final = ("s3:GetBucket*", "s3:GetObject*", "s3:List*")
S3_WRITES: Final = (*S3_READS, "s3:Abort*", "s3:DeleteObject*")
KEY_USES: Final = ("kms:GenerateDataKey*", "kms:ReEncrypt*")
POLICIES: Final = "arn:<AWS::Partition>:iam::aws:policy"
LOGS_POLICY: Final = f"{POLICIES}/service-role/AWSLambdaBasicExecutionRole"


def acknowledge_framework(
    scope: IConstruct, reason: str, actions: Sequence[str] = (), policies: Sequence[str] = (LOGS_POLICY,)
) -> None:
    """Acknowledge the runtime, the managed policies and the wildcards in actions of functions of the CDK.

    Args:
        scope: Construct with the functions.
        reason: Purpose of the functions.
        actions: Wildcards in actions, which the CDK grants on buckets and keys.
        policies: ARNs of managed policies, as in the ids of the findings.
    """
    findings = {
        "AwsSolutions-L1": "the CDK chooses the runtime of its functions",
        **{f"AwsSolutions-IAM4[Policy::{policy}]": f"{reason}, and needs this managed policy" for policy in policies},
        **{f"AwsSolutions-IAM5[Action::{action}]": f"{reason}, and reads and writes no others" for action in actions},
    }
    Validations.of(scope).acknowledge(*(Acknowledgment(id=rule, reason=text) for rule, text in findings.items()))
    for resource in scope.node.find_all():
        if isinstance(resource, lambda_.CfnFunction):  # the CDK renders redundant DependsOn entries
            resource.add_metadata("cfn-lint", {"config": {"ignore_checks": ["W3005"]}})
