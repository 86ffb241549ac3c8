"""Stacks with the order, failure events and rollback of CloudFormation.

A failed creation keeps only retained resources. A failed update restores the previous template. A failed deletion keeps
the stack. A resource that an update cannot delete at its end remains, with a DELETE_FAILED event, as in AWS.
"""

from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.exceptions import CloudFormationError, ValidationError
from moto.cloudformation.models import ChangeSet, CloudFormationBackend, Event, Stack
from moto.cloudformation.parsing import OutputMap, ResourceMap
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult, EmptyResult

from fairlane_local.cloudformation.deployment import Deployment, ResourceError, Template

_clean_json = parsing.clean_json
_create_map = ResourceMap.create
_delete_stack = CloudFormationBackend.delete_stack
_resolve_update_parameters = CloudFormationBackend._resolve_update_parameters


class _ChangeSetNotFoundError(CloudFormationError):
    code = "ChangeSetNotFound"


def install() -> None:
    """Replace methods of moto's stacks."""
    parsing.clean_json = _resolve  # type: ignore[assignment]
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
        _resolve_update_parameters=_resolve_given_parameters,
    )
    _patch(
        CloudFormationResponse,
        update_termination_protection=_update_termination_protection,
        describe_change_set=_describe_change_set,
        execute_change_set=_execute_change_set,
        delete_change_set=_delete_change_set,
    )


def _resolve(json: Any, resources: ResourceMap) -> Any:
    """Return a part of a template without references. Moto leaves `AWS::NoValue` in lists."""
    resolved = _clean_json(json, resources)
    return [item for item in resolved if item is not None] if isinstance(json, list) else resolved


def _patch(owner: type, **methods: object) -> None:
    for name, method in methods.items():
        setattr(owner, name, method)


def _load(resources: ResourceMap, template: Template, parameters: dict[str, Any] | None) -> None:
    resources._template = template
    if parameters:
        resources.input_parameters = parameters
    resources.load_mapping()
    resources.load_parameters()
    resources.load_conditions()


def _create_resources(self: Stack) -> None:
    self.status = "CREATE_IN_PROGRESS"
    self.description = self.template_dict.get("Description")
    deployment = Deployment(self.resource_map)
    try:
        _load(self.resource_map, self.template_dict, None)
        deployment.apply(self.template_dict)
        self.output_map = self._create_output_map()
        if _create_map(self.resource_map, self.template_dict):
            self.mark_creation_complete()
    except ResourceError as failure:
        _add_failure_event(self, failure, "CREATE_FAILED")
        _undo(self, deployment, {"Resources": {}}, "ROLLBACK", failure)
        _drop_outputs(self)


def _update_stack(
    self: Stack,
    template: str,
    role_arn: str | None = None,
    parameters: dict[str, Any] | None = None,
    tags: dict[str, str] | None = None,
) -> None:
    self._add_stack_event("UPDATE_IN_PROGRESS", resource_status_reason="User Initiated")
    old, old_parameters = (self.template, self.template_dict), self.resource_map.input_parameters
    old_resources = self.resource_map._resource_json_map
    deployment = Deployment(self.resource_map)
    self.template = template
    self._parse_template()
    try:
        _load(self.resource_map, self.template_dict, parameters)
        deployment.apply(self.template_dict)
    except ResourceError as failure:
        _add_failure_event(self, failure, "UPDATE_FAILED")
        self.template, self.template_dict = old
        _load(self.resource_map, self.template_dict, old_parameters)
        _undo(self, deployment, self.template_dict, "UPDATE_ROLLBACK", failure)
        return
    for deletion_failure in deployment.clean(old_resources, self.template_dict["Resources"]):
        _add_failure_event(self, deletion_failure, "DELETE_FAILED")
    self.output_map = self._create_output_map()
    self.role_arn = role_arn
    self.parameters = parameters or self.parameters
    self.tags = self.tags if tags is None else tags
    _set_final_status(self, "UPDATE_COMPLETE")


def _delete_resources(self: Stack) -> None:
    self._add_stack_event("DELETE_IN_PROGRESS", resource_status_reason="User Initiated")
    failures = list(Deployment(self.resource_map).clean(self.resource_map._resource_json_map, {}))
    for failure in failures:
        _add_failure_event(self, failure, "DELETE_FAILED")
    _drop_outputs(self)
    _set_final_status(self, "DELETE_FAILED" if failures else "DELETE_COMPLETE", *failures)


def _undo(stack: Stack, deployment: Deployment, old: Template, verb: str, failure: ResourceError) -> None:
    undo_failures = list(deployment.undo(old))
    for undo_failure in undo_failures:
        _add_failure_event(stack, undo_failure, "DELETE_FAILED")
    _set_final_status(stack, f"{verb}_FAILED" if undo_failures else f"{verb}_COMPLETE", failure, *undo_failures)


def _drop_outputs(stack: Stack) -> None:
    """Remove the outputs of a stack. Moto would create the deleted resources again when an output is read."""
    stack.output_map = OutputMap(stack.resource_map, {}, stack.stack_id)


def _add_failure_event(stack: Stack, failure: ResourceError, status: str) -> None:
    resource = stack.resource_map._parsed_resources.get(failure.logical_id)
    event = Event(
        stack_id=stack.stack_id,
        stack_name=stack.name,
        logical_resource_id=failure.logical_id,
        physical_resource_id=getattr(resource, "physical_resource_id", ""),
        resource_type=failure.resource_type,
        resource_status=status,
        resource_status_reason=f'Resource handler returned message: "{failure}"',
        resource_properties=None,
    )
    stack.events.append(event)


def _set_final_status(stack: Stack, status: str, *failures: ResourceError) -> None:
    stack.status = status
    failed = ", ".join(failure.logical_id for failure in failures)
    stack._add_stack_event(status, f"The following resource(s) failed: [{failed}]" if failed else None)


def _stack_parameters(self: Stack) -> dict[str, Any]:
    """Return the parameter values as given. Moto returns resolved SSM parameters, and would resolve them again."""
    input_parameters = self.resource_map.input_parameters
    return {
        name: input_parameters.get(name, slot.get("Default"))
        for name, slot in self.template_dict.get("Parameters", {}).items()
    }


def _resolve_given_parameters(
    self: CloudFormationBackend, instance: Stack, incoming_params: list[dict[str, str]]
) -> dict[str, str]:
    """Resolve parameters, except unchanged defaults, which the stack does not store and moto cannot find."""
    resolvable = [
        parameter
        for parameter in incoming_params
        if "ParameterValue" in parameter or parameter["ParameterKey"] in instance.parameters
    ]
    return _resolve_update_parameters(self, instance, resolvable)


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
    for change_set in list(self.change_sets.values()):
        if change_set.stack_id not in self.stacks:
            del self.change_sets[change_set.change_set_id]


def _change_set(self: CloudFormationResponse) -> ChangeSet:
    """Return the change set of a request. A change set's name is unique only within its stack."""
    name, stack = self._get_param("ChangeSetName"), self._get_param("StackName")
    for change_set_id, change_set in self.cloudformation_backend.change_sets.items():
        is_in_stack = stack in (None, change_set.stack_name, change_set.stack_id)
        if name == change_set_id or (name == change_set.change_set_name and is_in_stack):
            return change_set
    raise _ChangeSetNotFoundError(f"ChangeSet [{name}] does not exist")


def _describe_change_set(self: CloudFormationResponse) -> ActionResult:
    return ActionResult(_change_set(self))


def _delete_change_set(self: CloudFormationResponse) -> EmptyResult:
    try:
        change_set = _change_set(self)
    except _ChangeSetNotFoundError:
        return EmptyResult()
    del self.cloudformation_backend.change_sets[change_set.change_set_id]
    return EmptyResult()


def _execute_change_set(self: CloudFormationResponse) -> EmptyResult:
    change_set = _change_set(self)
    change_set.execution_status = "EXECUTE_COMPLETE"
    stack = self.cloudformation_backend.stacks[change_set.stack_id]
    if change_set.change_set_type == "CREATE":
        stack.template = change_set.template
        stack._parse_template()
        stack.create_resources()
    else:
        stack.update(change_set.template, change_set.role_arn, change_set.parameters, change_set.tags)
    return EmptyResult()
