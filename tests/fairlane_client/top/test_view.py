from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console
from rich.text import Text
from syrupy.assertion import SnapshotAssertion

from fairlane_client.top.lines import draw_bar
from fairlane_client.top.live import print_top
from fairlane_client.top.reading import QueueTop
from fairlane_client.top.rows import ShareUse
from fairlane_client.top.text import clean, duration, in_ascii, number
from fairlane_client.top.view import TopView
from tests.fairlane_client.top.fake_batch import NOW, P4, FakeBatch, reader


class World:
    """View of a fake account."""

    def __init__(self, queues: int = 4, waiting: int = 7) -> None:
        self.batch = FakeBatch(queues, waiting)
        self.reader = reader(self.batch)
        self.queues = [*self.reader.refresh()]
        self.view = TopView()

    def draw(self, width: int = 80, height: int = 24, now: float = NOW) -> list[str]:
        jobs = self.reader.jobs(*self.view.opened) if self.view.opened else None
        lines = self.view.draw(self.queues, jobs, "next in 12s", width, height, now, self.reader.place())
        return [line.plain for line in lines]

    def press(self, *keys: str) -> list[str]:
        self.draw()
        for key in keys:
            assert self.view.press(key)
        return self.draw()

    def marked(self) -> str:
        """Return the line with the cursor, without its numbers."""
        (line,) = [line for line in self.draw() if line.startswith("▸")]
        return line.split()[1]


@pytest.mark.parametrize("width", [80, 160])
@pytest.mark.parametrize("queues", [1, 30])
def test_the_screen(snapshot: SnapshotAssertion, width: int, queues: int) -> None:
    world = World(queues)
    assert "\n".join(line.rstrip() for line in world.draw(width, 40 if width == 160 else 24)) == snapshot


@pytest.mark.parametrize("width", [80, 160])
def test_the_jobs_of_a_share(snapshot: SnapshotAssertion, width: int) -> None:
    world = World(1)
    world.press("enter")
    assert "\n".join(line.rstrip() for line in world.draw(width)) == snapshot


@pytest.mark.parametrize("width", [80, 160])
def test_the_state_printed_once_has_all_queues_and_no_empty_ends(snapshot: SnapshotAssertion, width: int) -> None:
    text = printed(World(4).queues, width)
    assert text.count("\n\n") == 3
    assert [line for line in text.splitlines() if line != line.rstrip()] == []
    assert text == snapshot


def test_no_line_wraps_at_any_width() -> None:
    world = World(4)
    odd = replace(world.queues[0], name="q" * 128, problem="line\nbreak " * 40, neighbors=["other"] * 9)
    world.queues.append(odd)
    for opened in (False, True):
        for width in (*range(1, 12), *range(12, 200, 11)):
            assert {len(line) for line in world.draw(width, 30)} <= {*range(width + 1)}, width
            assert max(len(line) for line in printed(world.queues, width).splitlines()) <= width
        if not opened:
            world.press("enter")


@pytest.mark.parametrize("height", [1, 2, 3, 4, 5, 9])
def test_a_low_terminal_gets_no_line_too_many_and_the_cursor_is_visible(height: int) -> None:
    world = World(30)
    for key in ["down"] * 12 + ["end", "up", "home"]:
        lines = world.draw(80, height)
        assert len(lines) <= height
        if height > 3:
            assert sum(line.startswith("▸") for line in lines) == 1
        world.view.press(key)


def test_keys_move_between_shares_and_queues() -> None:
    world = World(4)
    assert world.marked() == "vision"
    for key, marked in [
        ("up", "vision"),
        ("down", "team-*"),
        ("down", "fifo-03"),
        ("right", "vision"),
        ("right", "ProdExp1"),
        ("right", "ProdExp1"),
        ("left", "vision"),
        ("end", "ProdExp1"),
        ("home", "vision"),
        ("page down", "ProdExp1"),
        ("page up", "vision"),
    ]:
        world.press(key)
        assert world.marked() == marked, key
    assert not world.view.press("quit")


def test_enter_opens_the_jobs_of_the_marked_share_and_escape_closes_them() -> None:
    world = World(1)
    screen = world.press("down", "down", "enter")
    assert screen[0].startswith(f"quota-00 > Dev  {P4}")
    assert [line.split()[-1] for line in screen[2:6]] == ["pretrain-1", "pretrain-1", "pretrain-3", "pretrain-5"]
    assert world.press("down", "escape")[0].startswith("fairlane top  us-east-1 111122223333  1 queue,")
    assert world.marked() == "Dev"


def test_the_cursor_stays_on_its_share_when_rows_before_it_come_and_go() -> None:
    world = World(4)
    world.press("right", "right", "down")
    assert world.marked() == "team-*"
    del world.queues[0]
    assert world.marked() == "team-*"
    world.queues.clear()
    world.draw()
    world.view.press("enter")
    assert world.view.opened is None


def test_a_queue_that_cannot_be_read_shows_why_and_takes_the_cursor() -> None:
    world = World(1)
    world.queues = [QueueTop(name="a", problem="no permission for batch:GetJobQueueSnapshot"), QueueTop(name="b")]
    screen = world.draw()
    assert screen[2:6] == [
        "a".ljust(len(screen[2])),
        "  ! no permission for batch:GetJobQueueSnapshot".ljust(80),
        "",
        "b  reading ...".ljust(len(screen[5])),
    ]
    world.press("down", "enter")
    assert world.view.opened is not None
    assert world.view.opened.queue == "b"


def test_an_old_state_shows_its_age_and_its_waits_go_on() -> None:
    world = World(1)
    world.queues = [replace(world.queues[0], problem="batch:ListServiceJobs failed 6 times", is_throttled=True)]
    screen = "\n".join(world.draw(now=NOW + 3600))
    assert "! read 1h 0m ago; batch:ListServiceJobs failed 6 times" in screen
    assert "4h 12m" in screen


def test_a_count_that_is_not_complete_has_a_plus_sign() -> None:
    world = World(1, waiting=10_000)
    screen = "\n".join(world.draw())
    assert "1 queue, 1,000+ waiting" in screen
    assert "48/64 instances, 1,000+ waiting" in screen
    assert " 500+ " in screen
    assert "?" in "\n".join(printed([replace(world.queues[0], waiting=0)], 80).splitlines()[1:2])


@pytest.mark.parametrize(
    ("used", "entitlement", "ceiling", "bar"),
    [
        (0, 5, 10, "░░░░░·····"),
        (3, 5, 10, "███░░·····"),
        (7, 5, 10, "█████▓▓···"),
        (12, 5, 10, "█████▓▓▓▓▓▓▓"),
        (0.01, 5, 10, "█░░░░·····"),
        (3, None, None, "███"),
        (0, 0, 0, ""),
        (None, 5, 10, "??????????"),
    ],
)
def test_a_bar(used: float | None, entitlement: float | None, ceiling: float | None, bar: str) -> None:
    share = ShareUse(
        name="a", unit=P4, used=used, entitlement=entitlement, ceiling=ceiling, waiting=0, oldest_wait=None
    )
    assert draw_bar(share, 10, 10).plain == bar


def test_durations_and_numbers() -> None:
    seconds = (-5, 0, 59.9, 60, 3599, 3600, 90_061)
    assert [*map(duration, seconds)] == ["0s", "0s", "59s", "1m 0s", "59m 59s", "1h 0m", "1d 1h"]
    assert [*map(number, (None, 0, 2.0, 10.666, 12_288))] == ["?", "0", "2", "10.7", "12,288"]


def test_control_characters_of_a_reason_do_not_reach_the_terminal() -> None:
    assert clean("a\x1b[2Jb\nc\u202e") == "a [2Jb c "


def test_a_terminal_without_unicode_gets_ascii() -> None:
    assert in_ascii(Text("▸ █▓░·…é")).plain == "> #+-.~?"


def printed(queues: list[QueueTop], width: int) -> str:
    file = StringIO()
    print_top(queues, Console(file=file, width=width), NOW)
    return file.getvalue()
