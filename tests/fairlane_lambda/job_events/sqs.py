"""SQS queue of events, with receive counts and dead letters."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.fairlane_lambda.job_events.events import Event

MAX_RECEIVES = 5


@dataclass(slots=True, eq=False)
class Message:
    """Message in the queue."""

    id: str
    event: Event
    receives: int = 0


@dataclass(slots=True)
class FakeSqs:
    """Queue whose messages come back at once if their receiver fails.

    Attributes:
        messages: Messages that wait.
        dead_letters: Messages that were received five times and failed each time.
    """

    messages: list[Message]
    dead_letters: list[Message] = field(default_factory=list)

    @classmethod
    def of(cls, events: Iterable[Event]) -> "FakeSqs":
        return cls([Message(f"m{number}", event) for number, event in enumerate(events)])

    def deliver(self, batch: Sequence[Message], invoke: Callable[[list[dict[str, Any]]], set[str]]) -> set[Message]:
        """Invoke a function with a batch of waiting messages, and return the messages that it deletes.

        Args:
            batch: Some of the waiting messages.
            invoke: Returns the ids of the failed records.
        """
        for message in batch:
            message.receives += 1
        failed = invoke([_record(message) for message in batch])
        assert failed <= {message.id for message in batch}
        deleted = {message for message in batch if message.id not in failed}
        dead = [message for message in batch if message not in deleted and message.receives >= MAX_RECEIVES]
        self.dead_letters += dead
        gone = deleted.union(dead)
        self.messages = [message for message in self.messages if message not in gone]
        return deleted


def _record(message: Message) -> dict[str, Any]:
    attributes = {"ApproximateReceiveCount": str(message.receives)}
    return {"messageId": message.id, "body": message.event.body, "attributes": attributes}
