"""Permission to read a job archive."""

from typing import TYPE_CHECKING, Final

from aws_cdk import aws_iam as iam

from fairlane._internal.argument_types import check_methods
from fairlane._internal.athena_queries import QUERY, QUERY_RESULTS, READ_TABLES
from fairlane._internal.aws import ARN
from fairlane._internal.claims import Claims
from fairlane.monitoring.archive.archive_queries import TABLE
from fairlane.monitoring.archive.archive_rules import ATHENA, JOBS
from fairlane.queues.grants import grant_statements, statement

if TYPE_CHECKING:
    from fairlane.monitoring.archive.job_archive import JobArchive

_REASONS: Final = {"/*": "the wildcard covers objects below a prefix of the archive, whose keys are unknown at synth"}


@check_methods
class JobArchiveGrants:
    """Permissions on one job archive, as `archive.grants`. No grant allows to write or delete a record.

    Sources: "Actions, resources, and condition keys" of Amazon S3, Amazon Athena and AWS Glue in the Service
    Authorization Reference.

    Args:
        archive: Job archive.
    """

    def __init__(self, archive: "JobArchive") -> None:
        self._archive = archive

    def read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Grant permission to read the records, and to query them in the workgroup of the archive.

        Athena writes the results of queries with the permissions of the grantee.

        Args:
            grantee: IAM role, user or group.

        Raises:
            ConfigurationError: If the CDK cannot change the policies of the grantee.
        """
        archive, claims = self._archive, Claims.regional(self._archive)
        place, database = f"{claims.region}:{claims.account}", archive.database_name
        bucket = archive.bucket.bucket_arn
        tables = [
            f"{ARN}:glue:{place}:{part}" for part in ("catalog", f"database/{database}", f"table/{database}/{TABLE}")
        ]
        listed = {"StringLike": {"s3:prefix": [f"{JOBS}*", f"{ATHENA}*"]}}
        statements = [
            statement(["s3:GetObject"], [f"{bucket}/{JOBS}*"]),
            statement(["s3:ListBucket"], [bucket], listed),
            statement(["s3:GetBucketLocation"], [bucket]),
            statement(["s3:GetObject", *QUERY_RESULTS], [f"{bucket}/{ATHENA}*"]),
            statement(QUERY, [f"{ARN}:athena:{place}:workgroup/{archive.workgroup_name}"]),
            statement(READ_TABLES, tables),
        ]
        if archive.encryption_key_arn is not None:
            statements.append(statement(["kms:Decrypt", "kms:GenerateDataKey"], [archive.encryption_key_arn]))
        return grant_statements(archive, "read", grantee, statements, _REASONS)
