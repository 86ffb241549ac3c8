"""Base class of job definitions for GPU containers."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_batch as batch
from aws_cdk import aws_logs as logs
from constructs import Construct

from fairlane._internal.aws import ARN
from fairlane._internal.claims import Claims
from fairlane._internal.log_encryption import AnyKey, log_key_problems
from fairlane.capacity.lustre import LUSTRE_MOUNT
from fairlane.errors import ConfigurationError, Problem
from fairlane.jobs.container import container, job_log_group, retry_strategy
from fairlane.jobs.roles import execution_role, job_role
from fairlane.jobs.rules import JobSpec
from fairlane.jobs.volumes import HostVolume
from fairlane.queues import GpuQueue, JobDefinitionBase

_JOB_DEFINITION: Final = "job definition"
_DEFINITION = batch.CfnJobDefinition


class RegisteredJobDefinition(JobDefinitionBase):
    """Job definition created in the app. Use `GpuJobDefinition` or `MultiNodeGpuJobDefinition`.

    Args:
        scope: Scope of the construct.
        construct_id: Id of the construct.
        spec: Settings, except the arguments below.
        log_retention: Retention time of the jobs' logs.
        queue: Queue that must accept the jobs. None for no check.
        log_encryption_key: KMS key of the log group, or its ARN. None for a key of CloudWatch Logs.

    Attributes:
        job_definition: Underlying L1 resource.
        job_role: Role of the containers.
        execution_role: Role by which the ECS agent pulls the image, writes the logs and reads the secrets.
        log_group: Log group of the containers.

    Raises:
        ConfigurationError: If AWS would refuse a value, or if a compute environment of `queue` cannot run the jobs.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        spec: JobSpec,
        log_retention: logs.RetentionDays,
        queue: GpuQueue | None,
        log_encryption_key: AnyKey | None,
    ) -> None:
        name, claims = spec.job_definition_name, Claims.regional(scope)
        problems = [*spec.problems(), *claims.name_problems(_JOB_DEFINITION, "job_definition_name", name)]
        problems += log_key_problems(scope, log_encryption_key)
        if queue is not None and not isinstance(queue, GpuQueue):
            problems.append(Problem(("queue",), queue, "a GpuQueue that this app creates"))
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        claims.adopt(self)
        claims.add(_JOB_DEFINITION, name, self)
        self.image = spec.image
        self.size = spec.size
        self.parameter_names = spec.parameter_names
        self.job_definition_name = name
        self.unrevised_arn = f"{ARN}:batch:{claims.region}:{claims.account}:job-definition/{name}"
        self.log_group = job_log_group(self, log_retention, log_encryption_key)
        self.job_role = job_role(self, spec.read, spec.write)
        self.execution_role = execution_role(self, spec.image, spec.secrets, self.log_group)
        timeout = spec.timeout_seconds
        self.job_definition = _DEFINITION(
            self,
            "Resource",
            job_definition_name=name,
            platform_capabilities=["EC2"],
            retry_strategy=retry_strategy(spec.retries),
            timeout=_DEFINITION.TimeoutProperty(attempt_duration_seconds=timeout) if timeout else None,
            scheduling_priority=spec.scheduling_priority,
            resource_retention_policy=_DEFINITION.ResourceRetentionPolicyProperty(skip_deregister_on_update=True),
            **self._containers(container(self, spec, self.job_role, self.execution_role, self.log_group)),
        )
        for key, value in (spec.tags or {}).items():
            cdk.Tags.of(self).add(key, value)
        for volume in (volume for volume in spec.volumes if isinstance(volume, HostVolume)):
            for advice in volume.advice(lambda path: claims.owner(LUSTRE_MOUNT, path)):
                cdk.Annotations.of(self).add_warning_v2(advice.id, advice.message)
        if queue is not None:
            queue.accepts(self)

    @abstractmethod
    def _containers(self, container: batch.CfnJobDefinition.ContainerPropertiesProperty) -> Mapping[str, Any]:
        """Return the type and the containers, as keyword arguments of the resource."""
