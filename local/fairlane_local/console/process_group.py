"""Commands whose processes all end when the caller is stopped."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO, Final

_GRACE_SECONDS: Final = 3
_POLL_SECONDS: Final = 0.1
_SIGNALS: Final = ("SIGHUP", "SIGINT", "SIGTERM")


class _Stop:
    """Signal that stops this process.

    It is deferred while a command runs: if its handler raised an exception while the command starts, the command would
    go on alone, and in a wait, the lock of the `Popen` could stay locked.
    """

    number: int | None = None
    is_deferred = False


@contextmanager
def exit_on_signals() -> Iterator[None]:
    """Exit at SIGHUP and SIGTERM, and raise KeyboardInterrupt at SIGINT, so that `with` blocks clean up.

    Ignores further signals during the clean-up, and signals that the process ignores, for example under `nohup`.
    """
    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    numbers = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]

    def stop_once(number: int, frame: FrameType | None) -> None:
        for other in numbers:
            signal.signal(other, signal.SIG_IGN)
        _Stop.number = number
        if not _Stop.is_deferred:
            _exit_if_stopped()

    previous = {number: signal.signal(number, stop_once) for number in numbers}
    try:
        yield
    finally:
        _Stop.number = None
        for number, handler in previous.items():
            signal.signal(number, handler)


def run_in_group(
    command: Sequence[str], *, directory: Path, environment: Mapping[str, str], output: IO[str] | None = None
) -> int:
    """Run a command in its own process group, and return its exit code.

    If an exception ends the wait, all processes of the group get SIGTERM, and SIGKILL after 3 seconds.

    Args:
        command: Path of the program, and its arguments.
        directory: Working directory of the command.
        environment: Environment variables of the command.
        output: File of standard output and standard error. Default: those of this process.
    """
    _Stop.is_deferred = True
    try:
        with subprocess.Popen(
            command, cwd=directory, env=environment, stdout=output, stderr=output, start_new_session=True
        ) as process:
            try:
                return _wait(process)
            except BaseException:
                _end(process)
                raise
    finally:
        _Stop.is_deferred = False
        _exit_if_stopped()


def _wait(process: subprocess.Popen[bytes]) -> int:
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(_POLL_SECONDS)
        _exit_if_stopped()


def _exit_if_stopped() -> None:
    if _Stop.number is None:
        return
    if _Stop.number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + _Stop.number)


def _end(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        process.kill()
        return
    with suppress(ProcessLookupError, PermissionError):  # macOS: no permission for a group of ended processes
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
        os.killpg(process.pid, signal.SIGKILL)
