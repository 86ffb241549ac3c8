"""IAM permissions of the functions of a fan-out. Each function has a role of its own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import Final, NamedTuple

from fairlane._internal.athena_queries import QUERY_RESULTS
from fairlane._internal.aws import ARN
from fairlane._internal.iam_statements import Statement, allow
from fairlane.fan_out.fan_out_rules import FanOutSpec
from fairlane.fan_out.query_permissions import source_statements
from fairlane.jobs.permission_rules import OBJECTS_REASON, s3_statements, split_s3_prefix
from fairlane_lambda.fan_out.names import CAPACITY, MANIFESTS, OUTCOMES, PLANS, QUERIES, TEMPLATES, UPLOADS

USE_KEY: Final = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]

_OBJECTS: Final = "the wildcard covers objects below a prefix of the fan-out, whose keys are unknown at synth"
_BATCH: Final = "AWS Batch supports no resource-level permissions for describing and listing"
_NEW_JOBS: Final = "a job has no ARN before it is submitted; the statement for the queues limits it"
_QUOTA_SHARES: Final = "the statement covers the quota shares of one queue"
_REVISIONS: Final = "the statement covers all revisions of one job definition"
_READ_LEDGER: Final = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"]
_WRITE_LEDGER: Final = [*_READ_LEDGER, "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
_FIND_JOBS: Final = ["batch:ListJobs", "batch:ListServiceJobs"]
_DESCRIBE_JOBS: Final = ["batch:DescribeJobs", "batch:DescribeServiceJob"]
_DESCRIBE_QUEUES: Final = [
    "batch:DescribeComputeEnvironments",
    "batch:DescribeJobDefinitions",
    "batch:DescribeJobQueues",
    "batch:DescribeSchedulingPolicies",
    "batch:DescribeServiceEnvironments",
]
_READ_TABLES: Final = ["glue:GetDatabase", "glue:GetPartition", "glue:GetPartitions", "glue:GetTable", "glue:GetTables"]
_COPY: Final = "all copies of the fan-out are below named prefixes, which the role of the copies is limited to"


class Permission(NamedTuple):
    """Statement of a role.

    Attributes:
        statement: Statement.
        reason: Reason for its wildcards, for cdk-nag. Empty if it has none.
    """

    statement: Statement
    reason: str = ""


def wildcards(permissions: Sequence[Permission]) -> dict[str, str]:
    """Return the reasons for each resource with a wildcard."""
    reasons: dict[str, dict[str, None]] = {}
    for permission in permissions:
        for resource in permission.statement["Resource"]:
            if "*" in resource:
                reasons.setdefault(resource, {})[permission.reason] = None
    return {resource: "; ".join(each) for resource, each in reasons.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class FanOutPermissions:
    """Permissions of the functions of one fan-out.

    Args:
        spec: Settings of the fan-out.
        home: Home Region.
        account: Account.
        bucket_arn: ARN of the bucket.
        table_arn: ARN of the ledger.
        configuration_arn: ARN of the object with the configuration.
        database: Name of the Glue database.
        workgroup: Name of the Athena workgroup.
        state_machine: Name of the state machine.
        role_arns: ARNs of the execution roles.
        store: ARN of the bucket of the sweep store. None without a store.
        keys: ARNs of the KMS keys of the bucket, the ledger and the sweep store.
        copy_role_arn: ARN of the role of copies. Default: no copies.
    """

    spec: FanOutSpec
    home: str
    account: str
    bucket_arn: str
    table_arn: str
    configuration_arn: str
    database: str
    workgroup: str
    state_machine: str
    role_arns: Sequence[str]
    store: str | None
    keys: Sequence[str]
    copy_role_arn: str | None = None

    def plan(self) -> Iterator[Permission]:
        """Yield the permissions to read and place lines, to run the query, and to write plans and arrays."""
        yield from self._common([*_WRITE_LEDGER, "dynamodb:ConditionCheckItem"])
        yield self._objects(["s3:GetObject", "s3:GetObjectVersion"], MANIFESTS, QUERIES, TEMPLATES, UPLOADS)
        yield self._objects(["s3:GetObject"], CAPACITY, OUTCOMES)
        yield self._objects(["s3:GetObject", "s3:PutObject"], PLANS)
        yield Permission(allow(["s3:GetBucketLocation", "s3:ListBucket"], [self.bucket_arn]))
        yield self._listing(MANIFESTS, UPLOADS, action="s3:ListBucketVersions")
        yield Permission(allow(_DESCRIBE_QUEUES, ["*"]), _BATCH)
        yield Permission(allow(["batch:ListQuotaShares"], self._queues()))
        images = [self._arn("ecr", "repository/*", region) for region in self.spec.queues]
        yield Permission(allow(["ecr:BatchGetImage", "ecr:DescribeImages"], images), "the lines name the images")
        # A query of Athena asks for the places of buckets, and data in another Region gives a warning.
        yield Permission(allow(["s3:GetBucketLocation"], [f"{ARN}:s3:::*"]), "the lines name the buckets of the data")
        if self.spec.query is not None:
            yield from self._query()
        if self.store is not None:
            arrays = allow(["s3:GetObject", "s3:PutObject"], [f"{self.store}/sweeps/*"])
            yield Permission(arrays, "array jobs are sweeps, whose ids are unknown at synth")
        if self.copy_role_arn is not None:
            yield from self._copies(self.copy_role_arn)

    def submit(self) -> Iterator[Permission]:
        """Yield the permissions to submit jobs to the named queues, with the named roles only."""
        yield from self._common(_WRITE_LEDGER)
        yield self._objects(["s3:GetObject"], PLANS)
        yield Permission(allow(_FIND_JOBS, ["*"]), _BATCH)
        yield Permission(allow(["batch:SubmitServiceJob"], self._queues()))
        yield Permission(allow(["batch:SubmitServiceJob"], self._queues("/quota-share/*")), _QUOTA_SHARES)
        yield Permission(allow(["batch:SubmitServiceJob"], self._regional("service-job*")), _NEW_JOBS)
        if self.spec.job_definitions:
            names = [f"job-definition/{name}" for name in self.spec.job_definitions]
            yield Permission(allow(["batch:SubmitJob"], [*self._queues(), *self._regional(*names)]))
            revisions = allow(["batch:SubmitJob"], self._regional(*(f"{name}:*" for name in names)))
            yield Permission(revisions, _REVISIONS)
            yield Permission(allow(["batch:SubmitJob"], self._regional("job", "job/*")), _NEW_JOBS)
        if self.role_arns:
            to_sagemaker = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
            yield Permission(allow(["iam:PassRole"], self.role_arns, to_sagemaker))

    def outcomes(self) -> Iterator[Permission]:
        """Yield the permissions to record the events of jobs."""
        yield from self._common(_WRITE_LEDGER)
        yield from self._jobs(_DESCRIBE_JOBS)

    def reconcile(self) -> Iterator[Permission]:
        """Yield the permissions to ask about jobs without news, and to write the outcomes."""
        yield from self.outcomes()
        yield Permission(allow(_FIND_JOBS, ["*"]), _BATCH)
        yield self._objects(["s3:GetObject", "s3:PutObject"], OUTCOMES)
        yield self._objects(["s3:GetObject"], PLANS)
        yield self._listing(OUTCOMES)
        executions = [self._arn("states", f"execution:{self.state_machine}:*", self.home)]
        yield Permission(allow(["states:DescribeExecution"], executions), "executions get their names when they start")

    def capacity(self) -> Iterator[Permission]:
        """Yield the permissions to read prices, scores and free capacity. None of them buys anything."""
        yield from self._common()
        yield self._objects(["s3:PutObject"], CAPACITY)
        yield self._objects(["s3:GetObject"], TEMPLATES)
        yield self._listing(TEMPLATES)
        reads = [
            "ec2:DescribeCapacityReservations",
            "ec2:DescribeInstanceTypes",
            "ec2:DescribeLaunchTemplateVersions",
            "ec2:DescribeSpotPriceHistory",
            "ec2:GetSpotPlacementScores",
            "pricing:GetAttributeValues",
            "pricing:GetProducts",
            "sagemaker:ListTrainingPlans",
        ]
        reason = "Amazon EC2, AWS Price List and SageMaker support no resource-level permissions for these reads"
        yield Permission(allow([*_DESCRIBE_QUEUES, *_DESCRIBE_JOBS, *_FIND_JOBS, *reads], ["*"]), f"{_BATCH}; {reason}")
        yield Permission(allow(["batch:GetJobQueueSnapshot"], self._queues()))

    def copy(self) -> list[Permission]:
        """Return the permissions of S3 Batch Operations to copy data between named prefixes."""
        read = ["s3:GetObject", "s3:GetObjectTagging", "s3:GetObjectVersion", "s3:GetObjectVersionTagging"]
        key = [Permission(allow(USE_KEY, [*self.keys]))] if self.keys else []
        return [
            Permission(allow(read, [*map(_below, self.spec.copy_from)]), OBJECTS_REASON),
            Permission(
                allow(["s3:PutObject", "s3:PutObjectTagging"], [*map(_below, self.spec.copy_to)]), OBJECTS_REASON
            ),
            self._objects(["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"], PLANS),
            *key,
        ]

    def _common(self, ledger: Sequence[str] = ()) -> Iterator[Permission]:
        yield Permission(allow(["s3:GetObject"], [self.configuration_arn]))
        if ledger:
            yield Permission(allow(ledger, [self.table_arn]))
        if self.keys:
            yield Permission(allow(USE_KEY, self.keys))

    def _jobs(self, actions: Sequence[str]) -> Iterator[Permission]:
        yield Permission(allow(actions, ["*"]), _BATCH)
        training = [self._arn("sagemaker", "training-job/*", region) for region in self.spec.queues]
        yield Permission(allow(["sagemaker:DescribeTrainingJob"], training), "AWS Batch names the training jobs")

    def _query(self) -> Iterator[Permission]:
        workgroup = self._arn("athena", f"workgroup/{self.workgroup}", self.home)
        actions = ["athena:GetQueryExecution", "athena:GetWorkGroup", "athena:StartQueryExecution"]
        yield Permission(allow([*actions, "athena:StopQueryExecution"], [workgroup]))
        yield self._objects(QUERY_RESULTS, QUERIES)
        names = [self.database, *self.spec.query_databases]
        glue = [
            self._arn("glue", part, self.home) for name in names for part in (f"database/{name}", f"table/{name}/*")
        ]
        yield Permission(
            allow(_READ_TABLES, [self._arn("glue", "catalog", self.home), *glue]), "the query names the tables"
        )
        yield from (Permission(statement, OBJECTS_REASON) for statement in s3_statements(self.spec.query_data, [], ARN))
        yield from starmap(Permission, source_statements(self.spec, self.home, self.account))

    def _copies(self, role_arn: str) -> Iterator[Permission]:
        yield Permission(allow(["s3:CreateJob"], ["*"]), _COPY)
        jobs = [f"{ARN}:s3:{region}:{self.account}:job/*" for region in self.spec.queues]
        yield Permission(allow(["s3:DescribeJob"], jobs), "copies get their ids when they start")
        to_copies = {"StringEquals": {"iam:PassedToService": "batchoperations.s3.amazonaws.com"}}
        yield Permission(allow(["iam:PassRole"], [role_arn], to_copies))
        prefixes = [*self.spec.copy_from, *self.spec.copy_to]
        yield from (Permission(statement, OBJECTS_REASON) for statement in s3_statements(prefixes, [], ARN))

    def _objects(self, actions: Sequence[str], *prefixes: str) -> Permission:
        return Permission(allow(actions, [f"{self.bucket_arn}/{prefix}*" for prefix in prefixes]), _OBJECTS)

    def _listing(self, *prefixes: str, action: str = "s3:ListBucket") -> Permission:
        below = {"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}}
        return Permission(allow([action], [self.bucket_arn], below))

    def _queues(self, ending: str = "") -> list[str]:
        queues: Mapping[str, Sequence[str]] = self.spec.queue_names()
        return [
            self._arn("batch", f"job-queue/{name}{ending}", region)
            for region, names in queues.items()
            for name in names
        ]

    def _regional(self, *resources: str) -> list[str]:
        return [self._arn("batch", resource, region) for region in self.spec.queues for resource in resources]

    def _arn(self, service: str, resource: str, region: str) -> str:
        return f"{ARN}:{service}:{region}:{self.account}:{resource}"


def _below(prefix: str) -> str:
    """Return the pattern of the ARNs of the objects below a prefix."""
    bucket, key = split_s3_prefix(prefix)
    return f"{ARN}:s3:::{bucket}/{key}*"
