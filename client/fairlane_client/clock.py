"""Time of a client."""

import time
from collections.abc import Callable
from typing import NamedTuple


class Clock(NamedTuple):
    """Time of a client.

    Attributes:
        now: Returns seconds from any origin.
        sleep: Waits a number of seconds.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
