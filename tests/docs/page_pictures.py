"""Command that renders the pictures of the page of the local AWS.

Usage: python -m tests.docs.page_pictures FOLDER
"""

import json
import subprocess
import sys
from pathlib import Path

from fairlane_local.page.access import page_url
from fairlane_local.server.credentials import get_credentials
from tests.fairlane_local.page.story import story
from tests.support import REPOSITORY

BROWSER = REPOSITORY / "tests" / "fairlane_local" / "page" / "browser.mjs"


def draw(folder: Path) -> None:
    """Write the pictures in the light and the dark color scheme."""
    looks = [
        {"width": 1280, "scheme": scheme, "png": str(folder / f"page-{scheme}.png")} for scheme in ("light", "dark")
    ]
    with story() as told:
        told.tell()
        url = page_url(told.aws.port, get_credentials(told.aws.port).page_key)
        command = ["node", str(BROWSER), url, json.dumps(looks)]
        results = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    for look in results:
        if look["errors"]:
            raise SystemExit(f"page: {look['errors']}")


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
