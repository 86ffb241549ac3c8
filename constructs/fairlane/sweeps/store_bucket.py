"""Lifecycle and access of the bucket of a sweep store."""

from typing import Final

from aws_cdk import aws_s3 as s3
from constructs import Construct

from fairlane._internal.private_bucket import private_bucket
from fairlane.sweeps.store_rules import ATHENA, FAILURES, PROGRESS, PUT_ONCE, RESULTS, SWEEPS

PROGRESS_DAYS: Final = 90
ATHENA_DAYS: Final = 7

_NO_ACCESS_LOGS: Final = (
    "server access logs need a second bucket with a retention of its own: record the access to sweeps with data events "
    "of AWS CloudTrail where it is needed"
)


def create_bucket(
    scope: Construct, expire_after_days: int | None, key_arn: str | None, name: str | None = None
) -> s3.Bucket:
    """Create the bucket of a sweep store, with removal policy RETAIN.

    Args:
        scope: Sweep store.
        expire_after_days: Number of days after which the objects of sweeps expire. None if they never expire.
        key_arn: ARN of the KMS key. None if Amazon S3 manages the key.
        name: Name of the bucket. Default: CloudFormation chooses it.
    """
    days = {ATHENA: ATHENA_DAYS, PROGRESS: PROGRESS_DAYS}
    if expire_after_days is not None:
        days |= dict.fromkeys((SWEEPS, RESULTS, FAILURES), expire_after_days)
        days[PROGRESS] = min(PROGRESS_DAYS, expire_after_days)
    return private_bucket(
        scope, days=days, put_once=PUT_ONCE, key_arn=key_arn, no_access_logs=_NO_ACCESS_LOGS, bucket_name=name
    )
