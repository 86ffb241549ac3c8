"""Access of a browser to the page, by the key that `fairlane local start` prints behind the `#` of its URL.

A browser keeps the part behind `#` to itself. The page moves the key to the storage of its tab, which no other port and
no other site can read, and sends it in a header, which no form, link or image can do. A cookie would reach the servers
of all ports of localhost. The page without its data is for anyone who may reach the port: it contains no secret.
"""

import hmac
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, quote

PAGE: Final = "/fairlane-local/"
"""Path of the page. The paths of its data start with it."""

KEY_HEADER: Final = "X-Fairlane-Page-Key"
DASHBOARDS: Final = f"{PAGE}dashboards/"


def page_url(port: int, key: str) -> str:
    """Return the URL that opens the page."""
    return f"http://localhost:{port}{PAGE}#{key}"


def dashboard_path(name: str, key: str) -> str:
    """Return the path of a dashboard, with a key that opens only this dashboard, because a link sends no header."""
    return f"{DASHBOARDS}{quote(name, safe='')}?key={_dashboard_key(name, key)}"


def has_access(environ: Mapping[str, Any], key: str) -> bool:
    """Return True if a request from this computer may have a response of the page.

    A request that changes something must also name its origin, which has to be the page's own.
    """
    path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
    if path == PAGE and method == "GET":
        return True
    if path.startswith(DASHBOARDS):
        given = parse_qs(environ.get("QUERY_STRING", "")).get("key", [""])[0]
        return method == "GET" and _equals(given, _dashboard_key(path.removeprefix(DASHBOARDS), key))
    return _equals(environ.get("HTTP_X_FAIRLANE_PAGE_KEY", ""), key) and (method == "GET" or "HTTP_ORIGIN" in environ)


def _dashboard_key(name: str, key: str) -> str:
    return hmac.digest(key.encode(), name.encode(), "sha256").hex()


def _equals(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
