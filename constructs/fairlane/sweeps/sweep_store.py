"""Store of hyperparameter sweeps."""

from collections.abc import Mapping
from typing import Final

from aws_cdk import Stack, Tags
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from fairlane._internal.athena_names import NAME_PREFIX, database_name, workgroup_name
from fairlane._internal.aws import ARN
from fairlane._internal.claims import WORKGROUP, Claims
from fairlane._internal.log_encryption import AnyKey, key_arn_of
from fairlane.errors import ConfigurationError
from fairlane.sweeps.store_bucket import create_bucket
from fairlane.sweeps.store_grants import SweepStoreGrants
from fairlane.sweeps.store_rules import (
    import_problems,
    parameter_name,
    store_problems,
)
from fairlane.sweeps.store_tables import create_tables, create_workgroup

_BUCKET: Final = "S3 bucket"


class SweepStoreBase(Construct):
    """Sweep store of this app or of another one.

    Attributes:
        store_name: Name of the store.
        region: Region of the store.
        bucket_name: Name of the bucket.
        bucket_arn: ARN of the bucket.
        encryption_key_arn: ARN of the KMS key of the bucket. None if Amazon S3 manages the key.
        name_prefix: Start of the names of the workgroup and the database.
        workgroup_name: Name of the Athena workgroup, `<name_prefix>-<store>`.
        database_name: Name of the Glue database, `<name_prefix>_<store>` in lower case with `_` instead of `-`.
        parameter_name: Name of the SSM parameter by which clients find the store, `/fairlane/sweep-store/<store>`, or
            `/fairlane/sweep-store/<name_prefix>/<store>` with another prefix than fairlane.
        grants: Permissions on the store.
    """

    store_name: str
    name_prefix: str
    region: str
    bucket_name: str
    bucket_arn: str
    encryption_key_arn: str | None

    @property
    def workgroup_name(self) -> str:
        """Name of the Athena workgroup."""
        return workgroup_name(self.store_name, self.name_prefix)

    @property
    def database_name(self) -> str:
        """Name of the Glue database."""
        return database_name(self.store_name, self.name_prefix)

    @property
    def parameter_name(self) -> str:
        """Name of the SSM parameter by which clients find the store."""
        return parameter_name(self.store_name, self.name_prefix)

    @property
    def grants(self) -> SweepStoreGrants:
        """Permissions on the store."""
        return SweepStoreGrants(self)


class SweepStore(SweepStoreBase):
    """Bucket with all state of hyperparameter sweeps, and tables, a workgroup and queries for their results.

    The bucket is encrypted and versioned, and accepts TLS only. Its policy denies to everybody to overwrite a result,
    a manifest or the description of a sweep: a put below these keys needs the header `If-None-Match`. CopyObject and
    multipart uploads have no such header, so that they do not work there. Progress expires after at most 90 days, the
    results of queries after 7 days, old versions after 30 days.

    The tables `results` and `failures` have one partition for each sweep, by partition projection: a query must name
    the sweep by a literal, as in `WHERE sweep = 'resnet-lr'`. Athena stops a query that scans more than 10 GiB.

    Deleting the construct or its stack keeps the bucket.

    Updates: in place. Another name creates new tables, another workgroup and another parameter, and keeps the bucket.
    Another name of the bucket creates an empty bucket, and keeps the old one without a store. Another key applies to
    new objects only. Not tested against a real AWS account.

    Sources: "Enforce conditional writes on Amazon S3 buckets" in the Amazon S3 user guide; "Dynamic ID partitioning"
    and "OpenX JSON SerDe" in the Amazon Athena user guide.

    Args:
        scope: Scope of the construct.
        construct_id: Id of the construct.
        store_name: Name by which clients find the store, 1 to 64 characters of a-z, 0-9 and -, a letter first.
        expire_after_days: Number of days after which sweeps, results and failures expire, 1 to 3,650. Default: never.
        encryption_key: KMS key of the bucket in the same Region, or its ARN. The key policy must allow the roles with
            grants, as the default policy of `aws_kms.Key` does. Default: Amazon S3 manages the key.
        bucket_name: Name of the bucket, by which stacks of other Regions can grant access to it. Default:
            CloudFormation chooses the name.
        tags: Tags of the resources, at most 50. Default: none.
        name_prefix: Start of the names of the workgroup and the database, 1 to 32 letters, digits and hyphens. Clients
            name the store `<name_prefix>/<store>`. Stores with the same name and other prefixes do not collide. A
            change has the effects of another name. Default: fairlane, without `<name_prefix>/` for clients.

    Attributes:
        bucket: Bucket.
        database: Glue database.
        workgroup: Athena workgroup.
        parameter: SSM parameter.

    Raises:
        ConfigurationError: If an argument has the wrong form, or if another store has the name.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        store_name: str,
        expire_after_days: int | None = None,
        encryption_key: AnyKey | None = None,
        bucket_name: str | None = None,
        tags: Mapping[str, str] | None = None,
        name_prefix: str = NAME_PREFIX,
    ) -> None:
        claims, key_arn = Claims.regional(scope), key_arn_of(encryption_key)
        problems = [
            *store_problems(
                store_name=store_name,
                expire_after_days=expire_after_days,
                encryption_key=key_arn,
                tags=tags,
                region=claims.region,
                bucket_name=bucket_name,
                name_prefix=name_prefix,
            ),
            *claims.name_problems(WORKGROUP, "store_name", workgroup_name(store_name, name_prefix)),
            *Claims.account_wide(scope).name_problems(_BUCKET, "bucket_name", bucket_name or ""),
        ]
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        self.store_name, self.name_prefix, self.region = store_name, name_prefix, claims.region
        claims.add(WORKGROUP, self.workgroup_name, self)
        if bucket_name is not None:
            Claims.account_wide(self).add(_BUCKET, bucket_name, self)
        self.encryption_key_arn = key_arn
        self.bucket = create_bucket(self, expire_after_days, key_arn, bucket_name)
        self.bucket_name, self.bucket_arn = self.bucket.bucket_name, self.bucket.bucket_arn
        self.database = create_tables(self, self.database_name, self.bucket_name)
        self.workgroup = create_workgroup(self, self.workgroup_name, self.database, self.bucket_name, key_arn)
        location = {
            "bucket": self.bucket_name,
            "workgroup": self.workgroup_name,
            "database": self.database_name,
            "region": claims.region,
        }
        self.parameter = ssm.CfnParameter(
            self,
            "Parameter",
            name=self.parameter_name,
            description="Place of a sweep store of Fairlane",
            type="String",
            value=Stack.of(self).to_json_string(location),
        )
        for key, value in (tags or {}).items():
            Tags.of(self).add(key, value)

    @staticmethod
    def from_bucket_name(
        scope: Construct,
        construct_id: str,
        bucket_name: str,
        *,
        store_name: str,
        encryption_key: AnyKey | None = None,
        region: str | None = None,
        name_prefix: str = NAME_PREFIX,
    ) -> SweepStoreBase:
        """Return a sweep store that another app or stack creates in the same account, for grants.

        Args:
            scope: Scope of the construct.
            construct_id: Id of the construct.
            bucket_name: Name of the bucket.
            store_name: Name of the store.
            encryption_key: KMS key of the bucket, or its ARN. Default: Amazon S3 manages the key.
            region: Region of the store. Default: the Region of the stack.
            name_prefix: Start of the names of the store's workgroup and database. Default: fairlane.

        Raises:
            ConfigurationError: If an argument has the wrong form.
        """
        key_arn = key_arn_of(encryption_key)
        region = region or Claims.regional(scope).region
        problems = list(
            import_problems(
                bucket_name=bucket_name,
                store_name=store_name,
                encryption_key=key_arn,
                region=region,
                name_prefix=name_prefix,
            )
        )
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        store = SweepStoreBase(scope, construct_id)
        store.store_name, store.name_prefix = store_name, name_prefix
        store.region, store.bucket_name = region, bucket_name
        store.bucket_arn, store.encryption_key_arn = f"{ARN}:s3:::{bucket_name}", key_arn
        return store
