"""IAM permissions on a SageMaker training queue: submit, manage and observe jobs."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from fairlane._internal.argument_types import check_methods
from fairlane._internal.tokens import is_token
from fairlane.errors import Problem
from fairlane.queues.grant_rules import check_max_priority, share_problems
from fairlane.queues.grants import QueueGrants, check_grantee, statement
from fairlane.scheduling import FairShare, QuotaManagement

WILDCARDS: Final = {
    ":service-job*": "a job has no ARN before it is submitted; the statement for the queue and conditions limit it",
    "/quota-share/*": "the statement covers all quota shares of one queue",
}
_MANAGE_WILDCARDS: Final = {":service-job*": "the ARN of a job does not name its queue"}

_SUBMIT: Final = ["batch:SubmitServiceJob"]


@check_methods
class TrainingQueueGrants(QueueGrants):
    """Permissions on one queue for SageMaker training jobs.

    IAM has limits for AWS Batch. AWS documents the condition key of share identifiers for jobs only, not for queues: a
    principal that may submit to two fair-share queues can use the identifiers of either queue in both queues. A
    warning at synth names such grants, `fairlane:QueueGrants.combined`. Quota shares and priorities belong to a queue
    and do not have this limit. The permission to manage jobs cannot be limited to a queue.

    A grant without effect gives a warning, too: `fairlane:QueueGrants.otherAccount` for a grantee of another account,
    and `fairlane:QueueGrants.notGranted` for a grantee of which the CDK cannot change the policies.
    """

    _READ_JOBS = ("batch:DescribeServiceEnvironments", "batch:DescribeServiceJob", "batch:ListServiceJobs")

    def submit(
        self,
        grantee: iam.IGrantable,
        *,
        share_identifiers: Sequence[str] | None = None,
        quota_shares: Sequence[str] | None = None,
        max_priority: int | None = None,
        execution_role: iam.IRole | None = None,
    ) -> iam.Grant:
        """Grant permission to submit jobs to the queue, or only to some of its shares.

        A queue with quota management has quota shares, and a queue with fair share has share identifiers. An imported
        queue accepts either keyword. Without a keyword, a grant on an imported queue allows all jobs, and adds up with
        the grants on fair-share queues.

        Args:
            grantee: IAM role, user or group.
            share_identifiers: Share identifiers that are allowed. `*` at the end stands for a prefix. Default: all.
            quota_shares: Quota shares that are allowed. Default: all.
            max_priority: Highest scheduling priority that is allowed, 0 to 9999. Jobs without a priority are allowed.
                Default: any priority.
            execution_role: Execution role of the jobs. The grantee gets permission to pass it, only to SageMaker.
                Default: no permission to pass a role.

        Raises:
            ConfigurationError: If the queue does not have a share, a keyword does not match its policy, the priority is
                out of range, the grantee is a service principal, or the role is in another account.
        """
        statements = self.submit_statements(share_identifiers, quota_shares, max_priority, execution_role, grantee)
        return self._grant(grantee, statements, WILDCARDS, self._submit_grant(share_identifiers, quota_shares))

    def manage(self, grantee: iam.IGrantable, *, max_priority: int | None = None) -> iam.Grant:
        """Grant permission to terminate service jobs and to change their priority.

        The permission applies to all queues of the account and Region.

        Args:
            grantee: IAM role, user or group.
            max_priority: Highest scheduling priority that the grantee can set, 0 to 9999. Default: any priority.

        Raises:
            ConfigurationError: If the priority is out of range, or the grantee is a service principal.
        """
        self._raise_problems("manage", [*check_max_priority(max_priority), *check_grantee(grantee)])
        jobs = self._regional_arn("service-job*")
        ceiling = {"NumericLessThanEquals": {"batch:SchedulingPriority": max_priority}}
        return self._grant(
            grantee,
            [
                statement(["batch:TerminateServiceJob"], [jobs]),
                statement(["batch:UpdateServiceJob"], [jobs], {} if max_priority is None else ceiling),
            ],
            _MANAGE_WILDCARDS,
        )

    def submit_statements(
        self,
        share_identifiers: Sequence[str] | None,
        quota_shares: Sequence[str] | None,
        max_priority: int | None,
        execution_role: iam.IRole | None,
        grantee: iam.IGrantable | None = None,
    ) -> list[iam.PolicyStatement]:
        """Return the statements of `submit`, for a custom policy. For arguments and errors, see `submit`."""
        self._raise_problems(
            "submit",
            [
                *share_problems(("share_identifiers",), share_identifiers, self._scheduling, FairShare),
                *share_problems(("quota_shares",), quota_shares, self._scheduling, QuotaManagement),
                *_check_kinds(share_identifiers, quota_shares),
                *check_max_priority(max_priority),
                *check_grantee(grantee),
                *self._check_role(execution_role),
            ],
        )
        limit: dict[str, Any] = {}
        if max_priority is not None:
            limit["NumericLessThanEqualsIfExists"] = {"batch:SchedulingPriority": max_priority}
        allowed = self._submit_grant(share_identifiers, quota_shares)
        statements = [
            statement(_SUBMIT, [self._arn], {**limit, **allowed.queue_condition}),
            statement(_SUBMIT, [self._regional_arn("service-job*")], {**limit, **allowed.job_condition}),
        ]
        may_have_quotas = self._scheduling is None or isinstance(self._scheduling, QuotaManagement)
        if may_have_quotas and share_identifiers is None:
            shares = ["*"] if quota_shares is None else quota_shares
            statements.append(statement(_SUBMIT, [f"{self._arn}/quota-share/{share}" for share in shares], limit))
        if execution_role is not None:
            to_sagemaker = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
            statements.append(statement(["iam:PassRole"], [execution_role.role_arn], to_sagemaker))
        return statements

    def _check_role(self, role: iam.IRole | None) -> Iterator[Problem]:
        if role is None:
            return
        queue_account, role_account = Stack.of(self._queue).account, role.env.account
        if not is_token(queue_account) and not is_token(role_account) and queue_account != role_account:
            sentence = f"the role is in account {role_account}, and the queue is in account {queue_account}"
            yield Problem.relation(("execution_role",), f"{sentence}: use a role in the queue's account")


def _check_kinds(share_identifiers: Sequence[str] | None, quota_shares: Sequence[str] | None) -> Iterator[Problem]:
    if share_identifiers is not None and quota_shares is not None:
        sentence = "a queue has either share identifiers or quota shares: remove share_identifiers or quota_shares"
        yield Problem.relation(("share_identifiers",), sentence)
