"""Keys of a terminal, which gets its settings back however the program ends. Windows has no keys here."""

import os
import re
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final, NoReturn

ReadKeys = Callable[[float], list[str]]
"""Function that waits at most a number of seconds and returns the names of the keys that were pressed."""

_KEY: Final = re.compile(r"\x1b[\[O](?:[0-9;]*~|[0-9;]*[A-Za-z])|.", re.DOTALL)
_ARROWS: Final = {"A": "up", "B": "down", "C": "right", "D": "left", "H": "home", "F": "end"}
_NAMES: Final = {
    **{f"\x1b{sign}{letter}": name for sign in "[O" for letter, name in _ARROWS.items()},
    "\x1b[1~": "home",
    "\x1b[4~": "end",
    "\x1b[5~": "page up",
    "\x1b[6~": "page down",
    "k": "up",
    "j": "down",
    "h": "left",
    "l": "right",
    "g": "home",
    "G": "end",
    "\r": "enter",
    "\n": "enter",
    "\x1b": "escape",
    "\x7f": "escape",
    "q": "quit",
}


@contextmanager
def open_keys() -> Iterator[ReadKeys]:
    """Give a function that reads keys, and restore the terminal at the end. A signal ends the block with SystemExit.

    If standard input is no terminal, or the system has no `termios`, the function waits and returns no key.
    """
    with _end_at_signals():
        try:
            import termios
            import tty
        except ModuleNotFoundError:  # Windows
            yield _wait
            return
        if sys.stdin is None or not sys.stdin.isatty():  # None: standard input is closed
            yield _wait
            return
        descriptor = sys.stdin.fileno()
        settings = termios.tcgetattr(descriptor)
        try:
            tty.setcbreak(descriptor)
            changed = termios.tcgetattr(descriptor)
            # Ctrl+Z would leave the alternate screen on the terminal of the shell.
            changed[6][termios.VSUSP] = bytes([os.fpathconf(descriptor, "PC_VDISABLE")])
            termios.tcsetattr(descriptor, termios.TCSANOW, changed)
            yield lambda seconds: _read(descriptor, seconds)
        finally:
            with suppress(termios.error):  # a closed terminal
                termios.tcsetattr(descriptor, termios.TCSAFLUSH, settings)


def names_of(text: str) -> list[str]:
    """Return the names of the keys in the input of a terminal. A key without a name is left out."""
    return [_NAMES[key] for key in _KEY.findall(text) if key in _NAMES]


def _read(descriptor: int, seconds: float) -> list[str]:
    ready, _, _ = select.select([descriptor], [], [], seconds)
    if not ready:
        return []
    try:
        data = os.read(descriptor, 1024)
    except OSError:  # a closed terminal
        data = b""
    return names_of(data.decode(errors="ignore")) if data else ["quit"]


def _wait(seconds: float) -> list[str]:
    time.sleep(seconds)
    return []


@contextmanager
def _end_at_signals() -> Iterator[None]:
    """End a block with SystemExit at signals that would leave the terminal as it is. The second signal is ignored."""
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)]
    former = {number: signal.signal(number, _exit) for number in numbers}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)
