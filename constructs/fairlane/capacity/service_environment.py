"""Where SageMaker training jobs run: a service environment and its capacity limits."""

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
"""What names of service environments are claimed as."""


class ServiceEnvironmentBase(Construct):
    """A service environment, made here or elsewhere.

    Attributes:
        service_environment_arn: its ARN.
        capacity_limits: instances by capacity unit; None for an imported one, whose limits are not known.
    """

    service_environment_arn: str
    capacity_limits: Mapping[str, int] | None


class ServiceEnvironment(ServiceEnvironmentBase):
    """A limit on the instances that the SageMaker training jobs of one or several queues use at a time.

    It reserves no instances: SageMaker starts them when a job does, up to the account's own service quotas.

    Updates: capacity, state and tags in place; lower limits stop no job that runs. Another name replaces it.
    Between counting instances and counting instance types there is no way back or forth; make another one.
    Sources: `CreateServiceEnvironment` in the Batch API, "Service quotas" in the user guide.

    Args:
        scope: where it goes in the app.
        construct_id: its id there.
        capacity: the most instances in use at a time, 1 or more: a number, whatever their type, for `Fifo` and
            `FairShare`; or a number for each of one to five `ml.*` types, for `QuotaManagement`.
        service_environment_name: 1 to 128 characters of A-Z, a-z, 0-9, - and _; by default CloudFormation makes one.
        state: a disabled one starts no jobs.
        tags: at most 50.

    Attributes:
        service_environment: the underlying resource.

    Raises:
        ConfigurationError: with every value that AWS would refuse.
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
        claims = Claims.at(scope)
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
        """Takes a service environment that exists; its capacity is not known, so nothing is checked against it."""
        return _ImportedServiceEnvironment(scope, construct_id, service_environment_arn)


class _ImportedServiceEnvironment(ServiceEnvironmentBase):
    def __init__(self, scope: Construct, construct_id: str, service_environment_arn: str) -> None:
        super().__init__(scope, construct_id)
        self.service_environment_arn = service_environment_arn
        self.capacity_limits = None


def warn_of_unknown_instance_types(scope: Construct, units: Iterable[str]) -> None:
    """Warns of `ml.*` types that SageMaker training was not known to have when this release was made."""
    for unit in units:
        if is_instance_type(unit) and unit not in training_instance_types():
            Annotations.of(scope).add_warning_v2(
                "fairlane:ServiceEnvironment.unknownInstanceType",
                f"{unit} is no instance type that SageMaker training is known to have: jobs may wait for it for ever",
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
