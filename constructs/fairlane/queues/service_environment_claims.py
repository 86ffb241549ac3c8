"""Service environments of queues, created in the app or imported, and the claims on names and environments."""

from collections.abc import Iterator, Mapping
from typing import Final

from constructs import IConstruct

from fairlane._internal.claims import Claims
from fairlane.capacity import ServiceEnvironmentBase
from fairlane.capacity.service_environment import SERVICE_ENVIRONMENT
from fairlane.errors import Problem
from fairlane.queues.environment_place import AnyServiceEnvironment, environment_arn, place_problems
from fairlane.scheduling import Capacity, QuotaManagement, SchedulingPolicy

QUEUE: Final = "job queue"
"""Kind of a claim on the name of a queue."""
_WITH_ANY_QUEUE: Final = "service environment with a queue"
_WITH_QUOTAS: Final = "service environment with a queue with quota management"


def _is_environment(value: object) -> bool:
    return isinstance(value, ServiceEnvironmentBase) or hasattr(value, "service_environment_ref")


def environment_name(environment: AnyServiceEnvironment) -> str:
    """Return the name of a service environment in errors."""
    return environment.node.path if _is_environment(environment) else repr(environment)


def environment_limits(environment: AnyServiceEnvironment | None) -> Mapping[str, int] | None:
    """Return the limits of a service environment by capacity unit. None if the limits are unknown."""
    return environment.capacity_limits if isinstance(environment, ServiceEnvironmentBase) else None


def claim_problems(
    claims: Claims,
    queue_name: str,
    capacity: Capacity | None,
    environment: AnyServiceEnvironment | None,
    scheduling: SchedulingPolicy,
    scope: IConstruct,
) -> Iterator[Problem]:
    """Yield problems of a name that is already claimed, and of a service environment that the queue cannot use."""
    name_problems = list(claims.name_problems(QUEUE, "queue_name", queue_name))
    if capacity is not None and not name_problems:
        name_problems += claims.name_problems(SERVICE_ENVIRONMENT, "queue_name", queue_name)
    yield from name_problems
    if environment is not None and not _is_environment(environment):
        yield Problem(("service_environment",), environment, "a ServiceEnvironment")
    elif environment is not None:
        yield from place_problems(("service_environment",), environment, claims, scope)
        kind = _WITH_ANY_QUEUE if isinstance(scheduling, QuotaManagement) else _WITH_QUOTAS
        if owner := Claims.regional(environment).owner(kind, environment_arn(environment)):
            yield Problem.relation(
                ("service_environment",),
                f"{owner} already uses {environment.node.path}, and a queue with quota management must be the only "
                "queue of its service environment: use another service environment",
            )


def claim(
    claims: Claims, queue_name: str, environment: AnyServiceEnvironment, scheduling: SchedulingPolicy, owner: IConstruct
) -> None:
    """Claim the name and the service environment of a queue."""
    claims.add(QUEUE, queue_name, owner)
    environment_claims = Claims.regional(environment)
    environment_claims.add(_WITH_ANY_QUEUE, environment_arn(environment), owner)
    if isinstance(scheduling, QuotaManagement):
        environment_claims.add(_WITH_QUOTAS, environment_arn(environment), owner)
