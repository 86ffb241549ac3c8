"""Pages in Chromium: facts that a Node.js program reports about a page."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support import REPOSITORY

NEEDS_CHROMIUM: Final = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (REPOSITORY / "node_modules" / "@sparticuz" / "chromium").exists(), reason="needs Chromium: npm ci"
    ),
    pytest.mark.skipif(
        (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="the Chromium package is for Linux on x86-64"
    ),
]
"""Marks of a module whose tests start the browser."""
LIGHT_AND_DARK: Final = [{"width": 1280, "scheme": "light"}, {"width": 1920, "scheme": "dark"}]
PREVIEW: Final = REPOSITORY / "tests" / "fairlane" / "preview" / "browser.mjs"
"""Program for pages with widgets."""


def browse(page: Path | str, looks: Sequence[dict[str, Any]], folder: Path, program: Path = PREVIEW) -> Any:
    """Return facts about a page for each look, from one browser.

    Args:
        page: File or URL of the page.
        looks: Widths of the window and color schemes.
        folder: Folder of the browser's files.
        program: Program that opens the page.
    """
    command = ["node", str(program), str(page), json.dumps(looks)]
    environment = os.environ | {"TMPDIR": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=180)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
