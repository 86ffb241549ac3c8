"""Who may submit which job definitions to which share of a queue for containers, who may manage its jobs, and look."""

from collections.abc import Sequence
from typing import Any, Final

from aws_cdk import aws_iam as iam

from fairlane.errors import Problem
from fairlane.queues.grants import QueueGrants, check_grantee, grant, statement
from fairlane.queues.job_definition_base import JobDefinitionBase
from fairlane.scheduling import FairShare

WILDCARDS: Final = {
    ":job/*": "a job has no ARN before it is submitted; the queue's and definitions' own statement bounds it",
    ":*": "every revision of this one job definition",
}

_SUBMIT: Final = ["batch:SubmitJob"]


class GpuQueueGrants(QueueGrants):
    """Permissions on one queue for containers.

    What AWS cannot express, so that nobody relies on it: there is no condition for a job's priority, so that whoever
    may submit may submit at any; and a share identifier cannot be tied to a queue. Give the shares of different queues
    different identifiers. Grants add up: who may submit one definition to a share of one queue, and another to all of a
    second queue, may submit both definitions to any share of both. Managing jobs cannot be limited to a queue at all.
    """

    _READ_JOBS = ("batch:DescribeComputeEnvironments", "batch:DescribeJobs", "batch:ListJobs")

    def submit(
        self,
        grantee: iam.IGrantable,
        *,
        job_definitions: Sequence[JobDefinitionBase],
        share_identifiers: Sequence[str] | None = None,
    ) -> iam.Grant:
        """Lets somebody submit jobs of some definitions, in every revision, to the queue or to some of its shares only.

        Args:
            grantee: a role, user or group.
            job_definitions: `GpuJobDefinition`s and `MultiNodeGpuJobDefinition`s, one or more.
            share_identifiers: the only ones allowed, with `*` at the end for a prefix; all by default.

        Raises:
            ConfigurationError: for no definition, a share that the queue does not have, a keyword that does not fit its
                policy, or a service principal.
        """
        statements = self.submit_statements(job_definitions, share_identifiers, grantee)
        return grant(grantee, statements, WILDCARDS)

    def manage(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets somebody cancel and terminate jobs, in all queues of the account and Region.

        Args:
            grantee: a role, user or group.

        Raises:
            ConfigurationError: for a service principal.
        """
        self._refuse("manage", check_grantee(grantee))
        ends = ["batch:CancelJob", "batch:TerminateJob"]
        return grant(grantee, [statement(ends, [self._near("job/*")])], WILDCARDS)

    def submit_statements(
        self,
        job_definitions: Sequence[JobDefinitionBase],
        share_identifiers: Sequence[str] | None,
        grantee: iam.IGrantable | None = None,
    ) -> list[iam.PolicyStatement]:
        """The statements behind `submit`, for a policy of one's own; arguments and errors are the same."""
        listed = isinstance(job_definitions, Sequence) and len(job_definitions) > 0
        fit = listed and all(isinstance(one, JobDefinitionBase) for one in job_definitions)
        empty = [] if fit else [Problem(("job_definitions",), job_definitions, "a list of one or more job definitions")]
        shares = self._check_shares("share_identifiers", share_identifiers, FairShare)
        self._refuse("submit", [*empty, *shares, *check_grantee(grantee)])
        conditions: dict[str, Any] = {}
        if share_identifiers is not None:
            conditions["StringLike"] = {"batch:ShareIdentifier": list(share_identifiers)}
        arns = [definition.unrevised_arn for definition in job_definitions]
        with_revisions = [arn for unrevised in arns for arn in (unrevised, f"{unrevised}:*")]
        jobs = [self._near("job"), self._near("job/*")]
        return [statement(_SUBMIT, [self._arn, *with_revisions]), statement(_SUBMIT, jobs, conditions)]
