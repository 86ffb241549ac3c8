"""WSGI application of the page: the document, its data, the clock and the dashboards."""

import json
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import parse_qs

from fairlane_local.errors import LocalAwsError
from fairlane_local.page.access import DASHBOARDS, PAGE, dashboard_path
from fairlane_local.page.dashboards import dashboard_page
from fairlane_local.page.document import document
from fairlane_local.page.state import page_state
from fairlane_local.server import control
from fairlane_local.simulation import current_simulation

_HTML: Final = "text/html; charset=utf-8"
_HEADERS: Final = (
    ("Cache-Control", "no-store"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)
_DASHBOARD_POLICY: Final = (
    "sandbox allow-scripts allow-popups; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data:; frame-ancestors 'none'"
)
"""Policy of a dashboard, whose texts others wrote: it has an origin of its own, which the page trusts with nothing."""

_Response = tuple[str, str, bytes, str]
"""Status, content type, body and Content-Security-Policy."""


class PageApplication:
    """WSGI application of the page. `fairlane_local.server.guard` checks the access.

    Args:
        key: Key of the page.
    """

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Respond to a request."""
        try:
            status, content_type, body, policy = self._response(environ)
        except LocalAwsError as error:
            status, content_type, body, policy = _json("400 Bad Request", {"error": str(error)})
        headers = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
        start_response(status, [*headers, ("Content-Security-Policy", policy), *_HEADERS])
        return [body]

    def _response(self, environ: dict[str, Any]) -> _Response:
        query = {name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        match method, path.removeprefix(PAGE):
            case "GET", "":
                return "200 OK", _HTML, *document()
            case "GET", "state":
                state = page_state(query)
                dashboards = [
                    {"name": name, "path": dashboard_path(name, self._key)} for name in state.pop("dashboards")
                ]
                return _json("200 OK", state | {"dashboards": dashboards})
            case "GET", _ if path.startswith(DASHBOARDS):
                html = dashboard_page(path.removeprefix(DASHBOARDS))
                return "200 OK", _HTML, html.encode(), _DASHBOARD_POLICY
            case "POST", "clock":
                status, response = control.respond(environ, clock_only=True)
                current_simulation().timeline.wake()
                return _json(status, response)
        return _json("404 Not Found", {"error": f"the page has no path {path} for {method}"})


def _json(status: str, value: object) -> _Response:
    return status, "application/json", json.dumps(value).encode(), "sandbox"
