"""Lifecycle scripts of a HyperPod cluster, and the bucket that SageMaker reads them from."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as deployment
from constructs import Construct

from fairlane._internal.claims import Claims
from fairlane._internal.nag import acknowledge_wildcards
from fairlane._internal.private_bucket import private_bucket
from fairlane.hyperpod.framework_findings import KEY_USES, S3_WRITES, acknowledge_framework

INIT_SCRIPT: Final = "fairlane_init.sh"
"""Name of the script that does nothing, the default of all groups."""
DEFAULT_SCRIPTS: Final = str(Path(__file__).with_name("lifecycle"))
"""Folder of the script that does nothing."""
_NO_ACCESS_LOGS: Final = (
    "server access logs need a second bucket with a retention of its own: record the access to scripts with data "
    "events of AWS CloudTrail where it is needed"
)


class LifecycleScripts:
    """Scripts of a cluster in a bucket, below a prefix with the name of the cluster.

    Args:
        scope: Scope of the bucket and of the deployment of the scripts.
        cluster_name: Name of the cluster.
        directory: Directory of scripts. None for only the script that does nothing.
        bucket_name: Name of an existing bucket. None for a bucket of its own, with removal policy RETAIN.
        key_arn: ARN of the KMS key of the bucket. None if Amazon S3 manages the key.
        staging: Bucket of the assets of the stack.

    Attributes:
        bucket: Bucket.
        prefix: Prefix of the scripts, which ends with `/`.
        deployment: Deployment of the scripts.
    """

    def __init__(
        self,
        scope: Construct,
        cluster_name: str,
        directory: str | None,
        bucket_name: str | None,
        key_arn: str | None,
        staging: s3.IBucket,
    ) -> None:
        self.prefix = f"{cluster_name}/"
        self.bucket = self._bucket(scope, cluster_name, bucket_name, key_arn)
        self.deployment = deployment.BucketDeployment(
            scope,
            "Scripts",
            sources=[deployment.Source.asset(each) for each in (DEFAULT_SCRIPTS, directory) if each is not None],
            destination_bucket=self.bucket,
            destination_key_prefix=self.prefix,
        )
        _acknowledge(self.deployment, [staging, self.bucket])

    @property
    def uri(self) -> str:
        """S3 URI of the scripts."""
        return f"s3://{self.bucket.bucket_name}/{self.prefix.rstrip('/')}"

    @staticmethod
    def _bucket(scope: Construct, cluster_name: str, bucket_name: str | None, key_arn: str | None) -> s3.IBucket:
        if bucket_name is not None:
            key = kms.Key.from_key_arn(scope, "BucketKey", key_arn) if key_arn else None
            return s3.Bucket.from_bucket_attributes(scope, "Bucket", bucket_name=bucket_name, encryption_key=key)
        home = Claims.regional(scope)
        digest = sha256(cluster_name.encode()).hexdigest()[:8]
        return private_bucket(
            Construct(scope, "Bucket"),
            days={},
            put_once=[],
            key_arn=key_arn,
            no_access_logs=_NO_ACCESS_LOGS,
            bucket_name=f"sagemaker-{home.account}-{home.region}-{digest}",
        )


def _acknowledge(scripts: deployment.BucketDeployment, buckets: Sequence[s3.IBucket]) -> None:
    function = scripts.handler_role.node.scope
    assert function is not None
    acknowledge_framework(function, "the CDK's function copies scripts between buckets", [*S3_WRITES, *KEY_USES])
    reason = "the CDK's function copies scripts from the bucket of assets to the bucket of the cluster"
    acknowledge_wildcards(function, {bucket.arn_for_objects("*"): reason for bucket in buckets})
