"""IAM permissions on a GPU queue: submit, manage and observe jobs."""

from collections.abc import Sequence
from typing import Final

from aws_cdk import aws_iam as iam

from fairlane._internal.argument_types import check_methods
from fairlane.errors import Problem
from fairlane.queues.grant_rules import share_problems
from fairlane.queues.grants import QueueGrants, check_grantee, statement
from fairlane.queues.job_definition_base import JobDefinitionBase
from fairlane.scheduling import FairShare

WILDCARDS: Final = {
    ":job/*": "a job has no ARN before it is submitted; the statement for queue and job definitions limits it",
    ":*": "the statement covers all revisions of one job definition",
}
_MANAGE_WILDCARDS: Final = {":job/*": "the ARN of a job does not name its queue"}

_SUBMIT: Final = ["batch:SubmitJob"]


@check_methods
class GpuQueueGrants(QueueGrants):
    """Permissions on one queue for containers.

    IAM has limits for AWS Batch. A condition on the priority of a job does not exist: a principal that submits jobs can
    use any priority. AWS documents the condition key of share identifiers for jobs only, and not for queues and job
    definitions, so grants add up: a principal that may submit one definition to a share of one queue, and another
    definition to all shares of a second queue, can submit both definitions to any share of both queues. A warning at
    synth names such grants, `fairlane:QueueGrants.combined`. The permission to manage jobs applies to all queues.

    A grant without effect gives a warning, too: `fairlane:QueueGrants.otherAccount` for a grantee of another account,
    and `fairlane:QueueGrants.notGranted` for a grantee of which the CDK cannot change the policies.
    """

    _READ_JOBS = (
        "batch:DescribeComputeEnvironments",
        "batch:DescribeJobDefinitions",
        "batch:DescribeJobs",
        "batch:ListJobs",
    )

    def submit(
        self,
        grantee: iam.IGrantable,
        *,
        job_definitions: Sequence[JobDefinitionBase],
        share_identifiers: Sequence[str] | None = None,
    ) -> iam.Grant:
        """Grant permission to submit jobs of the job definitions to the queue, or only to some of its shares.

        The grant covers all revisions of the job definitions.

        Args:
            grantee: IAM role, user or group.
            job_definitions: `GpuJobDefinition` and `MultiNodeGpuJobDefinition` constructs, one or more.
            share_identifiers: Share identifiers that are allowed. `*` at the end stands for a prefix. Default: all.

        Raises:
            ConfigurationError: If there is no job definition, the queue does not have a share, `share_identifiers` is
                set for a queue without fair share, or the grantee is a service principal.
        """
        statements = self.submit_statements(job_definitions, share_identifiers, grantee)
        allowed = self._submit_grant(share_identifiers, job_definitions=job_definitions)
        return self._grant(grantee, statements, WILDCARDS, allowed)

    def manage(self, grantee: iam.IGrantable) -> iam.Grant:
        """Grant permission to cancel and terminate jobs, in all queues of the account and Region.

        Args:
            grantee: IAM role, user or group.

        Raises:
            ConfigurationError: If the grantee is a service principal.
        """
        self._raise_problems("manage", check_grantee(grantee))
        actions = ["batch:CancelJob", "batch:TerminateJob"]
        return self._grant(grantee, [statement(actions, [self._regional_arn("job/*")])], _MANAGE_WILDCARDS)

    def submit_statements(
        self,
        job_definitions: Sequence[JobDefinitionBase],
        share_identifiers: Sequence[str] | None,
        grantee: iam.IGrantable | None = None,
    ) -> list[iam.PolicyStatement]:
        """Return the statements of `submit`, for a custom policy. For arguments and errors, see `submit`."""
        is_list = isinstance(job_definitions, Sequence) and len(job_definitions) > 0
        problems = []
        if not is_list or not all(isinstance(definition, JobDefinitionBase) for definition in job_definitions):
            problems.append(Problem(("job_definitions",), job_definitions, "a list of one or more job definitions"))
        shares = share_problems(("share_identifiers",), share_identifiers, self._scheduling, FairShare)
        self._raise_problems("submit", [*problems, *shares, *check_grantee(grantee)])
        arns = [definition.unrevised_arn for definition in job_definitions]
        revisions = [arn for unrevised in arns for arn in (unrevised, f"{unrevised}:*")]
        jobs = [self._regional_arn("job"), self._regional_arn("job/*")]
        allowed = self._submit_grant(share_identifiers)
        return [
            statement(_SUBMIT, [self._arn, *revisions], allowed.queue_condition),
            statement(_SUBMIT, jobs, allowed.job_condition),
        ]
