"""Private S3 bucket: encryption, versions, lifecycle and bucket policy."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

_OLD_VERSION_DAYS: Final = 30


def private_bucket(
    scope: Construct,
    *,
    days: Mapping[str, int],
    put_once: Sequence[str],
    key_arn: str | None,
    no_access_logs: str,
    bucket_name: str | None = None,
) -> s3.Bucket:
    """Create an encrypted and versioned bucket for TLS only, with removal policy RETAIN.

    Args:
        scope: Construct of the bucket, which becomes its default child.
        days: Number of days after which objects expire, by their prefix.
        put_once: Patterns of the keys that the bucket policy lets nobody overwrite. Can be empty.
        key_arn: ARN of the KMS key. None if Amazon S3 manages the key.
        no_access_logs: Reason for the absence of server access logs, for cdk-nag.
        bucket_name: Name of the bucket. Default: a name that CloudFormation generates.
    """
    encryption: dict[str, Any] = {"encryption": s3.BucketEncryption.S3_MANAGED}
    if key_arn is not None:
        key = kms.Key.from_key_arn(scope, "Key", key_arn)
        encryption = {"encryption": s3.BucketEncryption.KMS, "encryption_key": key, "bucket_key_enabled": True}
    bucket = s3.Bucket(
        scope,
        "Resource",
        bucket_name=bucket_name,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        enforce_ssl=True,
        lifecycle_rules=_lifecycle_rules(days),
        removal_policy=cdk.RemovalPolicy.RETAIN,
        versioned=True,
        **encryption,
    )
    if put_once:
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="PutOnce",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["s3:PutObject"],
                resources=[bucket.arn_for_objects(keys) for keys in put_once],
                conditions={"Null": {"s3:if-none-match": "true"}},
            )
        )
    cdk.Validations.of(bucket).acknowledge(cdk.Acknowledgment(id="AwsSolutions-S1", reason=no_access_logs))
    return bucket


def _lifecycle_rules(days: Mapping[str, int]) -> list[s3.LifecycleRule]:
    return [
        *(
            s3.LifecycleRule(id=prefix.strip("/"), prefix=prefix, expiration=cdk.Duration.days(number))
            for prefix, number in days.items()
        ),
        s3.LifecycleRule(
            id="old-versions",
            noncurrent_version_expiration=cdk.Duration.days(_OLD_VERSION_DAYS),
            abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
        ),
        s3.LifecycleRule(id="delete-markers", expired_object_delete_marker=True),
    ]
