"""CloudFormation's order of work, which moto's does not have.

Resources are made and updated after those that they refer to, when what is asked of them differs from what was asked
before, references and parameters filled in; what is gone or replaced is deleted at the end, in the opposite order.
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
_IN_TEXT: Final = re.compile(r"\$\{([A-Za-z0-9]+)(?:\.[A-Za-z0-9.]+)?\}")


class ResourceError(Exception):
    """A resource that could not be made, changed or deleted; the message is the service's.

    Attributes:
        logical_id: its id in the template.
        resource_type: its type in CloudFormation.
    """

    def __init__(self, logical_id: str, resource_type: str, cause: object) -> None:
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
        self._asked: dict[str, Any] = resources.__dict__.setdefault("asked", {})
        self._before: list[tuple[str, Any, Any]] = []
        self._replaced: dict[str, Any] = {}

    def make(self, template: Template) -> None:
        """Makes and updates what the template has; parameters and conditions are loaded already.

        Raises:
            ResourceError: for the first resource that fails; `undo` goes back to what there was.
        """
        new = template["Resources"]
        self._resources._template = template
        self._resources._resource_json_map = new
        for logical_id in _dependency_order(new):
            if self._is_wanted(new[logical_id]):
                _do(logical_id, new, partial(self._make, logical_id))

    def clean(self, old: Template, new: Template) -> Iterator[ResourceError]:
        """Deletes what is gone or replaced, and yields what could not be deleted."""
        for logical_id in reversed(_dependency_order(old)):
            json = old[logical_id]
            if logical_id in self._replaced and json.get("UpdateReplacePolicy") != "Retain":
                yield from self._delete(logical_id, self._replaced[logical_id], json)
            wanted = logical_id in new and self._is_wanted(new[logical_id])
            if not wanted and logical_id in self._made:
                failures = (
                    []
                    if json.get("DeletionPolicy") in _RETAINED
                    else [*self._delete(logical_id, self._made[logical_id], json)]
                )
                yield from failures
                if not failures:
                    del self._made[logical_id]
                    self._asked.pop(logical_id, None)

    def undo(self, old: Template) -> Iterator[ResourceError]:
        """Takes back what `make` has done, the last first, and yields what cannot be taken back."""
        new = self._resources._resource_json_map
        self._resources._template = old
        self._resources._resource_json_map = old["Resources"]
        for logical_id, before, asked in reversed(self._before):
            now = self._made[logical_id]
            if before is None:
                del self._made[logical_id]
                self._asked.pop(logical_id, None)
                if new[logical_id].get("DeletionPolicy") != "Retain":
                    yield from self._delete(logical_id, now, new[logical_id])
                continue
            self._asked[logical_id] = asked
            replaced = now.physical_resource_id != before.physical_resource_id
            if replaced and not isinstance(now, CustomResource):
                self._made[logical_id] = before
            else:
                self._made[logical_id] = self._updated(logical_id)
            if replaced:
                yield from self._delete(logical_id, now, new[logical_id])

    @property
    def _where(self) -> tuple[str, str]:
        return self._resources._account_id, self._resources._region_name

    def _is_wanted(self, json: Template) -> bool:
        condition = json.get("Condition")
        return not condition or bool(self._resources.lazy_condition_map[condition])

    def _make(self, logical_id: str) -> None:
        if parsing.resource_class_from_type(self._resources._resource_json_map[logical_id]["Type"]) is None:
            return  # moto has said in its log that it does not know such a resource
        asked = parsing.clean_json(self._resources._resource_json_map[logical_id], self._resources)
        before = self._made.get(logical_id)
        if before is not None and asked == self._asked.get(logical_id):
            return
        if before is None:
            after = self._resources[logical_id]  # moto makes what is looked up
        else:
            after = self._made[logical_id] = self._updated(logical_id)
        if after is None:
            return
        self._before.append((logical_id, before, self._asked.get(logical_id)))
        self._asked[logical_id] = asked
        replaced = before is not None and before.physical_resource_id != after.physical_resource_id
        if replaced and isinstance(before, LocalResource):  # moto's own resources delete what they replace
            self._replaced[logical_id] = before

    def _updated(self, logical_id: str) -> Any:
        json = self._resources._resource_json_map[logical_id]
        return parsing.parse_and_update_resource(logical_id, json, self._resources, *self._where)

    def _delete(self, logical_id: str, resource: Any, json: Template) -> Iterator[ResourceError]:
        try:
            self._resources._delete_resource(resource, json)
        except Exception as error:  # whatever a service says
            yield ResourceError(logical_id, json["Type"], error)


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
        case {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), *_]}:
            yield from _IN_TEXT.findall(text)
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
            circle = ", ".join(trail[trail.index(logical_id) :])
            message = f"Circular dependency between resources: [{circle}]"
            raise ResourceError(logical_id, resources[logical_id]["Type"], message)
        if logical_id in resources and logical_id not in order:
            for reference in _references(resources[logical_id]):
                visit(reference, (*trail, logical_id))
            order[logical_id] = None

    for logical_id in resources:
        visit(logical_id, ())
    return list(order)
