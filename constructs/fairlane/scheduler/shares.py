"""Share identifiers of a fair-share queue."""

from fairlane.scheduler.lane import Lane, Scheduler
from fairlane.scheduler.usage import Usage


class Share(Lane):
    """Share identifier, with its waiting jobs and its use.

    Attributes:
        index: Index in the scheduler.
        name: Share identifier.
        entry: Entry of the policy, which may end in `*`. None if the policy does not list the identifier.
        usage: Past use.
        waiting: Heap of the sort keys of waiting jobs.
        charge: Growth of the key by jobs that started in this pass.
        listed: True if the share has jobs, and is awake or asleep.
        wake_time: Second at which the share wakes. 0 if it is awake.
        active: True if the share has jobs or past use that counts. Only with a compute reservation or a `*` entry.
    """

    __slots__ = ("active", "charge", "entry", "index", "listed", "name", "usage", "waiting", "wake_time")

    def __init__(self, scheduler: Scheduler, index: int, name: str, entry: str | None, usage: Usage) -> None:
        super().__init__(scheduler)
        self.index = index
        self.name = name
        self.entry = entry
        self.usage = usage
        self.waiting: list[int] = []
        self.charge = 0
        self.listed = False
        self.wake_time = 0
        self.active = False
