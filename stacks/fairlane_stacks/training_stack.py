"""The stack of one Region: its service and compute environments, queues and job definitions."""

from collections import Counter
from typing import Unpack

import aws_cdk as cdk
from constructs import Construct

from fairlane.capacity import ServiceEnvironment
from fairlane.capacity.service_environment import warn_of_unknown_instance_types
from fairlane.environment import RegionModel
from fairlane.jobs import TrainingExecutionRole
from fairlane.queues import GpuQueue, TrainingQueue
from fairlane_stacks.gpu import compute_environments, job_definitions
from fairlane_stacks.regional_stack import RegionalStack, StackSettings


class TrainingStack(RegionalStack):
    """Everything that jobs of one Region run on: they share a stack, so that none refers to another stack.

    Args:
        scope: where it goes.
        construct_id: its id, and the stack's name.
        model: what the environment file says of the Region.
        settings: Account, Region, tags and termination protection.

    Attributes:
        service_environments: the shared ones, by their key in the file.
        compute_environments: the machines with GPUs, by their key in the file.
        training_queues: the queues of SageMaker training jobs by name.
        gpu_queues: the queues of containers by name.
        job_definitions: the definitions of jobs in containers by name.
        execution_roles: the roles that jobs run with, by their key in the file.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        model: RegionModel,
        **settings: Unpack[StackSettings],
    ) -> None:
        super().__init__(scope, construct_id, **settings)
        environments = Construct(self, "ServiceEnvironments")
        self.service_environments = {
            name: ServiceEnvironment(environments, name, capacity=environment.capacity, tags=environment.tags)
            for name, environment in model.service_environments.items()
        }
        self.compute_environments = compute_environments(self, model, settings["tags"])
        queues = Construct(self, "Queues")
        self.training_queues = {
            name: TrainingQueue(
                queues,
                name,
                queue_name=name,
                service_environment=self.service_environments.get(queue.service_environment or ""),
                **queue.settings,
            )
            for name, queue in model.training_queues.items()
        }
        self.gpu_queues = {
            name: GpuQueue(
                queues,
                name,
                queue_name=name,
                compute_environments=[self.compute_environments[one] for one in queue.compute_environments],
                **queue.settings,
            )
            for name, queue in model.gpu_queues.items()
        }
        self.job_definitions = job_definitions(self, model, self.gpu_queues)
        roles = Construct(self, "ExecutionRoles")
        self.execution_roles = {
            name: TrainingExecutionRole(roles, name, **dict(role)) for name, role in model.execution_roles.items()
        }
        for name, queue in model.training_queues.items():
            if queue.instance_type is not None:
                warn_of_unknown_instance_types(self.training_queues[name], [queue.instance_type])
        self._tell()

    def _tell(self) -> None:
        """Outputs what people paste elsewhere; names that differ in - and _ only get their ids made different."""
        queues = {**self.training_queues, **self.gpu_queues}
        told = {f"{name}-QueueName": queue.job_queue_name for name, queue in queues.items()}
        told |= {f"{name}-QueueArn": queue.job_queue_arn for name, queue in queues.items()}
        told |= {f"{name}-ExecutionRoleArn": role.role_arn for name, role in self.execution_roles.items()}
        told |= {f"{name}-JobRoleArn": job.job_role.role_arn for name, job in self.job_definitions.items()}
        plain = Counter(map(_letters, told))
        for name, value in told.items():
            place = self if plain[_letters(name)] == 1 else Construct(self, f"Output-{name}")
            cdk.CfnOutput(place, name, value=value)


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name))
