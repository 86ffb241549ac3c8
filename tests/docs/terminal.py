"""Pictures of terminals and of report pages, in the light and the dark color scheme."""

import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.color import parse_rgb_hex
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from tests.support import REPOSITORY

BROWSER = REPOSITORY / "tests" / "fairlane" / "preview" / "browser.mjs"
WIDTH = 100


def theme(page: str, ink: str, line: str, green: str, blue: str) -> TerminalTheme:
    """Return a theme of a terminal with the colors that the output has."""
    colors: list[tuple[int, int, int]] = [parse_rgb_hex(color) for color in (page, ink, line, green, blue)]
    background, text, gray, success, bar = colors
    normal = [background, text, success, text, bar, text, success, text]
    return TerminalTheme(background, text, normal, [gray, *normal[1:]])


THEMES = {
    "light": theme("ffffff", "16191f", "d5dbdb", "009070", "0072b2"),
    "dark": theme("1a222c", "ebebf0", "3a4553", "2ec29a", "4fa3e3"),
}
"""Themes with the colors of the report."""


def terminal() -> Console:
    """Return a terminal whose output is recorded."""
    return Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True, color_system="truecolor")


def draw_terminal(lines: Iterable[Text], folder: Path, name: str, themes: Mapping[str, TerminalTheme] = THEMES) -> None:
    """Write the pictures of a terminal with lines.

    Args:
        lines: Lines of the terminal.
        folder: Folder of the pictures.
        name: Start of their names.
        themes: Themes by color scheme. Default: those of the report.
    """
    console = terminal()
    for line in lines:
        console.print(line)
    for scheme, colors in themes.items():
        picture = console.export_svg(title="", theme=colors, clear=False, unique_id=name)
        text = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)  # a picture loads no fonts
        (folder / f"{name}-{scheme}.svg").write_text(text)


def draw_page(html: str, folder: Path, name: str, height: int) -> None:
    """Write the pictures of a report page.

    Args:
        html: Report page.
        folder: Folder of the pictures.
        name: Start of their names.
        height: Height of the pictures.
    """
    looks = [
        {"width": 1280, "height": height, "scheme": scheme, "png": str(folder / f"{name}-{scheme}.png")}
        for scheme in THEMES
    ]
    with TemporaryDirectory() as scratch:
        file = Path(scratch) / "page.html"
        file.write_text(html)
        command = ["node", str(BROWSER), str(file), json.dumps(looks)]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    for look in found:
        if look["errors"]:
            raise SystemExit(f"{name}: {look['errors']}")
