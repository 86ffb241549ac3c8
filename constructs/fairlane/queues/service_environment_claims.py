"""What a queue does with service environments of any origin, and which names and environments are taken."""

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from aws_cdk.interfaces.aws_batch import IServiceEnvironmentRef
from constructs import IConstruct

from fairlane._internal.claims import Claims
from fairlane.capacity import ServiceEnvironmentBase
from fairlane.capacity.service_environment import SERVICE_ENVIRONMENT
from fairlane.errors import Problem
from fairlane.scheduling import Capacity, QuotaManagement, SchedulingPolicy

AnyServiceEnvironment: TypeAlias = ServiceEnvironmentBase | IServiceEnvironmentRef

QUEUE: Final = "job queue"
"""What names of queues are claimed as."""
_WITH_ANY_QUEUE: Final = "service environment with a queue"
_WITH_QUOTAS: Final = "service environment with a queue with quota management"


def _is_environment(value: object) -> bool:
    return isinstance(value, ServiceEnvironmentBase) or hasattr(value, "service_environment_ref")


def name_of(environment: AnyServiceEnvironment) -> str:
    """What to call it in an error."""
    return environment.node.path if _is_environment(environment) else repr(environment)


def arn_of(environment: AnyServiceEnvironment) -> str:
    """Its ARN."""
    if isinstance(environment, ServiceEnvironmentBase):
        return environment.service_environment_arn
    return environment.service_environment_ref.service_environment_arn


def capacity_of(environment: AnyServiceEnvironment | None) -> Mapping[str, int] | None:
    """Its limits by capacity unit, where they are known."""
    return environment.capacity_limits if isinstance(environment, ServiceEnvironmentBase) else None


def claim_problems(
    claims: Claims,
    queue_name: str,
    capacity: Capacity | None,
    environment: AnyServiceEnvironment | None,
    scheduling: SchedulingPolicy,
) -> Iterator[Problem]:
    """Yields a queue name that is taken, and an environment that may have no further queue."""
    taken = list(claims.name_problems(QUEUE, "queue_name", queue_name))
    if capacity is not None and not taken:
        taken += claims.name_problems(SERVICE_ENVIRONMENT, "queue_name", queue_name)
    yield from taken
    if environment is not None and not _is_environment(environment):
        yield Problem(("service_environment",), environment, "a ServiceEnvironment")
    elif environment is not None:
        kind = _WITH_ANY_QUEUE if isinstance(scheduling, QuotaManagement) else _WITH_QUOTAS
        if owner := Claims.at(environment).owner(kind, arn_of(environment)):
            allowed = f"with QuotaManagement, an environment that no other queue has: {owner} has it"
            yield Problem(("service_environment",), environment.node.path, allowed)


def claim(
    claims: Claims, queue_name: str, environment: AnyServiceEnvironment, scheduling: SchedulingPolicy, owner: IConstruct
) -> None:
    """Notes that a queue has its name and its environment."""
    claims.add(QUEUE, queue_name, owner)
    theirs = Claims.at(environment)
    theirs.add(_WITH_ANY_QUEUE, arn_of(environment), owner)
    if isinstance(scheduling, QuotaManagement):
        theirs.add(_WITH_QUOTAS, arn_of(environment), owner)
