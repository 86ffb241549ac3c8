"""Live view of queues: which share the cursor is on, which lines are on the screen, and what a key does."""

from collections.abc import Sequence
from typing import Final

from rich.text import Text

from fairlane_client.top.job_lines import job_detail, job_lines
from fairlane_client.top.lines import UNITS, Row, queue_lines
from fairlane_client.top.reading import QueueTop, ShareJobs
from fairlane_client.top.text import fit, spread

_LEGEND: Final = (("█", "green", "entitled"), ("▓", "yellow", "above"), ("░", "cyan", "free"), ("·", "", "ceiling"))
_KEYS: Final = "↑↓ ←→ move  enter jobs  q quit"
_JOB_KEYS: Final = "↑↓ job  esc back  q quit"


class TopView:
    """View of queues, or of the jobs of one share.

    Attributes:
        opened: Row whose jobs are on the screen. None for the queues.
    """

    def __init__(self) -> None:
        self.opened: Row | None = None
        self._rows: list[Row] = []
        self._row = 0
        self._job = 0
        self._jobs = 0
        self._first = 0
        self._page = 1

    def press(self, key: str) -> bool:
        """Move the cursor, or open or close the jobs of a share. Return False if the key ends the view."""
        if key == "quit":
            return False
        step = {"up": -1, "down": 1, "page up": -self._page, "page down": self._page, "home": -(10**9), "end": 10**9}
        if self.opened is not None:
            self._job = _within(self._job + step.get(key, 0), self._jobs)
            if key in ("escape", "left"):
                self.opened = None
        elif key in ("left", "right"):
            self._row = self._next_queue(-1 if key == "left" else 1)
        elif key == "enter" and self._rows:
            self.opened, self._job, self._jobs = self._rows[self._row], 0, 0
        else:
            self._row = _within(self._row + step.get(key, 0), len(self._rows))
        return True

    def draw(
        self,
        queues: Sequence[QueueTop],
        jobs: ShareJobs | None,
        status: str,
        width: int,
        height: int,
        now: float,
        place: str = "",
    ) -> list[Text]:
        """Return the lines of the screen.

        Args:
            queues: States of queues.
            jobs: Jobs of the opened row. None if they are not read yet.
            status: Text at the end of the first line.
            width: Width of the terminal in cells.
            height: Height of the terminal in lines.
            now: Current time, in seconds since 1970.
            place: Region of the queues. Default: unknown.
        """
        self._page = max(1, height - 5)
        if self.opened is not None:
            return self._draw_jobs(self.opened, jobs, status, width, height, now)
        marked = self._rows[self._row] if self._rows else None
        titles, *body = queue_lines(queues, width, now, marked)
        rows = [line.row for line in body if line.row is not None]
        if marked not in rows:
            self._row = _within(self._row, len(rows))
            marked = rows[self._row] if rows else None
            titles, *body = queue_lines(queues, width, now, marked)
        self._rows, self._row = rows, rows.index(marked) if marked in rows else 0
        cursor = next((index for index, line in enumerate(body) if line.row == marked), 0)
        waiting = sum(queue.waiting for queue in queues)
        more = "" if all(queue.is_counted for queue in queues) else "+"
        counts = f"{len(queues)} {'queue' if len(queues) == 1 else 'queues'}"
        head = Text.assemble(("fairlane top", "bold"), f"  {place}  {counts}, {waiting:,}{more} waiting")
        legend = Text(" ").join(Text.assemble((sign, style), f" {word}") for sign, style, word in _LEGEND)
        shown = self._window([line.text for line in body], cursor, height - 3)
        return [
            spread(head, Text(status), width),
            titles.text,
            *shown,
            spread(Text.assemble(_KEYS, "   ", legend), Text(f"{self._row + 1}/{len(rows)}" if rows else ""), width),
        ][:height]

    def _draw_jobs(
        self, row: Row, jobs: ShareJobs | None, status: str, width: int, height: int, now: float
    ) -> list[Text]:
        head = Text.assemble((row.queue, "bold"), f" > {row.share or 'all jobs'}  {UNITS.get(row.unit, row.unit)}")
        listed = ShareJobs(jobs=[], positions={}, problem="reading ...") if jobs is None else jobs
        self._jobs = len(listed.jobs)
        self._job = _within(self._job, self._jobs)
        titles, *body = job_lines(listed, width, now, self._job)
        detail = job_detail(listed.jobs[self._job]) if listed.jobs else ""
        return [
            spread(head, Text(status), width),
            titles,
            *self._window(body, self._job, height - 4),
            fit(Text(detail, "cyan"), width),
            spread(Text(_JOB_KEYS), Text(f"{self._job + 1}/{self._jobs}" if self._jobs else ""), width),
        ][:height]

    def _window(self, lines: list[Text], cursor: int, height: int) -> list[Text]:
        """Return the lines around the cursor, filled up with empty lines."""
        height = max(0, height)
        around = max(0, min(2, (height - 1) // 2))
        before, after = min(around, cursor), min(around, max(0, len(lines) - 1 - cursor))
        self._first = min(self._first, cursor - before)
        self._first = max(self._first, cursor + after + 1 - height, 0)
        self._first = min(self._first, max(0, len(lines) - height))
        shown = lines[self._first : self._first + height]
        return [*shown, *[Text()] * (height - len(shown))]

    def _next_queue(self, step: int) -> int:
        """Return the index of the first row of the next or the former queue."""
        if not self._rows:
            return 0
        queues = list(dict.fromkeys(row.queue for row in self._rows))
        own = queues.index(self._rows[self._row].queue)
        queue = queues[_within(own + step, len(queues))]
        return next(index for index, row in enumerate(self._rows) if row.queue == queue)


def _within(index: int, size: int) -> int:
    return max(0, min(index, size - 1))
