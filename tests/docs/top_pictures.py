"""Command that renders the picture of `fairlane top` in a terminal.

Usage: python -m tests.docs.top_pictures FOLDER
"""

import sys
from dataclasses import replace
from pathlib import Path

from rich.color import parse_rgb_hex
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from fairlane_client.top.view import TopView
from tests.docs.terminal import WIDTH, draw_terminal
from tests.fairlane_client.top.fake_batch import NOW, FakeBatch, reader

HEIGHT = 23
NAMES = {"quota-00": "training-p4", "fair-01": "training-g6", "gpu-02": "containers", "fifo-03": "evaluation"}
BLOCKS = {"█": "on green", "▓": "on yellow", "░": "on bright_cyan"}


def draw(folder: Path) -> None:
    """Write the picture in the light and the dark color scheme."""
    light = _theme(
        "ffffff", "16191f", "8d9299", red="c22f2f", green="009070", yellow="b88600", blue="0072b2", pale="c4dff0"
    )
    dark = _theme(
        "1a222c", "ebebf0", "76818e", red="ff8078", green="2ec29a", yellow="e8b93e", blue="4fa3e3", pale="2a4a66"
    )
    draw_terminal([*map(_with_blocks, screen()), Text(" ")], folder, "top", {"light": light, "dark": dark})


def screen() -> list[Text]:
    """Return the lines of the screen, with the cursor on the second share."""
    queues = [replace(queue, name=NAMES[queue.name]) for queue in reader(FakeBatch()).refresh()]
    queues.sort(key=lambda queue: queue.name, reverse=True)
    view = TopView()
    settings = (None, "next in 12s", WIDTH, HEIGHT, NOW, "us-east-1 111122223333")
    view.draw(queues, *settings)
    view.press("down")
    return view.draw(queues, *settings)


def _theme(page: str, ink: str, gray: str, *, red: str, green: str, yellow: str, blue: str, pale: str) -> TerminalTheme:
    colors = (page, red, green, yellow, blue, blue, blue, ink)
    normal: list[tuple[int, int, int]] = [parse_rgb_hex(color) for color in colors]
    bright: list[tuple[int, int, int]] = [parse_rgb_hex(gray), *normal[1:6], parse_rgb_hex(pale), normal[7]]
    return TerminalTheme(normal[0], normal[-1], normal, bright)


def _with_blocks(line: Text) -> Text:
    """Return a line whose bars are colored cells, because a font of a picture can lack their characters."""
    copy = line.copy()
    copy.plain = "".join(" " if sign in BLOCKS else sign for sign in line.plain)
    for index, sign in enumerate(line.plain):
        if sign in BLOCKS:
            copy.stylize(BLOCKS[sign], index, index + 1)
    return copy


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
