"""Compute environments and service environments of queues: their place, and references from other stacks."""

from collections.abc import Iterator
from typing import Final, TypeAlias

from aws_cdk import CfnResource, Stack, Stage
from aws_cdk.interfaces.aws_batch import IComputeEnvironmentRef, IServiceEnvironmentRef
from constructs import IConstruct

from fairlane._internal.aws import ARN
from fairlane._internal.claims import Claims, stack_of
from fairlane._internal.tokens import is_token
from fairlane.capacity import GpuComputeEnvironment, Purchase, ServiceEnvironment, ServiceEnvironmentBase
from fairlane.errors import Path, Problem

AnyComputeEnvironment: TypeAlias = GpuComputeEnvironment | IComputeEnvironmentRef
AnyServiceEnvironment: TypeAlias = ServiceEnvironmentBase | IServiceEnvironmentRef
_AnyEnvironment: TypeAlias = AnyComputeEnvironment | AnyServiceEnvironment

_NOUNS: Final = ("account", "Region")


def environment_arn(environment: _AnyEnvironment) -> str:
    """Return the ARN of an environment."""
    if isinstance(environment, GpuComputeEnvironment):
        return environment.compute_environment_arn
    if isinstance(environment, ServiceEnvironmentBase):
        return environment.service_environment_arn
    if hasattr(environment, "service_environment_ref"):
        return environment.service_environment_ref.service_environment_arn
    return environment.compute_environment_ref.compute_environment_arn


def environment_reference(queue: IConstruct, environment: _AnyEnvironment) -> str:
    """Return the ARN of an environment for a queue.

    A service environment of another stack that has a name is referred to by its name, and the stack of the queue is
    deployed after its stack. All other environments of other stacks are referred to as the AWS CDK does.
    """
    arn = environment_arn(environment)
    if not isinstance(environment, ServiceEnvironment) or Claims.regional(queue) is Claims.regional(environment):
        return arn
    stack, home, name = _root(queue), _root(environment), environment.service_environment.service_environment_name
    if stack is home or name is None:
        return arn
    stack.add_stack_dependency(home)
    place = Claims.regional(queue)
    return f"{ARN}:batch:{place.region}:{place.account}:service-environment/{name}"


def place_problems(field: Path, environment: _AnyEnvironment, queues: Claims, scope: IConstruct) -> Iterator[Problem]:
    """Yield the problems of an environment that a queue in another place or stack cannot use.

    Args:
        field: Path to the environment.
        environment: Environment, created in the app or imported.
        queues: Claims of the stack of the queue.
        scope: Scope of the queue.
    """
    path = environment.node.path
    own = (queues.account, queues.region)
    if not _is_created(environment):
        arn = environment_arn(environment)
        parts = [] if is_token(arn) else arn.split(":")
        places = (parts[4], parts[3]) if len(parts) > 4 else own
        for noun, there, here in zip(_NOUNS, places, own, strict=True):
            if there != here and not is_token(there) and not is_token(here):
                yield Problem.relation(field, _other_place(path, noun, there, here))
        return
    home = Claims.regional(environment)
    if home is queues:
        return
    stack = stack_of(environment).node.path
    if not _same_stage(environment, scope):
        sentence = f"{path} is in another stage, to which stacks cannot refer: create the queue in the stage of {stack}"
        yield Problem.relation(field, sentence)
        return
    for noun, there, here in zip(_NOUNS, (home.account, home.region), own, strict=True):
        known = [not is_token(value) for value in (there, here)]
        if all(known) and there != here:
            yield Problem.relation(field, _other_place(path, noun, there, here))
            return
        if any(known) and not all(known):
            unknown = stack_of(scope if known[0] else environment).node.path
            sentence = f"{path} and the queue are in different stacks, and stack {unknown} has no {noun}"
            yield Problem.relation(field, f"{sentence}: give both stacks the same env")
            return
    is_block = isinstance(environment, GpuComputeEnvironment) and environment.purchase == Purchase.CAPACITY_BLOCK
    if is_block and _root(environment) is not _root(scope):
        sentence = (
            f"a new capacity block replaces {path}, and a queue in another stack prevents the replacement: create the "
            f"queue in stack {stack}"
        )
        yield Problem.relation(field, sentence)


def _other_place(path: str, noun: str, there: str, here: str) -> str:
    sentence = f"{path} is in {noun} {there}, and the queue is in {noun} {here}"
    return f"{sentence}: a queue needs environments of its own account and Region"


def _is_created(environment: _AnyEnvironment) -> bool:
    kinds = (CfnResource, GpuComputeEnvironment, ServiceEnvironment)
    return isinstance(environment, kinds) or environment.node.default_child is not None


def _same_stage(construct: IConstruct, other: IConstruct) -> bool:
    stage, other_stage = Stage.of(construct), Stage.of(other)
    return (stage and stage.node.path) == (other_stage and other_stage.node.path)


def _root(construct: IConstruct) -> Stack:
    """Return the stack of a construct, without nested stacks."""
    stack = stack_of(construct)
    while parent := stack.nested_stack_parent:
        stack = parent
    return stack
