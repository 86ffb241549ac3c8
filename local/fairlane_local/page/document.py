"""HTML document of the page, in one file that needs no network."""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Final

_POLICY: Final = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@cache
def document() -> tuple[bytes, str]:
    """Return the page, and the Content-Security-Policy that allows its own script and style and nothing else."""
    colors = files("fairlane._charts").joinpath("colors.css").read_text()
    style, script = f"{colors}{_read('page.css')}", f"{_read('render.js')}{_read('page.js')}"
    page = _read("page.html").replace("{style}", style).replace("{script}", script)
    return page.encode(), _POLICY.format(script=_hash(script), style=_hash(style))


def _read(name: str) -> str:
    return files("fairlane_local.page").joinpath(name).read_text()


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
