"""Permissions of people on a fan-out: start, read and stop."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from aws_cdk import aws_iam as iam

from fairlane._internal.argument_types import check_methods
from fairlane._internal.athena_queries import QUERY_RESULTS, READ_TABLES
from fairlane._internal.aws import ARN
from fairlane._internal.claims import Claims
from fairlane.fan_out.fan_out_permissions import USE_KEY
from fairlane.fan_out.fan_out_rules import resource_name
from fairlane.queues.grants import grant_statements, statement
from fairlane_lambda.fan_out.names import CAPACITY, MANIFESTS, OUTCOMES, PLANS, QUERIES, TEMPLATES, UPLOADS

if TYPE_CHECKING:
    from fairlane.fan_out.training_fan_out import TrainingFanOut

_REASONS: Final = {  # of several endings that fit, the last one counts
    "*": "the wildcard covers objects below a prefix of the fan-out, whose keys are unknown at synth",
    ":*": "executions of the state machine get their names when they start",
    ":job/*": "the jobs of a fan-out get their IDs from AWS Batch when they are submitted",
    ":service-job*": "the jobs of a fan-out get their IDs from AWS Batch when they are submitted",
}
_ATHENA: Final = [
    "athena:GetQueryExecution",
    "athena:GetQueryResults",
    "athena:GetWorkGroup",
    "athena:StartQueryExecution",
    "athena:StopQueryExecution",
]
_CHANGEABLE: Final = ["pk", "sk", "state", "stopped", "version"]
"""Attributes of the ledger that stopping and going on change."""


@check_methods
class FanOutGrants:
    """Permissions on one fan-out, as `fan_out.grants`. No grant allows to submit a job or to delete an object.

    Sources: "Actions, resources, and condition keys" of Amazon S3, Amazon DynamoDB, AWS Step Functions, AWS Batch,
    Amazon Athena and AWS Glue in the Service Authorization Reference.

    Args:
        fan_out: Fan-out.
    """

    def __init__(self, fan_out: "TrainingFanOut") -> None:
        self._fan_out = fan_out

    def start(self, grantee: iam.IGrantable) -> iam.Grant:
        """Grant permission to check, start and resume manifests, and all permissions of `read`.

        Whoever may start a manifest can let jobs run with all execution roles of the fan-out.

        Args:
            grantee: IAM role, user or group.

        Raises:
            ConfigurationError: If the CDK cannot change the policies of the grantee.
        """
        start = statement(["states:StartExecution"], [self._fan_out.state_machine_arn])
        put = statement(["s3:PutObject"], self._objects(MANIFESTS, TEMPLATES, UPLOADS))
        return self._grant("start", grantee, [*self._read_statements(), put, start, self._change_statement()])

    def read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Grant permission to read manifests, plans, states and outcomes, and to query them in the workgroup.

        Athena writes the results of queries with the permissions of the grantee.

        Args:
            grantee: IAM role, user or group.

        Raises:
            ConfigurationError: If the CDK cannot change the policies of the grantee.
        """
        return self._grant("read", grantee, self._read_statements())

    def stop(self, grantee: iam.IGrantable) -> iam.Grant:
        """Grant permission to stop manifests and to terminate their jobs, and all permissions of `read`.

        AWS Batch allows terminating only for all jobs of an account and Region: the permission covers all jobs of the
        Regions of the fan-out.

        Args:
            grantee: IAM role, user or group.

        Raises:
            ConfigurationError: If the CDK cannot change the policies of the grantee.
        """
        account, regions = Claims.regional(self._fan_out).account, self._fan_out.spec.queues
        jobs = {"TerminateJob": "job/*", "TerminateServiceJob": "service-job*"}
        terminate = [
            statement([f"batch:{action}"], [f"{ARN}:batch:{region}:{account}:{resource}" for region in regions])
            for action, resource in jobs.items()
        ]
        end = statement(["states:StopExecution"], [self._executions()])
        return self._grant("stop", grantee, [*self._read_statements(), end, self._change_statement(), *terminate])

    def _read_statements(self) -> Iterator[iam.PolicyStatement]:
        fan_out, place = self._fan_out, self._place
        prefixes = (CAPACITY, MANIFESTS, OUTCOMES, PLANS, QUERIES, TEMPLATES, UPLOADS)
        yield statement(["s3:GetObject", "s3:GetObjectVersion"], self._objects(*prefixes))
        yield statement(["s3:GetBucketLocation", "s3:ListBucket"], [fan_out.bucket.bucket_arn])
        yield statement(QUERY_RESULTS, self._objects(QUERIES))
        yield statement(["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"], [fan_out.ledger.attr_arn])
        yield statement(["states:DescribeStateMachine", "states:ListExecutions"], [fan_out.state_machine_arn])
        yield statement(["states:DescribeExecution"], [self._executions()])
        yield statement(["ssm:GetParameter"], [f"{ARN}:ssm:{place}:parameter{fan_out.parameter_name}"])
        all_of_region = fan_out.parameter_name.rpartition("/")[0]
        yield statement(["ssm:GetParametersByPath"], [f"{ARN}:ssm:{place}:parameter{all_of_region}"])
        yield statement(_ATHENA, [f"{ARN}:athena:{place}:workgroup/{fan_out.workgroup_name}"])
        name = fan_out.database_name
        parts = ("catalog", f"database/{name}", f"table/{name}/capacity", f"table/{name}/outcomes")
        tables = [f"{ARN}:glue:{place}:{part}" for part in parts]
        yield statement(READ_TABLES, tables)
        if fan_out.encryption_key_arn is not None:
            yield statement(USE_KEY, [fan_out.encryption_key_arn])

    def _change_statement(self) -> iam.PolicyStatement:
        condition = {"ForAllValues:StringEquals": {"dynamodb:Attributes": _CHANGEABLE}}
        return statement(["dynamodb:UpdateItem"], [self._fan_out.ledger.attr_arn], condition)

    @property
    def _place(self) -> str:
        claims = Claims.regional(self._fan_out)
        return f"{claims.region}:{claims.account}"

    def _executions(self) -> str:
        return f"{ARN}:states:{self._place}:execution:{resource_name(self._fan_out.fan_out_name)}:*"

    def _objects(self, *prefixes: str) -> list[str]:
        return [f"{self._fan_out.bucket.bucket_arn}/{prefix}*" for prefix in prefixes]

    def _grant(self, method: str, grantee: Any, statements: Iterable[iam.PolicyStatement]) -> iam.Grant:
        return grant_statements(self._fan_out, method, grantee, list(statements), _REASONS)
