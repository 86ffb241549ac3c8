"""Permissions on the queues of an environment file: grants to imported IAM roles and to managed policies."""

from typing import TYPE_CHECKING, Any, Final

from aws_cdk import aws_iam as iam
from constructs import Construct

from fairlane._internal.nag import acknowledge_wildcards
from fairlane.environment import GranteeModel, RegionModel, SubmitterModel
from fairlane.queues import GpuQueue, TrainingQueue
from fairlane.scheduling import QuotaManagement

if TYPE_CHECKING:
    from fairlane_stacks.training_stack import TrainingStack

_WHOLE_ACCOUNT: Final = "AWS Batch allows these actions only for the whole account"


def add_grants(stack: "TrainingStack", model: RegionModel) -> None:
    """Grant the permissions of submitters, managers and observers.

    Each role gets one inline policy, which has the name of the stack. Each managed policy is created once.

    Args:
        stack: Stack with the queues, execution roles and job definitions of the Region.
        model: Settings of the Region.
    """
    grantees = _Grantees(stack)
    for name, training_queue in model.training_queues.items():
        queue = stack.training_queues[name]
        for submitter in training_queue.submitters.values():
            _submit_training(stack, queue, grantees[submitter], submitter)
        for manager in training_queue.managers.values():
            queue.grants.manage(grantees[manager], max_priority=manager.max_priority)
    for name, gpu_model in model.gpu_queues.items():
        gpu_queue = stack.gpu_queues[name]
        accepted = [key for key, job in model.job_definitions.items() if name in job.queues]
        for submitter in gpu_model.submitters.values():
            gpu_queue.grants.submit(
                grantees[submitter],
                job_definitions=[stack.job_definitions[key] for key in submitter.job_definitions or accepted],
                share_identifiers=submitter.shares,
            )
        for manager in gpu_model.managers.values():
            gpu_queue.grants.manage(grantees[manager])
    queues: dict[str, TrainingQueue | GpuQueue] = {**stack.training_queues, **stack.gpu_queues}
    for name, any_model in model.queues.items():
        for observer in any_model.observers.values():
            queues[name].grants.observe(grantees[observer])
            acknowledge_wildcards(grantees[observer], {"*": _WHOLE_ACCOUNT})


def _submit_training(stack: "TrainingStack", queue: TrainingQueue, grantee: Any, submitter: SubmitterModel) -> None:
    """Grant a submitter its shares, once for each execution role; the CDK merges equal statements."""
    keyword = "quota_shares" if isinstance(queue.scheduling, QuotaManagement) else "share_identifiers"
    roles = [stack.execution_roles[key] for key in submitter.execution_roles]
    limits: dict[str, Any] = {keyword: submitter.shares, "max_priority": submitter.max_priority}
    for role in roles or (None,):
        queue.grants.submit(grantee, execution_role=role, **limits)


class _Grantees:
    """Imported roles and managed policies of a stack, each created when it is first used."""

    def __init__(self, stack: "TrainingStack") -> None:
        self._stack_name = stack.stack_name
        self._roles, self._policies = Construct(stack, "GranteeRoles"), Construct(stack, "ManagedPolicies")
        self._created: dict[str, Any] = {}

    def __getitem__(self, entry: GranteeModel) -> Any:
        if entry.grantee not in self._created:
            self._created[entry.grantee] = self._create(entry)
        return self._created[entry.grantee]

    def _create(self, entry: GranteeModel) -> iam.IGrantable:
        if entry.role is not None:
            _, _, name = entry.role.partition(":role/")
            return iam.Role.from_role_arn(self._roles, name, entry.role, default_policy_name=self._stack_name)
        return iam.ManagedPolicy(
            self._policies,
            str(entry.managed_policy_name),
            managed_policy_name=entry.managed_policy_name,
            description=f"Permissions on queues of {self._stack_name}",
        )
