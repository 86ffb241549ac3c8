"""Guard of a local AWS against web pages, other users of the computer, and rebound DNS names."""

import hmac
import json
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from moto.iam.models import iam_backends

from fairlane_local.kubernetes import access as kubernetes
from fairlane_local.kubernetes.errors import KubernetesError
from fairlane_local.page.access import KEY_HEADER, PAGE, has_access
from fairlane_local.server.credentials import Credentials
from fairlane_local.server.proxy import TUNNEL_HOST

CONTROL: Final = "/fairlane-local"
"""Path that returns the accounts and Regions with queues and repositories (GET), runs a control call (POST), and stops
the server (DELETE)."""

TOKEN_HEADER: Final = "X-Fairlane-Token"

_TOKEN_PATHS: Final = (CONTROL, "/moto-api")
_HOST: Final = re.compile(r"(?:(?:[a-z0-9-]+\.)*localhost|127\.0\.0\.1|\[::1\]):(?P<port>\d+)")
"""Host header of a server on this computer. S3 puts the name of a bucket before `localhost`."""

_CREDENTIAL: Final = re.compile(r"AWS4-\S+ .*?Credential=(?P<v4>[^\s,]+)|AWS (?P<v2>[^\s:]+):")
_SAME_SITES: Final = (None, "same-origin", "none")
_HINT: Final = "the access key is not a key of this local AWS: use the credentials that `fairlane local start` printed"

_KUBERNETES_HINT: Final = "the URL is not one of this start of the local AWS: run fairlane local kubeconfig"

_DENIED: Final = "AccessDenied"
_WRONG_KEY: Final = "wrong key"
_PROTOCOLS: Final = {
    "ec2": ("AuthFailure", "<Response><Errors>{}</Errors></Response>"),
    "json": ("UnrecognizedClientException", ""),
    "query": ("InvalidClientTokenId", "<ErrorResponse>{}</ErrorResponse>"),
    "s3": ("InvalidAccessKeyId", "{}"),
}
"""AWS's code of a wrong access key, and the XML envelope of an error, by protocol."""
_XML_SERVICES: Final = {"ec2": "ec2", "s3": "s3", "cloudfront": "query", "route53": "query"}


class Guard:
    """WSGI application that passes on only the requests of the user who started the local AWS.

    It refuses a request with a Host header of another computer (a rebound DNS name), a request of a web page from
    another origin, and a request without a credential of this start. The credential is an access key: that of the
    start, or an active one that the local AWS itself has issued by AWS STS or IAM. For the paths that are not AWS's, it
    is the token, for the page it is the key of the page, and for a Kubernetes API it is the key in its path. Signatures
    are not verified.

    Args:
        application: Application that responds to the other requests.
        port: Port that the local AWS listens on.
        credentials: Credentials of this start.
    """

    def __init__(self, application: Any, port: int, credentials: Credentials) -> None:
        self._application = application
        self._port = port
        self._credentials = credentials

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Respond to a request."""
        refusal = self._refusal(environ)
        if refusal is None:
            is_page = environ["PATH_INFO"].startswith(PAGE)  # it has policies of its own
            start = start_response if is_page else _with_sandbox(start_response)
            return self._application(environ, start)  # type: ignore[no-any-return]
        content_type, body = _error(environ, *refusal)
        headers = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
        start_response("403 Forbidden", headers)
        return [body]

    def _refusal(self, environ: dict[str, Any]) -> tuple[str, str] | None:
        """Return the cause of a refusal and its message."""
        if not self._is_own_host(environ):
            return _DENIED, f"the Host header must name localhost and port {self._port}, or the host of the tunnel"
        if not _is_own_origin(environ):
            return _DENIED, "web pages of other origins must not use the local AWS"
        if environ["PATH_INFO"].startswith(PAGE):
            sentence = f"{KEY_HEADER} is missing or wrong: open the page by the URL that `fairlane local start` printed"
            return None if has_access(environ, self._credentials.page_key) else (_DENIED, sentence)
        if _is_kubernetes(environ):
            is_known = kubernetes.has_access(environ, self._credentials.token)
            return None if is_known else (_DENIED, _KUBERNETES_HINT)
        if environ["PATH_INFO"].startswith(_TOKEN_PATHS):
            return None if self._has_token(environ) else (_DENIED, f"{TOKEN_HEADER} or ?token= is missing or wrong")
        return None if self._is_valid(_credential_scope(environ)[0]) else (_WRONG_KEY, _HINT)

    def _is_own_host(self, environ: dict[str, Any]) -> bool:
        host = environ.get("HTTP_HOST", "").lower()
        if TUNNEL_HOST in environ:
            return bool(host.removesuffix(":443") == environ[TUNNEL_HOST])
        match = _HOST.fullmatch(host)
        return match is not None and match["port"] == str(self._port)

    def _has_token(self, environ: dict[str, Any]) -> bool:
        in_query = parse_qs(environ.get("QUERY_STRING", "")).get("token", [""])[0]
        token = environ.get("HTTP_X_FAIRLANE_TOKEN", in_query)
        return hmac.compare_digest(token.encode(), self._credentials.token.encode())

    def _is_valid(self, access_key: str) -> bool:
        if hmac.compare_digest(access_key.encode(), self._credentials.access_key.encode()):
            return True
        backends = [backend for account in list(iam_backends.values()) for backend in list(account.values())]
        issued = (backend.access_keys.get(access_key) for backend in backends)
        return any(key is not None and key.status == "Active" for key in issued)


def _is_own_origin(environ: dict[str, Any]) -> bool:
    own = f"{environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}"
    return environ.get("HTTP_ORIGIN", own) == own and environ.get("HTTP_SEC_FETCH_SITE") in _SAME_SITES


def _is_kubernetes(environ: dict[str, Any]) -> bool:
    return kubernetes.split_path(environ["PATH_INFO"]) is not None


def _credential_scope(environ: dict[str, Any]) -> list[str]:
    """Return the access key of a request, and its date, Region and service if the request has them."""
    match = _CREDENTIAL.match(environ.get("HTTP_AUTHORIZATION", ""))
    if match:
        return str(match["v4"] or match["v2"]).split("/")
    query = parse_qs(environ.get("QUERY_STRING", ""))
    credential: str = (query.get("X-Amz-Credential") or query.get("AWSAccessKeyId") or [""])[0]
    return credential.split("/")


def _with_sandbox(start_response: Any) -> Any:
    """Forbid scripts in responses. A page that is stored in S3 could read the access key from its presigned URL."""

    def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        return start_response(status, [*headers, ("Content-Security-Policy", "sandbox")], *rest)

    return start


def _error(environ: dict[str, Any], cause: str, message: str) -> tuple[str, bytes]:
    """Return the content type and the body of an error in the protocol of the requested service."""
    if _is_kubernetes(environ):
        status = KubernetesError(HTTPStatus.FORBIDDEN, "Forbidden", message).status
        return "application/json", json.dumps(status).encode()
    _, _, _, service, *_ = [*_credential_scope(environ), *[""] * 4]
    is_form = environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded")
    protocol = _XML_SERVICES.get(service, "query" if is_form else "json")
    code, envelope = _PROTOCOLS[protocol]
    code = code if cause == _WRONG_KEY else cause
    if protocol == "json":
        return "application/json", json.dumps({"__type": code, "message": message}).encode()
    error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return "text/xml", envelope.format(error).encode()
