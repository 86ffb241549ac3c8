"""Whether a queue, a quota share or a service environment takes work."""

from enum import StrEnum


class State(StrEnum):
    """AWS's two states. A disabled queue or share drains: it takes no new jobs, and those that it has may finish."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"
