"""Command that renders the pictures of the report page of a sweep.

Usage: python -m tests.docs.sweep_pictures FOLDER
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fairlane_client.sweeps.reports import HALVING, page, plan, results
from tests.support import REPOSITORY

BROWSER = REPOSITORY / "tests" / "fairlane" / "preview" / "browser.mjs"


def draw(folder: Path) -> None:
    """Write the pictures in the light and the dark color scheme."""
    looks = [
        {"width": 1280, "height": 972, "scheme": scheme, "png": str(folder / f"sweep-{scheme}.png")}
        for scheme in ("light", "dark")
    ]
    with TemporaryDirectory() as scratch:
        file = Path(scratch) / "sweep.html"
        file.write_text(page(results(48, stops=True), plan(stop=HALVING)))
        command = ["node", str(BROWSER), str(file), json.dumps(looks)]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    for look in found:
        if look["errors"]:
            raise SystemExit(f"sweep: {look['errors']}")


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
