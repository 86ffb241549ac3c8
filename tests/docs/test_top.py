"""The page on fairlane top: its picture, keys and numbers are those of the code."""

import re
from html import unescape

import pytest

from fairlane.cli.top import _INTERVALS
from fairlane_client.top import keys, lines, live, reading, requests
from tests.docs.top_pictures import BLOCKS, screen
from tests.support import REPOSITORY

PAGE = (REPOSITORY / "docs" / "top.md").read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_picture_shows_the_screen(scheme: str) -> None:
    picture = (REPOSITORY / "docs" / "images" / f"top-{scheme}.svg").read_text()
    shown = unescape(re.sub(r"<[^>]*>", "", picture.replace("</clipPath>", ""))).replace("\xa0", " ")
    for line in screen():
        for part in re.split(f"[{''.join(BLOCKS)}·]+|  +", line.plain):
            assert part.strip() in shown, part
    assert "http" not in picture.replace("http://www.w3.org", "").replace("https://www.textualize.io", "")


def test_the_page_has_all_columns_and_keys() -> None:
    assert re.findall(r"^\| `([A-Z]+)` \|", PAGE, re.MULTILINE) == [*lines._COLUMNS]
    table = PAGE.partition("| Key |")[2].partition("\n\n")[0].lower()
    named = {"up": "↑", "down": "↓", "left": "←", "right": "→", "quit": "q"}
    for name in {*keys._NAMES.values()}:
        assert named.get(name, name) in table, name
    assert all(letter in table for letter in "jkhlgq")


def test_the_numbers_of_the_page_are_those_of_the_code() -> None:
    for text in (
        f"at most {requests.MAX_WAITING:,} waiting jobs are counted",
        f"| at most, for each refresh of a queue | {reading.MAX_REQUESTS} | {reading.MAX_REQUESTS} |",
        f"at most {round(1 / requests._PAUSE)}\nrequests a second",
        f"every {reading._SETTINGS_AGE // 60} minutes",
        f"up to {live._LONGEST_PAUSE / 60:.0f} minutes",
        f"`--interval SECONDS`, {_INTERVALS[0]} to {_INTERVALS[1]}",
    ):
        assert text in PAGE, text
