"""Events of AWS Batch on the default event bus of the local AWS."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from moto.events.models import events_backends

from fairlane_local.batch.store import Batch

_HIDDEN: Final = ("tags", "serviceRequestPayload")


class EventBus:
    """Default event bus of an account and Region.

    Args:
        batch: Records of the account and Region.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._bus = events_backends[batch.account_id][batch.region]

    @property
    def has_rules(self) -> bool:
        """True if the event bus has rules. Without rules, nobody receives events."""
        return bool(self._bus.describe_event_bus("default").rules)

    def send(self, detail_type: str, resources: Sequence[str], detail: Mapping[str, Any]) -> None:
        """Send an event."""
        self._bus.put_events(
            [
                {
                    "Source": "aws.batch",
                    "DetailType": detail_type,
                    "Resources": list(resources),
                    "Detail": json.dumps({name: value for name, value in detail.items() if name not in _HIDDEN}),
                    "Time": self._batch.now() // 1000,
                }
            ]
        )
