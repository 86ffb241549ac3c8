"""Values of the runs of a sweep at each step, as empty objects: one list request reads a step."""

import math
from contextlib import suppress

from fairlane_run.errors import RunError
from fairlane_run.objects import Objects, code


class Progress:
    """Values by step and index, below `progress/sweep=<id>/<step>/<index>=<value>`.

    Args:
        objects: Objects of the sweep.
        sweep: Id of the sweep.
        index: Index of the run that records values.
    """

    def __init__(self, objects: Objects, sweep: str, index: int) -> None:
        self._objects = objects
        self._prefix = f"progress/sweep={sweep}/"
        self._index = index

    def record(self, step: int, value: float) -> None:
        """Record the value of this run at a step. A later value of the same step replaces it.

        Raises:
            RunError: If Amazon S3 refuses the write. Its own message names the key, which holds the value.
        """
        try:
            self._objects.put(f"{self._prefix}{step}/{self._index}={value!r}")
        except Exception as error:
            reason = code(error) or type(error).__name__
            raise RunError(f"report: the value of step {step} is not written: {reason}") from None

    def complete(self) -> None:
        """Record that this run ended without a stop."""
        self._objects.put(f"{self._prefix}completed/{self._index}")

    def values(self, step: int) -> dict[int, float]:
        """Return the values of all runs at a step, by index. Foreign objects are left out."""
        values: dict[int, float] = {}
        prefix = f"{self._prefix}{step}/"
        for key in self._objects.list(prefix):
            index, _, text = key[len(prefix) :].partition("=")
            with suppress(ValueError):
                if math.isfinite(number := float(text)):
                    values[int(index)] = number
        return values

    def completed(self) -> list[int]:
        """Return the indices of the runs that ended without a stop."""
        prefix = f"{self._prefix}completed/"
        return [int(key[len(prefix) :]) for key in self._objects.list(prefix) if key[len(prefix) :].isdecimal()]
