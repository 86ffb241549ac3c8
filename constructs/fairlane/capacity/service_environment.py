"""Service environments for SageMaker training jobs, with their capacity limits."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from aws_cdk import Annotations, Tags
from aws_cdk import aws_batch as batch
from constructs import Construct

from fairlane._internal.checks import check_choice, check_name, check_tags
from fairlane._internal.claims import Claims
from fairlane.catalog import training_instance_types
from fairlane.errors import ConfigurationError, Problem
from fairlane.scheduling import Capacity, State
from fairlane.scheduling.capacity import capacity_limits, check_capacity, is_instance_type

SERVICE_ENVIRONMENT: Final = "service environment"
"""Kind of the claims on names of service environments."""


class ServiceEnvironmentBase(Construct):
    """Service environment, created in the app or imported.

    Attributes:
        service_environment_arn: ARN of the service environment.
        capacity_limits: Number of instances by capacity unit. None if the service environment is imported, because its
            limits are unknown.
    """

    service_environment_arn: str
    capacity_limits: Mapping[str, int] | None


class ServiceEnvironment(ServiceEnvironmentBase):
    """Limit on the number of instances that the SageMaker training jobs of one or more queues use at a time.

    The service environment reserves no instances: SageMaker starts instances when a job starts, up to the service
    quotas of the account.

    Updates: capacity, state and tags in place; a lower limit stops no running job. A new name replaces the service
    environment. AWS does not allow a change between a limit for all instance types and limits by instance type: create
    a new service environment instead.
    Sources: `CreateServiceEnvironment` in the Batch API, "Service quotas" in the user guide.

    Args:
        scope: Scope of the construct.
        construct_id: Id of the construct.
        capacity: Maximum number of instances at a time, 1 or more. Either one number for all instance types, for `Fifo`
            and `FairShare`, or a mapping of 1 to 5 `ml.*` instance types to numbers, for `QuotaManagement`.
        service_environment_name: Name of the service environment, 1 to 128 characters of A-Z, a-z, 0-9, - and _.
            Default: a name that CloudFormation generates.
        state: State of the service environment. A disabled service environment starts no jobs. Default:
            `State.ENABLED`.
        tags: Tags of the service environment, at most 50. Default: none.

    Attributes:
        service_environment: Underlying L1 resource.

    Raises:
        ConfigurationError: If AWS would refuse a value.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        capacity: Capacity,
        service_environment_name: str | None = None,
        state: State = State.ENABLED,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        claims = Claims.regional(scope)
        problems = list(_problems(claims, capacity, service_environment_name, state, tags))
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        claims.adopt(self)
        limits = capacity_limits(capacity)
        self.capacity_limits = MappingProxyType(limits)
        self.service_environment = batch.CfnServiceEnvironment(
            self,
            "Resource",
            service_environment_type="SAGEMAKER_TRAINING",
            service_environment_name=service_environment_name,
            state=state,
            capacity_limits=[
                batch.CfnServiceEnvironment.CapacityLimitProperty(capacity_unit=unit, max_capacity=number)
                for unit, number in limits.items()
            ],
        )
        self.service_environment_arn = self.service_environment.attr_service_environment_arn
        if service_environment_name is not None:
            claims.add(SERVICE_ENVIRONMENT, service_environment_name, self)
        for key, value in (tags or {}).items():
            Tags.of(self).add(key, value)
        warn_of_unknown_instance_types(self, limits)

    @staticmethod
    def from_service_environment_arn(
        scope: Construct, construct_id: str, service_environment_arn: str
    ) -> ServiceEnvironmentBase:
        """Import a service environment by its ARN. Its capacity is unknown, so shares are not checked against it."""
        return _ImportedServiceEnvironment(scope, construct_id, service_environment_arn)


class _ImportedServiceEnvironment(ServiceEnvironmentBase):
    def __init__(self, scope: Construct, construct_id: str, service_environment_arn: str) -> None:
        super().__init__(scope, construct_id)
        self.service_environment_arn = service_environment_arn
        self.capacity_limits = None


def warn_of_unknown_instance_types(scope: Construct, units: Iterable[str]) -> None:
    """Warn about `ml.*` instance types that are not in this release's list of SageMaker training instance types."""
    for unit in units:
        if is_instance_type(unit) and unit not in training_instance_types():
            Annotations.of(scope).add_warning_v2(
                "fairlane:ServiceEnvironment.unknownInstanceType",
                f"{unit} is not in the list of SageMaker training instance types: check the name, because jobs wait "
                "forever for an instance type that does not exist",
            )


def _problems(
    claims: Claims, capacity: Capacity, name: str | None, state: State, tags: Mapping[str, str] | None
) -> Iterator[Problem]:
    yield from check_capacity(("capacity",), capacity)
    yield from check_choice(("state",), state, State)
    yield from check_tags(tags)
    if name is not None:
        yield from check_name(("service_environment_name",), name)
        yield from claims.name_problems(SERVICE_ENVIRONMENT, "service_environment_name", name)
