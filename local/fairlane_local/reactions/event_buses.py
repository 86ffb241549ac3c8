"""Event buses: their CloudFormation resources, and the policies that deny events of rules in other Regions."""

import json
from typing import Any

from moto.events.models import EventBus, events_backends

from fairlane_local.cloudformation.local_resource import LocalResource, register
from fairlane_local.iam.policies import EXPLICIT_DENY, decide


class DeployedEventBus(LocalResource):
    """AWS::Events::EventBus. Moto gives it no physical ID, so rules cannot refer to it."""

    resource_type = "AWS::Events::EventBus"
    name_property = "Name"
    create_only = frozenset({"Name"})

    def create(self) -> None:
        """Create the bus."""
        self._events.create_event_bus(self.physical_resource_id, description=self.properties.get("Description"))

    def update(self, old: LocalResource) -> None:
        """Update the description."""
        self._bus.description = self.properties.get("Description")

    def remove(self) -> None:
        """Delete the bus."""
        self._events.delete_event_bus(self.physical_resource_id)

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Return True for the ARN and the name."""
        return attr in ("Arn", "Name")

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return the ARN or the name."""
        return str(self._bus.arn if attribute_name == "Arn" else self._bus.name)

    @property
    def _events(self) -> Any:
        account_id, region = self._location
        return events_backends[account_id][region]

    @property
    def _bus(self) -> EventBus:
        return self._events.describe_event_bus(self.physical_resource_id)  # type: ignore[no-any-return]


class EventBusPolicy(LocalResource):
    """AWS::Events::EventBusPolicy with a statement."""

    resource_type = "AWS::Events::EventBusPolicy"
    create_only = frozenset({"EventBusName", "StatementId"})

    def create(self) -> None:
        """Add the statement to the policy of the bus, or replace it."""
        statement = {**self.properties["Statement"], "Sid": self.properties["StatementId"]}
        self._bus.add_policy({"Statement": [statement]})

    def remove(self) -> None:
        """Remove the statement, unless the bus is deleted."""
        account_id, region = self._location
        if self._name in events_backends[account_id][region].event_buses:
            self._bus.remove_statement(self.properties["StatementId"])

    @property
    def _name(self) -> str:
        return str(self.properties.get("EventBusName", "default"))

    @property
    def _bus(self) -> EventBus:
        account_id, region = self._location
        return events_backends[account_id][region].describe_event_bus(self._name)


def install() -> None:
    """Register the resources with moto's CloudFormation."""
    register((DeployedEventBus, EventBusPolicy))


def is_denied(bus: EventBus, principal: str) -> bool:
    """Return True if the policy of a bus denies the events of a principal.

    Args:
        bus: The bus.
        principal: ARN of the role of a rule. Empty for a rule without a role.
    """
    document = json.loads(bus.policy or '{"Statement": []}')
    context = {"aws:principalarn": [principal] if principal else []}
    return decide({"policy": document}, "events:PutEvents", bus.arn, context).result == EXPLICIT_DENY
