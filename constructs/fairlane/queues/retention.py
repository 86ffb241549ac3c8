"""Retention of queues, and of the resources that their jobs need, in stacks with termination protection.

CloudFormation keeps a retained resource when a template no longer has it. The template that was deployed last decides:
a queue can be deleted only after a deployment with `State.DISABLED`.
"""

from typing import Final

import aws_cdk as cdk
from constructs import IConstruct

from fairlane.capacity import GpuComputeEnvironment
from fairlane.scheduling import State

_ONE_POLICY: Final = cdk.Acknowledgment(
    id="CloudFormation-Validate::W3011", reason="kept at removal only: a replacement deletes the old resource"
)


def retain(state: State, *resources: cdk.CfnResource) -> None:
    """Retain resources at removal and replacement, unless `state` is disabled or the stack can be deleted."""
    for resource in resources:
        if state != State.DISABLED and _is_protected(resource):
            resource.apply_removal_policy(cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)


def retain_instances(state: State, environment: GpuComputeEnvironment) -> None:
    """Retain a compute environment at removal, with the role, network rules and other resources of its instances.

    Replacement deletes the old resource: a capacity block is replaced when its reservation ends.
    """
    if state != State.DISABLED and _is_protected(environment):
        for node in environment.node.find_all():
            if isinstance(node, cdk.CfnResource):
                node.cfn_options.deletion_policy = cdk.CfnDeletionPolicy.RETAIN_EXCEPT_ON_CREATE
                cdk.Validations.of(node).acknowledge(_ONE_POLICY)


def _is_protected(construct: IConstruct) -> bool:
    stack = cdk.Stack.of(construct)
    while stack.nested_stack_parent is not None:
        stack = stack.nested_stack_parent
    return bool(stack.termination_protection)
