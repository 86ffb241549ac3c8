"""Base class of the job definitions of GPU containers."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_batch as batch
from aws_cdk import aws_logs as logs
from constructs import Construct

from fairlane._internal.aws import ARN
from fairlane._internal.claims import Claims
from fairlane.errors import ConfigurationError, Problem
from fairlane.jobs.container import container, job_role, log_group_of, retry_strategy
from fairlane.jobs.rules import JobSpec
from fairlane.queues import GpuQueue, JobDefinitionBase

_JOB_DEFINITION: Final = "job definition"
_DEFINITION = batch.CfnJobDefinition


class RegisteredJobDefinition(JobDefinitionBase):
    """A job definition of this app. Use `GpuJobDefinition` or `MultiNodeGpuJobDefinition`.

    Args:
        scope: The scope of the construct.
        construct_id: The id of the construct.
        spec: All settings but those below.
        log_retention: Time that the jobs' logs are kept.
        queue: Queue that must accept the jobs; None for no check.

    Attributes:
        job_definition: The underlying resource.
        job_role: Role that the containers run with.
        log_group: Log group of their output.

    Raises:
        ConfigurationError: With every mistake.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        spec: JobSpec,
        log_retention: logs.RetentionDays,
        queue: GpuQueue | None,
    ) -> None:
        name, claims = spec.job_definition_name, Claims.at(scope)
        problems = [*spec.problems(), *claims.name_problems(_JOB_DEFINITION, "job_definition_name", name)]
        if queue is not None and not isinstance(queue, GpuQueue):
            problems.append(Problem(("queue",), queue, "a GpuQueue that is made in this app"))
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        claims.adopt(self)
        claims.add(_JOB_DEFINITION, name, self)
        self.image = spec.image
        self.size = spec.size
        self.job_definition_name = name
        self.unrevised_arn = f"{ARN}:batch:{claims.region}:{claims.account}:job-definition/{name}"
        self.log_group = log_group_of(self, log_retention)
        self.job_role = job_role(self, spec.read, spec.write)
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
            **self._containers(container(self, spec, self.job_role, self.log_group)),
        )
        for key, value in (spec.tags or {}).items():
            cdk.Tags.of(self).add(key, value)
        if queue is not None:
            queue.accepts(self)

    @abstractmethod
    def _containers(self, container: batch.CfnJobDefinition.ContainerPropertiesProperty) -> Mapping[str, Any]:
        """Return type and containers, as keyword arguments of the resource."""
