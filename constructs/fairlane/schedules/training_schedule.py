"""Jobs that EventBridge Scheduler submits to a queue."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from fairlane._internal.aws import ARN
from fairlane._internal.claims import Claims
from fairlane._internal.event_queues import dead_letter_queue
from fairlane._internal.tokens import is_token
from fairlane.errors import ConfigurationError, Problem
from fairlane.monitoring.alarms.actions import check_runbooks
from fairlane.monitoring.alarms.alarm_names import alarm_name, prefix_of, prefix_problems, taken_problems
from fairlane.monitoring.alarms.alarm_problems import Target
from fairlane.monitoring.alarms.descriptions import RUNBOOKS
from fairlane.monitoring.alarms.message_alarm import message_alarm, notify_problems
from fairlane.queues import GpuQueue, GpuQueueBase, JobDefinitionBase, TrainingQueueBase
from fairlane.schedules.request_rules import EXECUTION_ID, SCHEDULED_TIME, command_problems
from fairlane.schedules.schedule_rules import ScheduleSpec, imported_share_problems, kind_problems, share_problems
from fairlane.scheduling import FairShare, QuotaManagement, State

AnyQueue: TypeAlias = TrainingQueueBase | GpuQueueBase

_KIND: Final = "schedule"
_RETRIES: Final = 10
_MAX_AGE_SECONDS: Final = 3_600


class TrainingSchedule(Construct):
    """Schedule on which EventBridge Scheduler submits a job to a queue.

    A queue for SageMaker training jobs needs `payload` and `execution_role`, a queue for containers a `job_definition`.
    The role of the schedule has the permissions of `queue.grants.submit` for this job only. A submission that fails is
    repeated for an hour, at most 10 times, and then sent to a dead-letter queue with an alarm.

    EventBridge Scheduler delivers at least once. Requests for SageMaker training jobs have a client token with the
    scheduled time, so that AWS Batch rejects a second request; `SubmitJob` has no client tokens, so that a container
    can, rarely, run twice. A training job has the name of the schedule, and SageMaker gets a name from AWS Batch that
    is unique. A container job has the name of the schedule and the ID of the attempt.

    Texts of `payload` and `parameters` can have keywords that EventBridge Scheduler replaces:
    `<aws.scheduler.scheduled-time>`, `<aws.scheduler.execution-id>`, `<aws.scheduler.attempt-number>` and
    `<aws.scheduler.schedule-arn>`. Only the first and the last are the same for all attempts, which client tokens need.

    The name of the alarm is `<prefix>-schedule-<name>-failed` in lower case.

    Updates: in place, except for the name, which creates another schedule and alarm, and the prefix, which replaces the
    alarm; its history stays under the old name. Jobs that were submitted stay. Not tested against a real AWS account.

    Sources: "Using universal targets" and "Adding context attributes" in the EventBridge Scheduler user guide;
    `SubmitServiceJob` and `SubmitJob` in the Batch API.

    Args:
        scope: Scope of the construct, in a stack in the account and Region of the queue.
        construct_id: Id of the construct.
        schedule_name: Name of the schedule and start of the jobs' names, 1 to 43 characters of A-Z, a-z, 0-9, - and _,
            unique in an account and Region.
        schedule: Rate or cron expression, for example `rate(1 day)` or `cron(0 2 ? * MON-FRI *)`.
        queue: Queue.
        time_zone: Time zone of the expression, for example Europe/Berlin. Default: UTC.
        share_identifier: Share of the jobs in a queue with fair share. Default: none.
        quota_share: Share of the jobs in a queue with quota management. Default: none.
        priority: Scheduling priority of the jobs in their share, 0 to 9999. Default: 0 for training jobs, the priority
            of the job definition for containers.
        payload: CreateTrainingJob request without `RoleArn`, at most 10,240 bytes. Default: none, for containers.
        execution_role: Execution role of the training jobs. Default: none, for containers.
        job_definition: Job definition of the containers, in its newest revision. Default: none, for training jobs.
        parameters: Values of the job definition's parameters, which its command has as `Ref::NAME`. Default: none.
        state: State of the schedule. Default: `State.ENABLED`.
        alarm: True creates an alarm on the dead-letter queue. Default: True.
        notify: SNS topics, or ARNs of other targets that an alarm can invoke, at most 5. Default: none.
        runbooks: URL or path of the folder with the runbooks. Default: docs/runbooks.
        name_prefix: Prefix of the name of the alarm, 1 to 128 characters of A-Z, a-z, 0-9, - and _, known at synth.
            Default: the name of the stack.

    Attributes:
        schedule: Underlying L1 resource.
        role: Role that EventBridge Scheduler assumes.
        dead_letters: Queue with the submissions that failed.
        alarm: Alarm on `dead_letters`. None without an alarm.

    Raises:
        ConfigurationError: If AWS would refuse a value or a job, if the queue does not have the share, or if another
            alarm in the account and Region has the same name.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        schedule_name: str,
        schedule: str,
        queue: AnyQueue,
        time_zone: str = "UTC",
        share_identifier: str | None = None,
        quota_share: str | None = None,
        priority: int | None = None,
        payload: Mapping[str, Any] | None = None,
        execution_role: iam.IRole | None = None,
        job_definition: JobDefinitionBase | None = None,
        parameters: Mapping[str, str] | None = None,
        state: State = State.ENABLED,
        alarm: bool = True,
        notify: Sequence[Target] = (),
        runbooks: str = RUNBOOKS,
        name_prefix: str | None = None,
    ) -> None:
        claims, training = Claims.regional(scope), isinstance(queue, TrainingQueueBase)
        spec = ScheduleSpec(
            schedule_name=schedule_name,
            schedule=schedule,
            time_zone=time_zone,
            priority=priority,
            payload=payload,
            parameters=parameters,
            state=state,
        )
        job = {
            "payload": payload,
            "execution_role": execution_role,
            "job_definition": job_definition,
            "parameters": parameters,
        }
        problems = [
            *spec.problems(),
            *kind_problems(training, job),
            *_queue_problems(queue, claims),
            *_share_problems(queue, share_identifier, quota_share, priority),
            *_parameter_problems(job_definition, parameters),
            *notify_problems(notify, claims.region),
            *check_runbooks(runbooks),
            *claims.name_problems(_KIND, "schedule_name", schedule_name),
            *(prefix_problems(scope, name_prefix) if alarm else ()),
        ]
        if alarm and not problems:
            physical_name = alarm_name(prefix_of(scope, name_prefix), "schedule", schedule_name, "failed")
            problems += taken_problems(claims, [physical_name])
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        if isinstance(queue, TrainingQueueBase):
            queue.grants.submit_statements(None, None, None, execution_role)  # refuses a role of another account
        elif isinstance(queue, GpuQueue) and job_definition is not None:
            queue.accepts(job_definition)
        super().__init__(scope, construct_id)
        claims.adopt(self)
        claims.add(_KIND, schedule_name, self)
        self.dead_letters = dead_letter_queue(self, "DeadLetters", "EventBridge Scheduler")
        self.role = self._role(claims)
        request: dict[str, Any] = {"JobQueue": queue.job_queue_name, "ShareIdentifier": share_identifier}
        shares = _listed(share_identifier)
        if isinstance(queue, TrainingQueueBase) and payload is not None and execution_role is not None:
            queue.grants.submit(
                self.role,
                share_identifiers=shares,
                quota_shares=_listed(quota_share),
                max_priority=priority,
                execution_role=execution_role,
            )
            action = "submitServiceJob"
            request |= {
                "JobName": schedule_name,
                "ServiceJobType": "SAGEMAKER_TRAINING",
                "ServiceRequestPayload": self._json({**payload, "RoleArn": execution_role.role_arn}),
                "QuotaShareName": quota_share,
                "SchedulingPriority": priority,
                "ClientToken": f"{schedule_name}-{SCHEDULED_TIME}",
            }
        elif isinstance(queue, GpuQueueBase) and job_definition is not None:
            queue.grants.submit(self.role, job_definitions=[job_definition], share_identifiers=shares)
            action = "submitJob"
            request |= {
                "JobName": f"{schedule_name}-{EXECUTION_ID}",
                "JobDefinition": job_definition.job_definition_name,
                "Parameters": dict(parameters) if parameters else None,
                "SchedulingPriorityOverride": priority,
            }
        self.schedule = self._schedule(spec, action, request)
        policy = self.role.node.find_child("DefaultPolicy")
        for part in (policy, queue, job_definition):  # the first submission needs all of them
            if part is not None:
                self.schedule.node.add_dependency(part)
        self.alarm = self._alarm(schedule_name, physical_name, notify, runbooks) if alarm else None

    def _role(self, claims: Claims) -> iam.Role:
        # EventBridge Scheduler sends the ARN of the group of the schedule, not of the schedule.
        group = f"{ARN}:scheduler:{claims.region}:{claims.account}:schedule-group/default"
        conditions = {"StringEquals": {"aws:SourceAccount": claims.account, "aws:SourceArn": group}}
        principal = iam.ServicePrincipal("scheduler.amazonaws.com", conditions=conditions)
        role = iam.Role(self, "Role", assumed_by=principal)
        role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[self.dead_letters.queue_arn]))
        return role

    def _schedule(self, spec: ScheduleSpec, action: str, request: Mapping[str, Any]) -> scheduler.CfnSchedule:
        resource = scheduler.CfnSchedule
        return resource(
            self,
            "Resource",
            name=spec.schedule_name,
            schedule_expression=str(spec.schedule),
            schedule_expression_timezone=spec.time_zone,
            flexible_time_window=resource.FlexibleTimeWindowProperty(mode="OFF"),
            state=spec.state,
            target=resource.TargetProperty(
                arn=f"{ARN}:scheduler:::aws-sdk:batch:{action}",
                role_arn=self.role.role_arn,
                input=self._json({name: value for name, value in request.items() if value is not None}),
                dead_letter_config=resource.DeadLetterConfigProperty(arn=self.dead_letters.queue_arn),
                retry_policy=resource.RetryPolicyProperty(
                    maximum_retry_attempts=_RETRIES, maximum_event_age_in_seconds=_MAX_AGE_SECONDS
                ),
            ),
        )

    def _json(self, value: Mapping[str, Any]) -> str:
        return cdk.Stack.of(self).to_json_string(value)

    def _alarm(self, name: str, physical_name: str, notify: Sequence[Target], runbooks: str) -> cloudwatch.CfnAlarm:
        description = (
            f"Schedule {name}: a submission failed. Look first at: the messages in the queue DeadLetters of the "
            f"schedule in the stack {cdk.Stack.of(self).stack_name}. Runbook: {runbooks}/schedule-failed.md"
        )
        if not notify:
            message = "the alarm on failed submissions has no targets and notifies nobody: set notify"
            cdk.Annotations.of(self).add_warning_v2("fairlane:TrainingSchedule.noAction", message)
        return message_alarm(self, self.dead_letters, physical_name, description, notify, "Alarm")


def _listed(share: str | None) -> list[str] | None:
    return None if share is None else [share]


def _parameter_problems(
    job_definition: JobDefinitionBase | None, parameters: Mapping[str, str] | None
) -> Iterator[Problem]:
    if job_definition is not None:
        name, names = job_definition.job_definition_name, job_definition.parameter_names
        yield from command_problems(parameters or {}, name, names)


def _queue_problems(queue: AnyQueue, claims: Claims) -> Iterator[Problem]:
    """Yield a problem if EventBridge Scheduler cannot reach the queue from the stack."""
    _, _, _, region, account, *_ = [*queue.job_queue_arn.split(":", 5), *[claims.region] * 5]
    for noun, got, own in (("Region", region, claims.region), ("account", account, claims.account)):
        known = not any(map(is_token, (queue.job_queue_arn, got, own)))
        if known and got != own:
            sentence = f"the queue is in {noun} {got}, and the stack in {own}: create the schedule beside the queue"
            yield Problem.relation(("queue",), sentence)


def _share_problems(
    queue: AnyQueue, share_identifier: str | None, quota_share: str | None, priority: int | None
) -> Iterator[Problem]:
    shares = {"share_identifier": share_identifier, "quota_share": quota_share}
    policy, name = queue.scheduling, queue.job_queue_name
    if policy is None:
        yield from imported_share_problems(share_identifier, quota_share)
        if quota_share is not None and isinstance(queue, GpuQueueBase):
            yield Problem.relation(("quota_share",), f"queue {name} is for containers: remove quota_share")
        return
    own = {FairShare: "share_identifier", QuotaManagement: "quota_share"}.get(type(policy), "")
    for keyword, share in shares.items():
        if keyword != own and share is not None:
            sentence = f"queue {name} has {type(policy).__name__}: remove {keyword}"
            yield Problem.relation((keyword,), sentence)
    yield from share_problems((own,), shares.get(own), policy, name, priority)
