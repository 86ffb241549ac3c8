"""Archive of ended jobs."""

from collections.abc import Mapping, Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

from fairlane._internal import json_tables
from fairlane._internal.athena_names import NAME_PREFIX, database_name, workgroup_name
from fairlane._internal.claims import WORKGROUP, Claims
from fairlane._internal.event_queues import CONSUMER_ACTIONS, consume, event_queue
from fairlane._internal.functions import Function, lambda_code
from fairlane._internal.iam_statements import allow
from fairlane._internal.log_encryption import AnyKey, key_arn_of, log_key_arn, log_key_problems
from fairlane._internal.private_bucket import private_bucket
from fairlane.errors import ConfigurationError
from fairlane.monitoring.alarms.actions import check_runbooks
from fairlane.monitoring.alarms.alarm_problems import Target
from fairlane.monitoring.alarms.descriptions import RUNBOOKS
from fairlane.monitoring.alarms.message_alarm import message_alarm, notify_problems
from fairlane.monitoring.archive.archive_events import add_rules
from fairlane.monitoring.archive.archive_grants import JobArchiveGrants
from fairlane.monitoring.archive.archive_queries import COLUMNS, NAMED_QUERIES, TABLE
from fairlane.monitoring.archive.archive_rules import (
    ARCHIVE_NAME,
    ATHENA,
    EXPIRE_AFTER_DAYS,
    JOBS,
    archive_problems,
)
from fairlane.monitoring.exporter.queue_reader import AnyQueue, queue_problems, read_queue

ATHENA_DAYS: Final = 7
_TIMEOUT_SECONDS: Final = 60
_BATCH_WINDOW_SECONDS: Final = 300
_NO_ACCESS_LOGS: Final = (
    "server access logs need a second bucket with a retention of its own: record the access to the archive with data "
    "events of AWS CloudTrail where it is needed"
)
_OBJECTS: Final = "the wildcard covers the records of the archive, whose keys are hashes"


class JobArchive(Construct):
    """Archive of ended jobs, because AWS Batch keeps them for about seven days.

    EventBridge sends the last event of each job through an SQS queue to a function, which puts one object with the
    records of a batch into a bucket, for each queue and day: `jobs/queue=<queue>/day=<day>/<hash>.jsonl.gz`. A batch
    takes up to 5 minutes. A batch that SQS delivers again replaces its object. An archive can have a job twice: the
    named queries and the readers of `fairlane_client` count it once.

    A record has the job's queue, share, capacity, times, attempts and the class of its failure. No record, no log and
    no SQS queue has its command, environment, parameters, payload or tags. Only the SQS queues have AWS's status
    reasons, which can quote a command. Parents of array jobs and nodes of multi-node jobs have no record. A multi-node
    job has the resources of all its nodes.

    The table `jobs` has a partition for each queue and day, by partition projection: a query names queues by literals,
    as in `WHERE queue IN ('training-p4', 'training-p5')`. Deleting the construct or its stack keeps the bucket.

    Updates: in place. A queue that is removed keeps its records. Another prefix creates another workgroup and database,
    and keeps the bucket. Another key applies to new objects only. Unverified: not run against an AWS account; that the
    events of service jobs have capacityUsage and preemptionSummary, as DescribeServiceJob has.

    Sources: "AWS Batch event stream" in the AWS Batch user guide; "Input transformation" in the EventBridge user guide;
    "Dynamic ID partitioning" and "Date type" of partition projection in the Amazon Athena user guide.

    Args:
        scope: Parent construct.
        construct_id: Construct id.
        queues: 1 to 50 queues in the stack's account and Region, imported or not: of SageMaker training jobs or of
            container jobs.
        instance_types: `ml.*` instance type by queue name, which gives the GPUs of jobs whose capacity is a number of
            instances of any type. Default: none, so that the GPUs of these jobs are unknown.
        expire_after_days: Number of days after which records expire, 8 to 3,650. Default: 400.
        encryption_key: KMS key of the bucket in the same Region, or its ARN. The key policy must allow the roles with
            grants and the function, as the default policy of `aws_kms.Key` does. Default: Amazon S3 manages the key.
        log_encryption_key: KMS key of the log group of the function, or its ARN, as in `TrainingVpc`. Default:
            encryption with a key of CloudWatch Logs.
        alarm: True creates an alarm on the dead-letter queue, `<name_prefix>-job-archive-dead-letters`. Default: True.
        notify: SNS topics, or ARNs of other targets that an alarm can invoke, at most 5. Default: none.
        runbooks: URL or path of the folder with the runbooks. Default: docs/runbooks.
        name_prefix: Start of the names of the workgroup, the database and the alarm, 1 to 32 letters, digits and
            hyphens. A second archive in a Region needs another prefix. Default: fairlane.

    Attributes:
        bucket: Bucket.
        events: SQS queue of events.
        dead_letters: Dead-letter queue of events that EventBridge could not deliver or the function could not archive.
        alarm: Alarm on `dead_letters`. None without an alarm.
        function: Function that writes the records.
        database: Glue database, `<name_prefix>_job_archive`.
        workgroup: Athena workgroup, `<name_prefix>-job-archive`.
        encryption_key_arn: ARN of the KMS key of the bucket. None if Amazon S3 manages the key.

    Raises:
        ConfigurationError: If a queue or a setting is not valid, or if another archive has the prefix.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        queues: Sequence[AnyQueue],
        instance_types: Mapping[str, str] | None = None,
        expire_after_days: int = EXPIRE_AFTER_DAYS,
        encryption_key: AnyKey | None = None,
        log_encryption_key: AnyKey | None = None,
        alarm: bool = True,
        notify: Sequence[Target] = (),
        runbooks: str = RUNBOOKS,
        name_prefix: str = NAME_PREFIX,
    ) -> None:
        home, key_arn = Claims.regional(scope), key_arn_of(encryption_key)
        workgroup = workgroup_name(ARCHIVE_NAME, name_prefix)
        problems = [
            *queue_problems(queues, instance_types or {}, home, "JobArchive"),
            *archive_problems(
                expire_after_days=expire_after_days,
                encryption_key=key_arn,
                region=home.region,
                name_prefix=name_prefix,
            ),
            *home.name_problems(WORKGROUP, "name_prefix", workgroup),
            *log_key_problems(scope, log_encryption_key),
            *notify_problems(notify, home.region),
            *check_runbooks(runbooks),
        ]
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        home.add(WORKGROUP, workgroup, self)
        self.workgroup_name, self.database_name = workgroup, database_name(ARCHIVE_NAME, name_prefix)
        self.encryption_key_arn = key_arn
        days = {JOBS: expire_after_days, ATHENA: ATHENA_DAYS}
        self.bucket = private_bucket(self, days=days, put_once=(), key_arn=key_arn, no_access_logs=_NO_ACCESS_LOGS)
        self.dead_letters = event_queue(self, "DeadLetters", None)
        self.events = event_queue(self, "Events", self.dead_letters, _TIMEOUT_SECONDS, _BATCH_WINDOW_SECONDS)
        hints = instance_types or {}
        monitored = [read_queue(queue, (), hints.get(queue.job_queue_name), home, queues) for queue in queues]
        add_rules(Construct(self, "Rules"), monitored, self.events, self.dead_letters)
        self.function = self._function(lambda_code(self), log_key_arn(self, log_encryption_key))
        consume(self, "Mapping", self.function, self.events, _BATCH_WINDOW_SECONDS)
        name = self.bucket.bucket_name
        self.database = json_tables.create_database(self, self.database_name, "Ended jobs of AWS Batch")
        json_tables.create_table(
            Construct(self, "Tables"),
            self.database,
            TABLE,
            f"s3://{name}/{JOBS}",
            COLUMNS,
            partition="queue",
            days=expire_after_days,
        )
        description = "Queries of ended jobs"
        self.workgroup = json_tables.create_workgroup(self, workgroup, description, f"s3://{name}/{ATHENA}", key_arn)
        json_tables.create_queries(self, NAMED_QUERIES, self.workgroup, self.database)
        self.alarm = self._alarm(f"{workgroup}-dead-letters", notify, runbooks) if alarm else None

    @property
    def grants(self) -> JobArchiveGrants:
        """Permissions on the archive."""
        return JobArchiveGrants(self)

    def _alarm(self, name: str, notify: Sequence[Target], runbooks: str) -> cloudwatch.CfnAlarm:
        description = (
            "Job archive: records of ended jobs are missing. Look first at: the events in the queue DeadLetters of the "
            f"stack {cdk.Stack.of(self).stack_name}. Runbook: {runbooks}/job-archive-dead-letters.md"
        )
        if not notify:
            message = "the alarm on missing records has no targets and notifies nobody: set notify"
            cdk.Annotations.of(self).add_warning_v2("fairlane:JobArchive.noAction", message)
        return message_alarm(self, self.dead_letters, name, description, notify, "Alarm")

    def _function(self, code: s3_assets.Asset, log_key: str | None) -> Function:
        records = f"{self.bucket.bucket_arn}/{JOBS}*"
        key = [] if self.encryption_key_arn is None else [allow(["kms:GenerateDataKey"], [self.encryption_key_arn])]
        return Function(
            self,
            "Function",
            code=code,
            handler="job_archive",
            timeout_seconds=_TIMEOUT_SECONDS,
            environment={
                "FAIRLANE_BUCKET": self.bucket.bucket_name,
                "FAIRLANE_ACCOUNT": Claims.regional(self).account,
            },
            statements=[
                allow(CONSUMER_ACTIONS, [self.events.queue_arn]),
                allow(["s3:PutObject"], [records]),
                *key,
            ],
            wildcards={records: _OBJECTS},
            log_key=log_key,
        )
