"""Bucket of a sweep store: encryption, lifecycle and bucket policy."""

from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from fairlane.sweeps.store_rules import ATHENA, FAILURES, PROGRESS, PUT_ONCE, RESULTS, SWEEPS

PROGRESS_DAYS: Final = 90
ATHENA_DAYS: Final = 7
OLD_VERSION_DAYS: Final = 30

_NO_ACCESS_LOGS: Final = (
    "server access logs need a second bucket with a retention of its own: record the access to sweeps with data events "
    "of AWS CloudTrail where it is needed"
)


def create_bucket(scope: Construct, expire_after_days: int | None, key_arn: str | None) -> s3.Bucket:
    """Create the bucket of a sweep store, with removal policy RETAIN.

    Args:
        scope: Sweep store.
        expire_after_days: Number of days after which the objects of sweeps expire. None if they never expire.
        key_arn: ARN of the KMS key. None if Amazon S3 manages the key.
    """
    encryption: dict[str, Any] = {"encryption": s3.BucketEncryption.S3_MANAGED}
    if key_arn is not None:
        key = kms.Key.from_key_arn(scope, "Key", key_arn)
        encryption = {"encryption": s3.BucketEncryption.KMS, "encryption_key": key, "bucket_key_enabled": True}
    bucket = s3.Bucket(
        scope,
        "Resource",
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        enforce_ssl=True,
        lifecycle_rules=_lifecycle_rules(expire_after_days),
        removal_policy=cdk.RemovalPolicy.RETAIN,
        versioned=True,
        **encryption,
    )
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid="PutOnce",
            effect=iam.Effect.DENY,
            principals=[iam.AnyPrincipal()],
            actions=["s3:PutObject"],
            resources=[bucket.arn_for_objects(keys) for keys in PUT_ONCE],
            conditions={"Null": {"s3:if-none-match": "true"}},
        )
    )
    cdk.Validations.of(bucket).acknowledge(cdk.Acknowledgment(id="AwsSolutions-S1", reason=_NO_ACCESS_LOGS))
    return bucket


def _lifecycle_rules(expire_after_days: int | None) -> list[s3.LifecycleRule]:
    days = {ATHENA: ATHENA_DAYS, PROGRESS: PROGRESS_DAYS}
    if expire_after_days is not None:
        days |= dict.fromkeys((SWEEPS, RESULTS, FAILURES), expire_after_days)
        days[PROGRESS] = min(PROGRESS_DAYS, expire_after_days)
    return [
        *(
            s3.LifecycleRule(id=prefix.strip("/"), prefix=prefix, expiration=cdk.Duration.days(number))
            for prefix, number in days.items()
        ),
        s3.LifecycleRule(
            id="old-versions",
            noncurrent_version_expiration=cdk.Duration.days(OLD_VERSION_DAYS),
            abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
        ),
        s3.LifecycleRule(id="delete-markers", expired_object_delete_marker=True),
    ]
