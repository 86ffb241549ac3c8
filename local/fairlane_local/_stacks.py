"""Stacks that behave as CloudFormation's do: its order, its events when a resource fails, and its rollback.

A failed creation leaves nothing, a failed update goes back to the template before, a failed deletion leaves the stack.
"""

from collections.abc import Callable
from typing import Any

from moto.cloudformation.exceptions import CloudFormationError, ValidationError
from moto.cloudformation.models import ChangeSet, CloudFormationBackend, Event, Stack
from moto.cloudformation.parsing import ResourceMap
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult

from fairlane_local._deployment import Deployment, ResourceError, Template

_create_map = ResourceMap.create
_create, _update, _delete = Stack.create_resources, Stack.update, Stack.delete
_delete_stack = CloudFormationBackend.delete_stack
_resolve_update_parameters = CloudFormationBackend._resolve_update_parameters


class _ChangeSetNotFoundError(CloudFormationError):
    code = "ChangeSetNotFound"


def install() -> None:
    """Gives moto's stacks these ways."""
    _patch(ResourceMap, create=_create_resource_map, update=_update_resource_map, delete=_delete_resource_map)
    _patch(
        Stack,
        create_resources=_create_resources,
        update=_update_stack,
        delete=_delete_resources,
        stack_parameters=property(_stack_parameters),
    )
    _patch(
        CloudFormationBackend,
        delete_stack=_delete_or_keep_stack,
        execute_change_set=_execute_change_set,
        delete_change_set=_delete_change_set,
        describe_change_set=_describe_change_set,
        _resolve_update_parameters=_resolve_known_parameters,
    )

    _patch(CloudFormationResponse, update_termination_protection=_update_termination_protection)


def _patch(owner: type, **methods: object) -> None:
    for name, method in methods.items():
        setattr(owner, name, method)


def _create_resource_map(self: ResourceMap, template: Template) -> bool:
    Deployment(self).to(template)
    return _create_map(self, template)


def _update_resource_map(self: ResourceMap, template: Template, parameters: dict[str, Any] | None = None) -> None:
    self._template = template
    if parameters:
        self.input_parameters = parameters
    self.load_mapping()
    self.load_parameters()
    self.load_conditions()
    Deployment(self).to(template)


def _delete_resource_map(self: ResourceMap) -> None:
    Deployment(self).to({"Resources": {}})


def _create_resources(self: Stack) -> None:
    _attempt(self, "CREATE", lambda: _create(self), self.resource_map.delete, "ROLLBACK_COMPLETE")


def _update_stack(self: Stack, template: str, *arguments: Any, **named: Any) -> None:
    old = self.template

    def undo() -> None:
        self.template = old
        self._parse_template()
        self.resource_map.update(self.template_dict)

    _attempt(self, "UPDATE", lambda: _update(self, template, *arguments, **named), undo, "UPDATE_ROLLBACK_COMPLETE")


def _delete_resources(self: Stack) -> None:
    template = self.template_dict

    def undo() -> None:
        self.resource_map._template = template
        self.resource_map._resource_json_map = template["Resources"]

    _attempt(self, "DELETE", lambda: _delete(self), undo, "DELETE_FAILED")


def _attempt(stack: Stack, verb: str, work: Callable[[], None], undo: Callable[[], None], undone: str) -> None:
    try:
        work()
    except ResourceError as failure:
        made = stack.resource_map._parsed_resources.get(failure.logical_id)
        event = Event(
            stack_id=stack.stack_id,
            stack_name=stack.name,
            logical_resource_id=failure.logical_id,
            physical_resource_id=getattr(made, "physical_resource_id", ""),
            resource_type=failure.resource_type,
            resource_status=f"{verb}_FAILED",
            resource_status_reason=f'Resource handler returned message: "{failure}"',
            resource_properties=None,
        )
        stack.events.append(event)
        undo()
        stack.status = undone
        stack._add_stack_event(undone, f"The following resource(s) failed: [{failure.logical_id}]")


def _stack_parameters(self: Stack) -> dict[str, Any]:
    """Values as given: moto's are those of the SSM parameters that they name, and would be looked up again."""
    given = self.resource_map.input_parameters
    return {
        name: given.get(name, slot.get("Default")) for name, slot in self.template_dict.get("Parameters", {}).items()
    }


def _resolve_known_parameters(
    self: CloudFormationBackend, instance: Stack, incoming_params: list[dict[str, str]]
) -> dict[str, str]:
    """A default that is to stay is in no parameter of the stack; moto looks for it there all the same."""
    known = [
        parameter
        for parameter in incoming_params
        if "ParameterValue" in parameter or parameter["ParameterKey"] in instance.parameters
    ]
    return _resolve_update_parameters(self, instance, known)


def _update_termination_protection(self: CloudFormationResponse) -> ActionResult:
    stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
    stack.enable_termination_protection = self._get_bool_param("EnableTerminationProtection")
    return ActionResult({"StackId": stack.stack_id})


def _delete_or_keep_stack(self: CloudFormationBackend, name_or_stack_id: str) -> None:
    stacks = dict(self.stacks)
    for stack in stacks.values():
        if name_or_stack_id in (stack.name, stack.stack_id) and stack.enable_termination_protection:
            raise ValidationError(
                message=f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            )
    _delete_stack(self, name_or_stack_id)
    for stack_id, stack in stacks.items():
        if stack.status == "DELETE_FAILED":
            self.stacks[stack_id] = self.deleted_stacks.pop(stack_id, stack)


def _describe_change_set(self: CloudFormationBackend, change_set_name: str) -> ChangeSet:
    for change_set_id, change_set in self.change_sets.items():
        if change_set_name in (change_set_id, change_set.change_set_name):
            return change_set
    raise _ChangeSetNotFoundError(f"ChangeSet [{change_set_name}] does not exist")


def _delete_change_set(self: CloudFormationBackend, change_set_name: str) -> None:
    for change_set_id, change_set in list(self.change_sets.items()):
        if change_set_name in (change_set_id, change_set.change_set_name):
            del self.change_sets[change_set_id]


def _execute_change_set(self: CloudFormationBackend, change_set_name: str, stack_name: str | None = None) -> None:
    change_set = _describe_change_set(self, change_set_name)
    change_set.execution_status = "EXECUTE_COMPLETE"
    stack = self.stacks[change_set.stack_id]
    if change_set.change_set_type == "CREATE":
        stack.template = change_set.template
        stack._parse_template()
        stack.create_resources()
    else:
        stack.update(change_set.template, change_set.role_arn, change_set.parameters, change_set.tags)
