"""Who may submit to which share of a SageMaker training queue, who may manage its jobs, and who may look."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from fairlane._internal.checks import check_whole_number
from fairlane._internal.tokens import is_token
from fairlane.errors import Problem
from fairlane.queues.grants import QueueGrants, check_grantee, grant, statement
from fairlane.scheduling import FairShare, QuotaManagement
from fairlane.scheduling.policy import MAX_JOB_PRIORITY

WILDCARDS: Final = {
    ":service-job*": "a job has no ARN before it is submitted; the queue's own statement and conditions bound it",
    "/quota-share/*": "all quota shares of this one queue are meant",
}

_SUBMIT: Final = ["batch:SubmitServiceJob"]


class TrainingQueueGrants(QueueGrants):
    """Permissions on one queue for SageMaker training jobs.

    What AWS cannot express, so that nobody relies on it: a share identifier and a priority cannot be tied to a queue.
    Whoever may submit to two fair-share queues may use the identifiers of either on both, and the higher of the two
    priorities; give their identifiers different names. Quota shares are resources of their queue and do not mix.
    Managing jobs cannot be limited to a queue at all.
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
        """Lets somebody submit jobs to the queue, or to some of its shares only.

        A queue with quota management has quota shares, one with fair share has share identifiers; of a queue that was
        made elsewhere either may be named.

        Args:
            grantee: a role, user or group.
            share_identifiers: the only ones allowed, with `*` at the end for a prefix; all by default.
            quota_shares: the only ones allowed; all by default.
            max_priority: the highest scheduling priority allowed, 0 to 9999; any by default. A job without one passes.
            execution_role: the role that the jobs run with, which the grantee may then pass, to SageMaker only.

        Raises:
            ConfigurationError: for a share that the queue does not have, a keyword that does not fit its policy, a
                priority out of range, a service principal, or a role of another account.
        """
        statements = self.submit_statements(share_identifiers, quota_shares, max_priority, execution_role, grantee)
        return grant(grantee, statements, WILDCARDS)

    def manage(self, grantee: iam.IGrantable, *, max_priority: int | None = None) -> iam.Grant:
        """Lets somebody terminate service jobs and change their priority, in all queues of the account and Region.

        Args:
            grantee: a role, user or group.
            max_priority: the highest scheduling priority that may be set, 0 to 9999; any by default.

        Raises:
            ConfigurationError: for a priority out of range, or a service principal.
        """
        self._refuse("manage", [*_check_priority(max_priority), *check_grantee(grantee)])
        jobs = self._near("service-job*")
        ceiling = {"NumericLessThanEquals": {"batch:SchedulingPriority": max_priority}}
        return grant(
            grantee,
            [
                statement(["batch:TerminateServiceJob"], [jobs]),
                statement(["batch:UpdateServiceJob"], [jobs], {} if max_priority is None else ceiling),
            ],
            WILDCARDS,
        )

    def submit_statements(
        self,
        share_identifiers: Sequence[str] | None,
        quota_shares: Sequence[str] | None,
        max_priority: int | None,
        execution_role: iam.IRole | None,
        grantee: iam.IGrantable | None = None,
    ) -> list[iam.PolicyStatement]:
        """The statements behind `submit`, for a policy of one's own; arguments and errors are the same."""
        self._refuse(
            "submit",
            [
                *self._check_shares("share_identifiers", share_identifiers, FairShare),
                *self._check_shares("quota_shares", quota_shares, QuotaManagement),
                *_check_priority(max_priority),
                *check_grantee(grantee),
                *self._check_role(execution_role),
            ],
        )
        conditions: dict[str, Any] = {}
        if share_identifiers is not None:
            conditions["StringLike"] = {"batch:ShareIdentifier": list(share_identifiers)}
        if max_priority is not None:
            conditions["NumericLessThanEqualsIfExists"] = {"batch:SchedulingPriority": max_priority}
        statements = [statement(_SUBMIT, [self._arn]), statement(_SUBMIT, [self._near("service-job*")], conditions)]
        if quota_shares is not None or isinstance(self._scheduling, QuotaManagement):
            shares = ["*"] if quota_shares is None else quota_shares
            statements.append(statement(_SUBMIT, [f"{self._arn}/quota-share/{share}" for share in shares]))
        if execution_role is not None:
            to_sagemaker = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
            statements.append(statement(["iam:PassRole"], [execution_role.role_arn], to_sagemaker))
        return statements

    def _check_role(self, role: iam.IRole | None) -> Iterator[Problem]:
        if role is None:
            return
        queue, theirs = Stack.of(self._queue).account, role.env.account
        known = not is_token(queue) and not is_token(theirs)
        if known and queue != theirs:
            yield Problem(("execution_role",), f"a role of account {theirs}", f"a role of the queue's account {queue}")


def _check_priority(max_priority: int | None) -> Iterator[Problem]:
    if max_priority is not None:
        yield from check_whole_number(("max_priority",), max_priority, 0, MAX_JOB_PRIORITY)
