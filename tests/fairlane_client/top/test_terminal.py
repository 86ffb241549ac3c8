import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from fairlane_client.top.keys import names_of, open_keys
from tests.support import default_signals

pty = pytest.importorskip("pty")
termios = pytest.importorskip("termios")

ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


class Terminal:
    """Pseudo-terminal of 80 columns and 24 lines in which the program runs."""

    def __init__(self, *arguments: str) -> None:
        self.controller, self.device = pty.openpty()
        termios.tcsetwinsize(self.device, (24, 80))
        self.before = termios.tcgetattr(self.device)
        self.output = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.fairlane_client.top.program", *arguments],
            stdin=self.device,
            stdout=self.device,
            stderr=self.device,
            start_new_session=True,
            env=os.environ | {"TERM": "xterm-256color"},
        )

    def read_until(self, text: str) -> str:
        """Return the output up to a text that appears after what was read before."""
        start = len(self.output)
        while text not in self.output[start:]:
            assert select.select([self.controller], [], [], 120)[0], self.output[start:]
            self.output += os.read(self.controller, 65_536).decode(errors="replace")
        return self.output[start:]

    def press(self, keys: str) -> None:
        os.write(self.controller, keys.encode())

    def settings(self) -> list[Any]:
        found: list[Any] = termios.tcgetattr(self.device)
        return found

    def end(self) -> int:
        """Return the exit code, and check that the terminal is as it was before."""
        while self.process.poll() is None or select.select([self.controller], [], [], 0)[0]:
            if select.select([self.controller], [], [], 0.1)[0]:
                self.output += os.read(self.controller, 65_536).decode(errors="replace")
        assert self.settings() == self.before
        assert self.output.count(ENTER) == self.output.count(LEAVE) == 1
        assert self.output.rindex(LEAVE) > self.output.rindex(ENTER)
        assert self.output.rindex(SHOW) > self.output.rindex(HIDE)
        return self.process.returncode

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.controller)
        os.close(self.device)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with default_signals():
        opened = Terminal()
        yield opened
        opened.close()


def test_keys_open_jobs_and_q_leaves_the_terminal_as_it_was(terminal: Terminal) -> None:
    terminal.read_until("next in")
    assert terminal.settings() != terminal.before
    terminal.press("\x1b[B\r")
    terminal.read_until("RUNNABLE")
    terminal.press("\x1a\x1b")  # Ctrl+Z does not suspend the program
    terminal.read_until("enter jobs")
    terminal.press("q")
    assert terminal.end() == 0
    assert terminal.output.endswith("ended\r\n")


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGQUIT, 131), (signal.SIGINT, -signal.SIGINT)],
)
def test_a_signal_leaves_the_terminal_as_it_was(terminal: Terminal, number: int, code: int) -> None:
    terminal.read_until("next in")
    terminal.process.send_signal(number)
    assert terminal.end() == code
    assert "ended" not in terminal.output


def test_an_error_leaves_the_terminal_as_it_was_and_is_shown_after_it() -> None:
    terminal = Terminal("fails")
    try:
        assert terminal.end() == 1
        assert terminal.output.rindex("ZeroDivisionError: unexpected") > terminal.output.rindex(LEAVE)
    finally:
        terminal.close()


def test_without_standard_input_there_are_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with open_keys() as read_keys:
        assert read_keys(0) == []


def test_names_of_keys() -> None:
    assert names_of("\x1b[A\x1bOBjkhl\x1b[5~\x1b[6~gG\r\x1bq") == [
        *("up", "down", "down", "up", "left", "right", "page up", "page down", "home", "end"),
        *("enter", "escape", "quit"),
    ]
    assert names_of("x\x1b[1;5Aé\x00") == []
