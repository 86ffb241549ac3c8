"""Lines of a live view: a bar for each share of each queue. No line is wider than the terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from rich.text import Text

from fairlane.scheduling import NUM_INSTANCES
from fairlane_client.queues.queue import VCPU
from fairlane_client.top.reading import BlockedJob, QueueTop
from fairlane_client.top.rows import ShareUse
from fairlane_client.top.text import clean, duration, fit, number, spread

_POLICIES: Final = {"Fifo": "FIFO", "FairShare": "fair share", "QuotaManagement": "quota management"}
UNITS: Final = {NUM_INSTANCES: "instances", VCPU: "vCPUs"}
"""Names of units that are no instance types."""
_MARGIN: Final = 2
_JOB_NAME: Final = 20
_MIN_BAR: Final = 10
_MAX_BAR: Final = 120
_COLUMNS: Final = {"USED": 8, "ENTITLED": 9, "CEILING": 8, "WAITING": 8, "OLDEST": 8}
"""Columns behind the bar, and their widths."""
_FIRST: Final = ("USED", "ENTITLED", "WAITING", "OLDEST", "CEILING")
"""Columns in the order in which a narrow terminal keeps them."""


class Row(NamedTuple):
    """Key of a row that the cursor can be on.

    Attributes:
        queue: Name of the queue.
        share: Name of the share.
        unit: Capacity unit.
    """

    queue: str
    share: str
    unit: str


class Line(NamedTuple):
    """Line of the view.

    Attributes:
        text: Text, at most as wide as the terminal.
        row: Key of the row. None if the cursor cannot be on the line.
    """

    text: Text
    row: Row | None = None


class Layout:
    """Columns for a width.

    Args:
        width: Width of the terminal in cells.
        names: Names of all shares.
    """

    def __init__(self, width: int, names: Sequence[str]) -> None:
        self._name = max(8, min(max(map(len, names), default=0), width // 5, 32))
        room = width - _MARGIN - self._name - 1
        self._columns: set[str] = set()
        for column in _FIRST:
            if room - _COLUMNS[column] < _MIN_BAR:
                break
            room -= _COLUMNS[column]
            self._columns.add(column)
        self.bar = max(0, min(room, _MAX_BAR))
        self.width = min(width, width - room + self.bar)

    def line(self, name: Text, bar: Text, cells: Mapping[str, str], marker: str = " ") -> Text:
        """Return a line with cells in its columns."""
        numbers = [cells[column].rjust(width) for column, width in _COLUMNS.items() if column in self._columns]
        line = Text.assemble(f"{marker} ", fit(name, self._name), " ", fit(bar, self.bar), *numbers)
        return fit(line, self.width)


def queue_lines(queues: Sequence[QueueTop], width: int, now: float, cursor: Row | None = None) -> Iterator[Line]:
    """Yield the lines of queues: the titles of the columns first.

    Args:
        queues: States of queues.
        width: Width of the terminal in cells.
        now: Current time, in seconds since 1970.
        cursor: Row to mark. Default: none.
    """
    layout = Layout(width, [_row_name(queue, share) for queue in queues for share in queue.shares])
    titles = layout.line(Text("SHARE"), Text("USE"), {column: column for column in _COLUMNS})
    titles.stylize("bold cyan")
    yield Line(titles)
    for index, queue in enumerate(queues):
        if index and not (_is_row(queue) and _is_row(queues[index - 1])):
            yield Line(Text())
        age = 0.0 if queue.read_at is None else max(0.0, now - queue.read_at)
        units = list(dict.fromkeys(share.unit for share in queue.shares)) or [*(queue.capacity or {"": 0})]
        for unit in units:
            shares = [share for share in queue.shares if share.unit == unit]
            only = None if shares else Row(queue.name, "", unit)
            if not _is_row(queue):
                is_marked = only is not None and only == cursor
                yield Line(_title(queue, unit, units, layout.width, is_marked=is_marked), only)
            most = max([_capacity(queue, unit), *(max(share.used or 0, share.ceiling or 0) for share in shares)])
            for share in shares:
                row = Row(queue.name, share.name, unit)
                yield Line(_share_line(queue, share, most, layout, age, is_marked=row == cursor), row)
                heads = [job for job in queue.blocked if (job.share, job.unit) == (share.name, unit)]
                yield from (Line(_blocked_line(job, width)) for job in heads)
        rows = {(share.name, share.unit) for share in queue.shares}
        others = [job for job in queue.blocked if (job.share, job.unit) not in rows]
        yield from (Line(_blocked_line(job, width)) for job in others)
        if queue.problem:
            since = f"read {duration(age)} ago; " if queue.read_at is not None else ""
            yield Line(fit(Text(f"{' ' * _MARGIN}! {since}{clean(queue.problem)}", "yellow"), width))


def draw_bar(share: ShareUse, most: float, width: int) -> Text:
    """Return the bar of a share: use, free entitlement, and what lies between entitlement and ceiling.

    Args:
        share: Use of the share.
        most: Amount that the whole width stands for.
        width: Width in cells.
    """
    if share.used is None:
        return Text("?" * width, "bright_black")
    entitlement = share.used if share.entitlement is None else share.entitlement
    full, entitled, ceiling = (_cells(value, most, width) for value in (share.used, entitlement, share.ceiling or 0))
    own = _cells(min(share.used, entitlement), most, width)
    free = max(full, entitled)
    parts = (
        ("█", own, "green"),
        ("▓", full - own, "yellow"),
        ("░", free - full, "cyan"),
        ("·", ceiling - free, "bright_black"),
    )
    return Text.assemble(*((sign * length, style) for sign, length, style in parts))


def counted(queue: QueueTop, waiting: int) -> str:
    """Return a number of waiting jobs, with a plus sign if there can be more, or a question mark if none was read."""
    if queue.is_counted:
        return f"{waiting:,}"
    return f"{waiting:,}+" if queue.waiting else "?"


def _cells(value: float, most: float, width: int) -> int:
    """Return the number of cells of an amount. A small amount has one."""
    return max(round(value / most * width), 1) if value > 0 and most > 0 else 0


def _capacity(queue: QueueTop, unit: str) -> float:
    return (queue.capacity or {}).get(unit, 0)


def _is_row(queue: QueueTop) -> bool:
    """Return True for a queue without shares, which needs no title."""
    return [share.name for share in queue.shares] == [""] and queue.is_enabled and not queue.neighbors


def _row_name(queue: QueueTop, share: ShareUse) -> str:
    return queue.name if _is_row(queue) else share.name or "all jobs"


def _blocked_line(job: BlockedJob, width: int) -> Text:
    name = fit(Text(clean(job.name)), min(len(job.name), _JOB_NAME))
    return fit(Text(f"{' ' * _MARGIN}blocked: {name}  {clean(job.reason)}", "red"), width)


def _title(queue: QueueTop, unit: str, units: Sequence[str], width: int, *, is_marked: bool) -> Text:
    name = Text.assemble((queue.name, "bold reverse" if is_marked else "bold"))
    if not queue.is_enabled:
        name.append("  DISABLED", "bold red")
    if unit and unit not in UNITS:
        name.append(f"  {unit}", "bright_black")
    left = name.copy()
    if unit in UNITS:
        left.append(f"  {_POLICIES[queue.policy]}", "bright_black")
    if queue.neighbors and unit == units[0]:
        left.append(f"  capacity also of {', '.join(queue.neighbors)}", "bright_black")
    if queue.read_at is None:
        return fit(name if queue.problem else name.append("  reading ...", "bright_black"), width)
    used = None if queue.used is None else queue.used.get(unit, 0)
    use = f"{number(used)}/{number(_capacity(queue, unit))}"
    rights = [use, f"{use} {UNITS.get(unit, 'instances')}"]
    if unit == units[0]:
        rights.append(f"{rights[-1]}, {counted(queue, queue.waiting)} waiting")
    fitting = [right for right in rights if len(name) + 1 + len(right) <= width]
    right = Text(fitting[-1] if fitting else use)
    return spread(left if left.cell_len < width - len(right) else name, right, width)


def _share_line(queue: QueueTop, share: ShareUse, most: float, layout: Layout, age: float, *, is_marked: bool) -> Text:
    style = "reverse" if is_marked else "" if share.is_enabled else "red"
    name = Text(_row_name(queue, share), f"{style} bold" if _is_row(queue) else style)
    wait = None if share.oldest_wait is None else duration(share.oldest_wait + age)
    cells = {
        "USED": number(share.used),
        "ENTITLED": "-" if share.entitlement is None else number(share.entitlement),
        "CEILING": "-" if share.ceiling is None else number(share.ceiling),
        "WAITING": counted(queue, share.waiting) if share.waiting or not queue.is_counted else "-",
        "OLDEST": "-" if wait is None else wait,
    }
    return layout.line(name, draw_bar(share, most, layout.bar), cells, "▸" if is_marked else " ")
