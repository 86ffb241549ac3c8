"""WSGI application of the Kubernetes API: paths, query parameters, media types and status codes."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from werkzeug.wrappers import Request, Response

from fairlane_local.kubernetes.api import KubernetesApi, Write
from fairlane_local.kubernetes.discovery import discovery_document
from fairlane_local.kubernetes.errors import (
    KubernetesError,
    Object,
    bad_request,
    no_such_path,
    not_allowed,
    unsupported_media_type,
)
from fairlane_local.kubernetes.kinds import Kind, kind_at
from fairlane_local.kubernetes.tables import table

_PROTOBUF: Final = "application/vnd.kubernetes.protobuf"
_OPENAPI_V2: Final = "/openapi/v2"
_LOG: Final = "log"
_HEALTH: Final = ("/healthz", "/livez", "/readyz")
_MAX_BODY: Final = 3 * 1024 * 1024
"""Largest body of a request in bytes, as in Kubernetes."""


@dataclass(frozen=True, slots=True)
class _Target:
    kind: Kind
    namespace: str
    name: str
    subresource: str


class KubernetesApplication:
    """WSGI application of the Kubernetes API of one cluster. The path starts at its root.

    Args:
        api: API of the cluster.
        pod_log: Function that returns the log of a pod for query parameters.
    """

    def __init__(self, api: KubernetesApi, pod_log: Callable[[Object, Mapping[str, str]], str]) -> None:
        self._api = api
        self._pod_log = pod_log
        self._methods: dict[str, Callable[[Request, _Target, Write], Response]] = {
            "DELETE": self._delete,
            "GET": self._get,
            "PATCH": self._patch,
            "POST": self._post,
            "PUT": self._put,
        }

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Respond to a request."""
        request = Request(environ)
        try:
            response = self._respond(request)
        except KubernetesError as error:
            response = json_response(error.status, error.code)
        except RecursionError:
            mistake = bad_request("the object is nested too deeply")
            response = json_response(mistake.status, mistake.code)
        return response(environ, start_response)

    def _respond(self, request: Request) -> Response:
        if request.path == _OPENAPI_V2:
            return Response(b"", content_type="application/com.github.proto-openapi.spec.v2.v1.0+protobuf")
        if request.path in _HEALTH:
            return Response("ok", content_type="text/plain")
        document = discovery_document(request.path) if request.method == "GET" else None
        if document is not None:
            return json_response(document)
        target = _target(request.path)
        if request.args.get("watch", "") in ("1", "true") or "/watch/" in request.path:
            raise not_allowed("watch is not supported by the local Kubernetes API")
        write = Write(dry_run=bool(request.args.get("dryRun")), strict=request.args.get("fieldValidation") == "Strict")
        method = self._methods.get(request.method)
        if method is None:
            raise not_allowed("the server does not allow this method on the requested resource")
        response = method(request, target, write)
        if request.args.get("fieldValidation") != "Ignore":
            for warning in write.warnings:
                quoted = warning.replace("\\", "\\\\").replace('"', '\\"')
                response.headers.add("Warning", f'299 - "{quoted}"')
        return response

    def _get(self, request: Request, target: _Target, write: Write) -> Response:
        if target.subresource == _LOG:
            pod = self._api.get(target.kind, target.namespace, target.name)
            return Response(self._pod_log(pod, request.args), content_type="text/plain")
        if target.name:
            found = self._api.get(target.kind, target.namespace, target.name)
        else:
            selectors = (request.args.get("labelSelector", ""), request.args.get("fieldSelector", ""))
            found = self._api.list(target.kind, target.namespace, *selectors)
        if "as=Table" in request.headers.get("Accept", ""):
            whole = request.args.get("includeObject") == "Object"
            found = table(target.kind, found, self._api.store.time(), whole=whole)
        return json_response(found)

    def _post(self, request: Request, target: _Target, write: Write) -> Response:
        if target.name:
            raise not_allowed("the server does not allow this method on the requested resource")
        return json_response(self._api.create(target.kind, target.namespace, _body(request), write), 201)

    def _put(self, request: Request, target: _Target, write: Write) -> Response:
        _require_name(target)
        arguments = (target.kind, target.namespace, target.name, _body(request), write, target.subresource)
        return json_response(self._api.update(*arguments))

    def _patch(self, request: Request, target: _Target, write: Write) -> Response:
        _require_name(target)
        place = (target.kind, target.namespace, target.name)
        return json_response(self._api.patch(*place, _body(request), request.mimetype, write, target.subresource))

    def _delete(self, request: Request, target: _Target, write: Write) -> Response:
        if target.subresource:
            raise not_allowed("the server does not allow this method on the requested resource")
        options = _body(request) if request.content_length else {}
        if not isinstance(options, dict):
            raise bad_request("the body of a delete request must be DeleteOptions")
        write = Write(dry_run=write.dry_run or bool(options.get("dryRun")))
        if not target.name:
            selectors = (request.args.get("labelSelector", ""), request.args.get("fieldSelector", ""))
            return json_response(self._api.delete_all(target.kind, target.namespace, *selectors, write))
        policy = options.get("propagationPolicy") or request.args.get("propagationPolicy")
        return json_response(
            self._api.delete(
                target.kind,
                target.namespace,
                target.name,
                write,
                orphan=policy == "Orphan",
                preconditions=options.get("preconditions"),
            )
        )


def _target(path: str) -> _Target:
    match path.strip("/").split("/"):
        case ["api", version, *rest]:
            api_version = version
        case ["apis", group, version, *rest]:
            api_version = f"{group}/{version}"
        case _:
            raise no_such_path()
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2 and rest[2] != "status":
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource = (*rest, "", "", "")[:3]
    kind = kind_at(api_version, plural)
    subresources = ("", "status", _LOG) if plural == "pods" else ("", "status")
    if kind is None or len(rest) > 3 or subresource not in subresources or (namespace and not kind.namespaced):
        raise no_such_path()
    if name and kind.namespaced and not namespace:
        raise no_such_path()
    return _Target(kind, namespace, name, subresource)


def _require_name(target: _Target) -> None:
    if not target.name or target.subresource == _LOG:
        raise not_allowed("the server does not allow this method on the requested resource")


def _body(request: Request) -> Any:
    if request.mimetype == _PROTOBUF:
        raise unsupported_media_type("the local Kubernetes API does not read protobuf: use apply -f")
    if (request.content_length or 0) > _MAX_BODY:
        raise KubernetesError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {_MAX_BODY}")
    try:
        return json.loads(request.get_data())
    except ValueError as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {error}") from None


def json_response(value: Object, status: int = 200) -> Response:
    """Return the response with an object."""
    return Response(json.dumps(value), status, content_type="application/json")
