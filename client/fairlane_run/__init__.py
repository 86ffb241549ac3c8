"""Runs of a sweep inside a training container: parameters in, metrics out.

Requires the standard library, and boto3 where a call needs it. `python3 -m fairlane_run` runs a script unchanged.
"""

from fairlane_run.errors import RunError, SetupError
from fairlane_run.run import Decision, Run, run

__all__ = ["Decision", "Run", "RunError", "SetupError", "run"]
