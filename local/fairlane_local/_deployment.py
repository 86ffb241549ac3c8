"""CloudFormation's order of work, which moto's does not have.

Resources are made and updated after those that they refer to; what is gone or replaced is deleted at the end, in the
opposite order.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeAlias

from moto.cloudformation import parsing
from moto.cloudformation.parsing import ResourceMap

from fairlane_local._resources import BatchResource

Template: TypeAlias = dict[str, Any]


class ResourceError(Exception):
    """A resource that could not be made, changed or deleted; the message is the service's.

    Attributes:
        logical_id: its id in the template.
        resource_type: its type in CloudFormation.
    """

    def __init__(self, logical_id: str, resource_type: str, cause: Exception) -> None:
        super().__init__(getattr(cause, "message", cause))
        self.logical_id = logical_id
        self.resource_type = resource_type


class Deployment:
    """Takes the resources of a stack to what a template says.

    Args:
        resources: moto's own map of the stack's resources, which is kept up to date.
    """

    def __init__(self, resources: ResourceMap) -> None:
        self._resources = resources
        self._made: dict[str, Any] = resources._parsed_resources
        self._replaced: dict[str, Any] = {}

    def to(self, template: Template) -> None:
        """Does it.

        Raises:
            ResourceError: for the first resource that fails; the others stay as they are by then.
        """
        old, new = self._resources._resource_json_map, template["Resources"]
        self._resources._template = template
        self._resources._resource_json_map = new
        for logical_id in _dependency_order(new):
            if logical_id not in self._made:
                _do(logical_id, new, partial(self._make, logical_id))
            elif new[logical_id] != old.get(logical_id) or {*_references(new[logical_id])} & self._replaced.keys():
                _do(logical_id, new, partial(self._change, logical_id))
        for logical_id in reversed(_dependency_order(old)):
            if logical_id in self._replaced:
                self._delete(logical_id, self._replaced[logical_id], old)
            if logical_id not in new and logical_id in self._made:
                if old[logical_id].get("DeletionPolicy") != "Retain":
                    self._delete(logical_id, self._made[logical_id], old)
                del self._made[logical_id]

    def _make(self, logical_id: str) -> None:
        _ = self._resources[logical_id]  # moto makes what is looked up

    def _delete(self, logical_id: str, resource: Any, template: Mapping[str, Template]) -> None:
        if resource is not None:
            _do(logical_id, template, partial(self._resources._delete_resource, resource, template[logical_id]))

    def _change(self, logical_id: str) -> None:
        before = self._made[logical_id]
        where = (self._resources._account_id, self._resources._region_name)
        json = self._resources._resource_json_map[logical_id]
        after: Any = parsing.parse_and_update_resource(logical_id, json, self._resources, *where)
        self._made[logical_id] = after
        if getattr(after, "physical_resource_id", None) != getattr(before, "physical_resource_id", None):
            # moto's own resources delete what they replace
            self._replaced[logical_id] = before if isinstance(before, BatchResource) else None


def _do(logical_id: str, template: Mapping[str, Template], action: Callable[[], object]) -> None:
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
        case dict():
            depends_on = value.get("DependsOn", [])
            yield from [depends_on] if isinstance(depends_on, str) else depends_on
            for member in value.values():
                yield from _references(member)
        case list():
            for item in value:
                yield from _references(item)


def _dependency_order(resources: Mapping[str, Template]) -> list[str]:
    order: dict[str, None] = {}

    def visit(logical_id: str) -> None:
        if logical_id in resources and logical_id not in order:
            for reference in _references(resources[logical_id]):
                visit(reference)
            order[logical_id] = None

    for logical_id in resources:
        visit(logical_id)
    return list(order)
