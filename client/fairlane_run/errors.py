"""Errors of a run."""

import sys

EXIT_CODE = 2


class RunError(ValueError):
    """Wrong use of a run: a metric that is missing or not finite, a step that goes back, a second `finish`."""


class SetupError(SystemExit):
    """Wrong settings of the container, for example a changed manifest. Ends the process with code 2.

    Args:
        message: Text for standard error.
    """

    def __init__(self, message: str) -> None:
        super().__init__(EXIT_CODE)
        self.message = message
        print(f"fairlane_run: {message}", file=sys.stderr, flush=True)
