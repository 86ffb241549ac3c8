"""HTTPS proxy for clients that ignore `AWS_ENDPOINT_URL`. It ends each tunnel itself, and relays nothing."""

import re
from typing import Any, ClassVar, Final

from moto.backend_index import backend_url_patterns
from moto.moto_server.werkzeug_app import MotoRequestHandler

from fairlane_local.server.certificates import DOMAIN, CertificateAuthority

TUNNEL_HOST: Final = "fairlane.tunnel_host"
"""Key of the WSGI environment with the host name that a client connected to through the proxy."""

_TARGET: Final = re.compile(rf"(?P<host>(?:[a-z0-9-]+\.)+{re.escape(DOMAIN)}):443")
_REFUSAL: Final = "The local AWS is a proxy for hosts of AWS only"


def request_handler(authority: CertificateAuthority) -> type[MotoRequestHandler]:
    """Return the class that handles the requests of a server, including requests for tunnels.

    Args:
        authority: Certificate authority that certifies the hosts of AWS.
    """
    return type("_Handler", (_ProxyRequestHandler,), {"authority": authority})


class _ProxyRequestHandler(MotoRequestHandler):
    authority: ClassVar[CertificateAuthority]

    def do_CONNECT(self) -> None:  # noqa: N802  # named by http.server
        """Respond to requests in a tunnel to a host of AWS, and refuse all other hosts."""
        self.close_connection = True
        target = _TARGET.fullmatch(self.path.lower())
        if target is None or not _is_served(target["host"]):
            self.send_error(403, _REFUSAL)
            return
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            with self.authority.context(target["host"]).wrap_socket(self.connection, server_side=True) as tunnel:
                _TunnelRequestHandler(target["host"], tunnel, self.client_address, self.server)
        except OSError as error:
            self.log_error("the tunnel to %s failed: %s", target["host"], error)


class _TunnelRequestHandler(MotoRequestHandler):
    def __init__(self, host: str, *arguments: Any) -> None:
        self._host = host
        super().__init__(*arguments)

    def make_environ(self) -> dict[str, Any]:
        return super().make_environ() | {TUNNEL_HOST: self._host, "wsgi.url_scheme": "https"}


def _is_served(host: str) -> bool:
    return any(pattern.match(f"https://{host}") for _, pattern in backend_url_patterns)
