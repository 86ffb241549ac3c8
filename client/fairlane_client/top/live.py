"""Live view of queues in a terminal. A thread reads the queues, so that keys are answered at once."""

import threading
import time
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from fairlane_client.queues.calls import Throttled
from fairlane_client.top.keys import open_keys
from fairlane_client.top.lines import Row, queue_lines
from fairlane_client.top.reading import QueueTop, ShareJobs, TopReader
from fairlane_client.top.text import duration, in_ascii
from fairlane_client.top.view import TopView

_POLL: Final = 0.2
_LONGEST_PAUSE: Final = 300.0


def print_top(queues: list[QueueTop], console: Console, now: float) -> None:
    """Print the state of queues once.

    Args:
        queues: States of queues.
        console: Console.
        now: Current time, in seconds since 1970.
    """
    for line in queue_lines(queues, console.width, now):
        text = _encoded(line.text, console)
        text.rstrip()
        console.print(text, no_wrap=True, crop=True)


def show_top(reader: TopReader, console: Console, interval: float) -> None:
    """Show queues until the key q. The terminal is as before then, and after each signal and error.

    Args:
        reader: Reader of the queues. Its names were read once.
        console: Console of a terminal.
        interval: Number of seconds between the end of a refresh and the next one. It doubles, up to 5 minutes, while
            AWS throttles requests.

    Raises:
        LookupError: If a queue of `names` was deleted.
        NotAllowed: If the caller may no longer list queues.
    """
    refresher, view, drawn = Refresher(reader, interval), TopView(), None
    with open_keys() as read_keys, Live(console=console, screen=True, auto_refresh=False) as live:
        refresher.start()
        try:
            while True:
                if refresher.error is not None:
                    raise refresher.error
                state = (refresher.version, view.opened, console.size, int(time.monotonic()))
                if state != drawn:
                    queues, jobs = refresher.queues(), refresher.jobs_of(view.opened)
                    lines = view.draw(
                        queues, jobs, refresher.status(), *console.size, reader.clock.now(), reader.place()
                    )
                    live.update(Group(*(_encoded(line, console) for line in lines)), refresh=True)
                    drawn = state
                for key in read_keys(_POLL):
                    drawn = None
                    if not view.press(key):
                        return
                    refresher.open(view.opened)
        finally:
            refresher.stop()


class Refresher(threading.Thread):
    """Thread that refreshes the states of queues.

    Args:
        reader: Reader of the queues.
        interval: Number of seconds between refreshes.

    Attributes:
        version: Number that changes with the states.
        error: Error that ended the thread. None while it runs.
    """

    def __init__(self, reader: TopReader, interval: float) -> None:
        super().__init__(daemon=True)
        self._reader = reader
        self._interval = interval
        self._tops = {name: QueueTop(name=name) for name in reader.queue_names()}
        self._opened: Row | None = None
        self._jobs: tuple[Row, ShareJobs] | None = None
        self._wake = threading.Event()
        self._is_stopped = False
        self._next: float | None = None
        self._problem = ""
        self.version = 0
        self.error: Exception | None = None

    def run(self) -> None:
        """Refresh the states until `stop`."""
        pause = self._interval
        try:
            while not self._is_stopped:
                is_throttled = self._refresh()
                pause = min(2 * pause, max(_LONGEST_PAUSE, self._interval)) if is_throttled else self._interval
                self._next = time.monotonic() + pause
                self.version += 1
                while not self._is_stopped and (left := self._next - time.monotonic()) > 0:
                    if self._wake.wait(left):
                        self._read_jobs()
                self._next = None
        except Exception as error:
            self.error = error

    def queues(self) -> list[QueueTop]:
        """Return the states of all queues."""
        return [*self._tops.values()]

    def open(self, row: Row | None) -> None:
        """Read the jobs of a row now, and at each refresh. None for no row."""
        if row != self._opened:
            self._opened = row
            self._wake.set()

    def jobs_of(self, row: Row | None) -> ShareJobs | None:
        """Return the jobs of a row. None if they are not read yet."""
        return self._jobs[1] if self._jobs is not None and self._jobs[0] == row else None

    def status(self) -> str:
        """Return a short text about the next refresh."""
        following = self._next
        if following is None:
            return "reading ..."
        left = duration(following - time.monotonic())
        return f"requests failed, next in {left}" if self._problem else f"next in {left}"

    def stop(self) -> None:
        """End the thread after its current request."""
        self._is_stopped = True
        self._wake.set()

    def _refresh(self) -> bool:
        """Refresh all states, and return True if AWS throttled a request."""
        tops: dict[str, QueueTop] = {}
        try:
            for top in self._reader.refresh():
                if self._is_stopped:
                    return False
                tops[top.name] = top
                self._tops = self._tops | {top.name: top}
                self.version += 1
                if self._wake.is_set():
                    self._read_jobs()
        except Throttled as error:  # the list of queues
            self._problem = str(error)
            return True
        self._tops = tops
        self._read_jobs()
        self._problem = next((top.problem for top in tops.values() if top.is_throttled), "")
        return bool(self._problem)

    def _read_jobs(self) -> None:
        self._wake.clear()
        row = self._opened
        if row is not None and not self._is_stopped:
            self._jobs = (row, self._reader.jobs(*row))
            self.version += 1


def _encoded(line: Text, console: Console) -> Text:
    return in_ascii(line) if console.options.ascii_only else line.copy()
