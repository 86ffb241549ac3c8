"""Permissions on a sweep store: of runs, of people who submit sweeps, and of people who read them."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from aws_cdk import aws_iam as iam

from fairlane._internal.argument_types import check_methods
from fairlane._internal.athena_queries import QUERY, QUERY_RESULTS, READ_TABLES
from fairlane._internal.aws import ARN
from fairlane._internal.claims import Claims
from fairlane.queues.grants import grant_statements, statement
from fairlane.sweeps.store_rules import ATHENA, FAILURES, MANIFESTS, PROGRESS, RESULTS, SWEEPS

if TYPE_CHECKING:
    from fairlane.sweeps.sweep_store import SweepStoreBase

_OBJECTS: Final = "the wildcard covers objects below a prefix of the store, whose keys are unknown at synth"
_REASONS: Final = {  # of several endings that fit, the last one counts
    "/*": _OBJECTS,
    ":job/*": "the jobs of a sweep get their IDs from AWS Batch when they are submitted",
    ":service-job/*": "the jobs of a sweep get their IDs from AWS Batch when they are submitted",
    ":job-queue/*": "a sweep can be submitted to each queue that the grantee may submit to; the action only reads",
}
_READ_BATCH: Final = [
    "batch:DescribeJobDefinitions",
    "batch:DescribeJobQueues",
    "batch:DescribeJobs",
    "batch:DescribeSchedulingPolicies",
    "batch:ListJobs",
    "batch:ListServiceJobs",
]


@check_methods
class SweepStoreGrants:
    """Permissions on one sweep store, as `store.grants`. No grant allows to delete an object.

    Sources: "Actions, resources, and condition keys" of Amazon S3, AWS Batch, Amazon Athena and AWS Glue in the Service
    Authorization Reference.

    Args:
        store: Sweep store.
    """

    def __init__(self, store: "SweepStoreBase") -> None:
        self._store = store

    def run(self, role: iam.IGrantable) -> iam.Grant:
        """Grant what `fairlane_run` needs in a container: read its manifest, write results, failures and progress.

        The bucket policy denies to overwrite a result. A role can list the keys of the store, because Amazon S3 answers
        403 instead of 404 for a result that is absent to all who may not list.

        Args:
            role: Job role of AWS Batch, or execution role of SageMaker training jobs.

        Raises:
            ConfigurationError: If the CDK cannot change the policies of the role.
        """
        listed = {"StringLikeIfExists": {"s3:prefix": [f"{PROGRESS}*", f"{RESULTS}*"]}}
        return self._grant(
            "run",
            role,
            [
                statement(["s3:GetObject"], self._objects(MANIFESTS, f"{RESULTS}*")),
                statement(["s3:PutObject"], self._objects(f"{RESULTS}*", f"{FAILURES}*", f"{PROGRESS}*")),
                statement(["s3:ListBucket"], [self._store.bucket_arn], listed),
                *self._key_statements(),
            ],
        )

    def submit(self, grantee: iam.IGrantable) -> iam.Grant:
        """Grant what `fairlane_client.sweeps` needs: write sweeps, read results, and follow and stop jobs.

        The permission to submit a job is the one of the queue: `queue.grants.submit`. AWS Batch allows describing and
        listing only for the whole account, and stopping only for all jobs of the account and Region. cdk-nag reports
        the resource `*`: the owner of the grantee must acknowledge it.

        Args:
            grantee: IAM role, user or group.

        Raises:
            ConfigurationError: If the CDK cannot change the policies of the grantee.
        """
        batch = f"{ARN}:batch:{self._place}"
        return self._grant(
            "submit",
            grantee,
            [
                *self._read_statements(),
                statement(["s3:PutObject"], self._objects(f"{SWEEPS}*")),
                statement(_READ_BATCH, ["*"]),
                statement(["batch:ListQuotaShares"], [f"{batch}:job-queue/*"]),
                statement(["batch:TerminateJob"], [f"{batch}:job/*"]),
                statement(["batch:TerminateServiceJob"], [f"{batch}:service-job/*"]),
                *self._key_statements(),
            ],
        )

    def read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Grant permission to read sweeps and their results, and to query them in the workgroup of the store.

        Athena writes the results of queries with the permissions of the grantee.

        Args:
            grantee: IAM role, user or group.

        Raises:
            ConfigurationError: If the CDK cannot change the policies of the grantee.
        """
        database = self._store.database_name
        catalog = [f"{ARN}:glue:{self._place}:{part}" for part in ("catalog", f"database/{database}")]
        tables = [f"{ARN}:glue:{self._place}:table/{database}/{table}" for table in ("results", "failures")]
        return self._grant(
            "read",
            grantee,
            [
                *self._read_statements(),
                statement(["s3:GetObject", *QUERY_RESULTS], self._objects(f"{ATHENA}*")),
                statement(["s3:GetBucketLocation"], [self._store.bucket_arn]),
                statement(QUERY, [f"{ARN}:athena:{self._place}:workgroup/{self._store.workgroup_name}"]),
                statement(READ_TABLES, [*catalog, *tables]),
                *self._key_statements(),
            ],
        )

    @property
    def _place(self) -> str:
        return f"{self._store.region}:{Claims.regional(self._store).account}"

    def _objects(self, *patterns: str) -> list[str]:
        return [f"{self._store.bucket_arn}/{pattern}" for pattern in patterns]

    def _read_statements(self) -> Iterator[iam.PolicyStatement]:
        prefixes = (f"{prefix}*" for prefix in (SWEEPS, RESULTS, FAILURES, PROGRESS))
        yield statement(["s3:GetObject"], self._objects(*prefixes))
        yield statement(["s3:ListBucket"], [self._store.bucket_arn])
        yield statement(["ssm:GetParameter"], [f"{ARN}:ssm:{self._place}:parameter{self._store.parameter_name}"])

    def _key_statements(self) -> Iterator[iam.PolicyStatement]:
        if self._store.encryption_key_arn is not None:
            yield statement(["kms:Decrypt", "kms:GenerateDataKey"], [self._store.encryption_key_arn])

    def _grant(self, method: str, grantee: Any, statements: Sequence[iam.PolicyStatement]) -> iam.Grant:
        return grant_statements(self._store, method, grantee, statements, _REASONS)
