"""HTTP interface of the EKS calls of this package. Moto responds to the other calls."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import unquote

from botocore import xform_name
from moto.core.responses import ActionResult
from moto.eks import urls
from moto.eks.responses import EKSResponse

from fairlane_local.api_requests import request_mistakes, run_operation, service_model
from fairlane_local.eks.access_entries import AccessEntries
from fairlane_local.eks.add_ons import AddOns
from fairlane_local.eks.clusters import Clusters
from fairlane_local.eks.pod_identities import PodIdentities
from fairlane_local.eks.store import Location, Record, invalid_parameter

_SERVICE: Final = "eks"
_CLUSTER: Final = "/clusters/(?P<name>[^/]+)"
_COLLECTIONS: Final = ("/access-entries", "/addons", "/pod-identity-associations")
_HANDLERS: Final = (Clusters, AddOns, AccessEntries, PodIdentities)


def call(location: Location, operation: str, request: Mapping[str, Any]) -> Record:
    """Return the response of an operation.

    Args:
        location: Account and Region.
        operation: Operation of the EKS API, for example `CreateAddon`.
        request: Request with the members of the API.

    Raises:
        EksError: If EKS would refuse the request.
    """
    if mistakes := request_mistakes(_SERVICE, operation, request):
        raise invalid_parameter("; ".join(mistakes))
    return run_operation((handler(location) for handler in _HANDLERS), operation, request)


def install() -> None:
    """Add the operations to moto. Call this before the server starts."""
    model = service_model(_SERVICE)
    for operation in model.operation_names:
        name = xform_name(operation)
        if any(hasattr(handler, name) for handler in _HANDLERS):
            setattr(EKSResponse, name, _method(operation))
    for path in ("/addons/supported-versions", f"{_CLUSTER}/updates", *map(_CLUSTER.__add__, _COLLECTIONS)):
        for rest in ("", "/(?P<rest>.+)"):
            urls.url_paths[f"{{0}}{path}{rest}$"] = urls.response.dispatch


def _method(operation: str) -> Callable[[EKSResponse], ActionResult]:
    def respond(self: EKSResponse) -> ActionResult:
        return ActionResult(call((self.current_account, self.region), operation, _request(self, operation)))

    return respond


def _request(response: EKSResponse, operation: str) -> Record:
    body = json.loads(response.body or "{}")
    request = {}
    for name, shape in service_model(_SERVICE).operation_model(operation).input_shape.members.items():
        key = shape.serialization.get("name", name)
        match shape.serialization.get("location"):
            case "uri":
                value: Any = unquote(response.uri_match[key])
            case "querystring":
                value = response.querystring.get(key, [None])[0]
                value = int(value) if value is not None and shape.type_name == "integer" else value
                value = value == "true" if value is not None and shape.type_name == "boolean" else value
            case _:
                value = body.get(name)
        if value is not None:
            request[name] = value
    return request
