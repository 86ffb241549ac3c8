"""Deployments in the order of CloudFormation, which moto does not follow.

A resource is created or updated after the resources that it refers to, if its definition changes after references and
parameters are resolved. Removed and replaced resources are deleted at the end, in the opposite order.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final, TypeAlias

from moto.cloudformation import parsing
from moto.cloudformation.parsing import ResourceMap

from fairlane_local.cloudformation.custom_resources import CustomResource
from fairlane_local.cloudformation.local_resource import LocalResource

Template: TypeAlias = dict[str, Any]

_RETAINED: Final = ("Retain", "RetainExceptOnCreate")
_SUBSTITUTION: Final = re.compile(r"\$\{([A-Za-z0-9]+)(?:\.[A-Za-z0-9.]+)?\}")


class ResourceError(Exception):
    """Failed creation, update or deletion of a resource, with the message of the service.

    Attributes:
        logical_id: ID of the resource in the template.
        resource_type: CloudFormation type of the resource.
    """

    def __init__(self, logical_id: str, resource_type: str, cause: object) -> None:
        super().__init__(getattr(cause, "message", cause))
        self.logical_id = logical_id
        self.resource_type = resource_type


class Deployment:
    """Deployment of a template to the resources of a stack.

    Args:
        resources: Map of the stack's resources, as moto keeps it. The deployment updates it.
    """

    def __init__(self, resources: ResourceMap) -> None:
        self._resources = resources
        self._deployed: dict[str, Any] = resources._parsed_resources
        self._definitions: dict[str, Any] = resources.__dict__.setdefault("deployed_definitions", {})
        self._changes: list[tuple[str, Any, Any]] = []
        self._replaced: dict[str, Any] = {}

    def apply(self, template: Template) -> None:
        """Create and update the resources of a template whose parameters and conditions are loaded.

        Raises:
            ResourceError: If a resource fails. `undo` then restores the previous resources.
        """
        new = template["Resources"]
        self._resources._template = template
        self._resources._resource_json_map = new
        for logical_id in _dependency_order(new):
            if self._is_active(new[logical_id]):
                _run(logical_id, new, partial(self._deploy, logical_id))

    def clean(self, old: Template, new: Template) -> Iterator[ResourceError]:
        """Delete removed and replaced resources, and yield the errors of those that cannot be deleted."""
        for logical_id in reversed(_dependency_order(old)):
            json = old[logical_id]
            if logical_id in self._replaced and json.get("UpdateReplacePolicy") != "Retain":
                yield from self._delete(logical_id, self._replaced[logical_id], json)
            is_active = logical_id in new and self._is_active(new[logical_id])
            if not is_active and logical_id in self._deployed:
                failures = (
                    []
                    if json.get("DeletionPolicy") in _RETAINED
                    else [*self._delete(logical_id, self._deployed[logical_id], json)]
                )
                yield from failures
                if not failures:
                    del self._deployed[logical_id]
                    self._definitions.pop(logical_id, None)

    def undo(self, old: Template) -> Iterator[ResourceError]:
        """Revert the changes of `apply`, the last one first, and yield the errors of those that cannot be reverted."""
        new = self._resources._resource_json_map
        self._resources._template = old
        self._resources._resource_json_map = old["Resources"]
        for logical_id, previous, definition in reversed(self._changes):
            current = self._deployed[logical_id]
            if previous is None:
                del self._deployed[logical_id]
                self._definitions.pop(logical_id, None)
                if new[logical_id].get("DeletionPolicy") != "Retain":
                    yield from self._delete(logical_id, current, new[logical_id])
                continue
            self._definitions[logical_id] = definition
            is_replaced = current.physical_resource_id != previous.physical_resource_id
            is_gone = isinstance(current, LocalResource) and current.is_deleted_first
            if is_replaced and not is_gone and not isinstance(current, CustomResource):
                self._deployed[logical_id] = previous
            else:
                self._deployed[logical_id] = self._update(logical_id)
            if is_replaced and not is_gone:
                yield from self._delete(logical_id, current, new[logical_id])

    @property
    def _location(self) -> tuple[str, str]:
        return self._resources._account_id, self._resources._region_name

    def _is_active(self, json: Template) -> bool:
        condition = json.get("Condition")
        return not condition or bool(self._resources.lazy_condition_map[condition])

    def _deploy(self, logical_id: str) -> None:
        if parsing.resource_class_from_type(self._resources._resource_json_map[logical_id]["Type"]) is None:
            return  # moto has logged a warning: it does not support this type
        definition = parsing.clean_json(self._resources._resource_json_map[logical_id], self._resources)
        previous = self._deployed.get(logical_id)
        if previous is not None and definition == self._definitions.get(logical_id):
            return
        if previous is None:
            current = self._resources[logical_id]  # the lookup creates the resource
        else:
            current = self._deployed[logical_id] = self._update(logical_id)
        if current is None:
            return
        self._changes.append((logical_id, previous, self._definitions.get(logical_id)))
        self._definitions[logical_id] = definition
        is_replaced = previous is not None and previous.physical_resource_id != current.physical_resource_id
        if is_replaced and isinstance(previous, LocalResource) and not previous.is_deleted_first:
            self._replaced[logical_id] = previous  # moto's own resources delete the replaced one

    def _update(self, logical_id: str) -> Any:
        json = self._resources._resource_json_map[logical_id]
        return parsing.parse_and_update_resource(logical_id, json, self._resources, *self._location)

    def _delete(self, logical_id: str, resource: Any, json: Template) -> Iterator[ResourceError]:
        try:
            self._resources._delete_resource(resource, json)
        except Exception as error:  # any error of a service
            yield ResourceError(logical_id, json["Type"], error)


def _run(logical_id: str, template: Mapping[str, Template], action: Callable[[], object]) -> None:
    try:
        action()
    except Exception as error:
        raise ResourceError(logical_id, template[logical_id]["Type"], error) from error


def _references(value: object) -> Iterator[str]:
    match value:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), *_]}:
            yield from _SUBSTITUTION.findall(text)
        case dict():
            depends_on = value.get("DependsOn", [])
            yield from [depends_on] if isinstance(depends_on, str) else depends_on
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _references(inner)


def _dependency_order(resources: Mapping[str, Template]) -> list[str]:
    order: dict[str, None] = {}

    def visit(logical_id: str, trail: tuple[str, ...]) -> None:
        if logical_id in trail:
            cycle = ", ".join(trail[trail.index(logical_id) :])
            message = f"Circular dependency between resources: [{cycle}]"
            raise ResourceError(logical_id, resources[logical_id]["Type"], message)
        if logical_id in resources and logical_id not in order:
            for reference in _references(resources[logical_id]):
                visit(reference, (*trail, logical_id))
            order[logical_id] = None

    for logical_id in resources:
        visit(logical_id, ())
    return list(order)
