"""State of queues, quota shares and service environments."""

from enum import StrEnum


class State(StrEnum):
    """State in AWS Batch. A disabled queue or share drains: it takes no new jobs, and its jobs may finish."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"
