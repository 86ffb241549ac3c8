"""AWS Price List, which moto lacks: products of SageMaker training and Amazon EC2."""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, Final

from moto.backend_index import backend_url_patterns
from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.exceptions import JsonRESTError
from moto.core.responses import BaseResponse

from fairlane_local.market import instances

_SERVICE: Final = "pricing"
_ENDPOINTS: Final = ("us-east-1", "eu-central-1", "ap-south-1")
_PAGE: Final = 100


class PricingResponse(BaseResponse):
    """Calls of AWS Price List, in the Regions of its endpoints."""

    def __init__(self) -> None:
        super().__init__(service_name=_SERVICE)

    def get_products(self) -> str:
        """Return the products that all filters match."""
        filters = self._get_param("Filters") or []
        for rule in filters:
            if rule["Type"] not in {"TERM_MATCH", "EQUALS"}:
                raise JsonRESTError("InvalidParameterException", f"the local AWS has no filters of type {rule['Type']}")
        found = [
            json.dumps(product)
            for product in self._products()
            if all(_attribute(product, rule["Field"]).lower() == rule["Value"].lower() for rule in filters)
        ]
        return self._page("PriceList", found, {"FormatVersion": "aws_v1"})

    def get_attribute_values(self) -> str:
        """Return the values of an attribute."""
        name = self._get_param("AttributeName")
        values = {_attribute(product, name) for product in self._products()} - {""}
        if not values:
            raise JsonRESTError("InvalidParameterException", f"Invalid attribute: {name}")
        return self._page("AttributeValues", [{"Value": value} for value in sorted(values)], {})

    def _products(self) -> list[dict[str, Any]]:
        if self.region not in _ENDPOINTS:
            raise JsonRESTError("AccessDeniedException", f"AWS Price List has endpoints in {', '.join(_ENDPOINTS)}")
        service = self._get_param("ServiceCode")
        if service not in _PRODUCTS:
            raise JsonRESTError("InvalidParameterException", f"Invalid service code: {service}")
        return list(_PRODUCTS[service]())

    def _page(self, name: str, items: list[Any], members: Mapping[str, Any]) -> str:
        size, start = self._get_param("MaxResults") or _PAGE, int(self._get_param("NextToken") or 0)
        token = {"NextToken": str(start + size)} if start + size < len(items) else {}
        return json.dumps({name: items[start : start + size], **members, **token})


class PricingBackend(BaseBackend):
    """Backend without a state."""

    @property
    def _url_module(self) -> Any:
        return _Urls


class _Urls:
    url_bases = (r"https?://(api\.)?pricing\.(.+)\.amazonaws\.com",)
    url_paths = {"{0}/$": PricingResponse.dispatch}  # noqa: RUF012  # moto reads both as variables of a module


def install() -> None:
    """Add the service to moto."""
    module: Any = ModuleType("moto.pricing")
    module.pricing_backends = BackendDict(PricingBackend, _SERVICE)
    sys.modules[module.__name__] = module
    patterns: Any = backend_url_patterns
    patterns.append((_SERVICE, re.compile(_Urls.url_bases[0])))


def _attribute(product: Mapping[str, Any], name: str) -> str:
    attributes: Mapping[str, str] = product["product"]["attributes"]
    own = {"ServiceCode": product["serviceCode"], "productFamily": product["product"]["productFamily"]}
    return str({**attributes, **own}.get(name, ""))


def _training_products() -> Iterator[dict[str, Any]]:
    for name in instances.INSTANCES:
        for region in instances.REGIONS:
            for component, usage in (("Hosting", "Host"), ("Training", "Train")):
                attributes = {"component": component, "usagetype": f"{region}-{usage}:ml.{name}"}
                dollars = instances.price("training", name, region) or 0
                yield _product(
                    "AmazonSageMaker", "ML Instance", region, dollars, {"instanceName": f"ml.{name}", **attributes}
                )


def _ec2_products() -> Iterator[dict[str, Any]]:
    fixed = {"tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used"}
    for name in instances.INSTANCES:
        for region in instances.REGIONS:
            for system, factor in (("Linux", 1.0), ("Windows", 1.5)):
                attributes = {"instanceType": name, "operatingSystem": system, **fixed}
                dollars = (instances.price("ec2", name, region) or 0) * factor
                yield _product("AmazonEC2", "Compute Instance", region, dollars, attributes)


def _product(service: str, family: str, region: str, dollars: float, attributes: Mapping[str, str]) -> dict[str, Any]:
    sku = re.sub(r"[^A-Z0-9]", "", f"{service}{region}{''.join(attributes.values())}".upper())
    dimension = {"unit": "Hrs", "pricePerUnit": {"USD": f"{dollars:.10f}"}, "beginRange": "0", "endRange": "Inf"}
    term = {"priceDimensions": {f"{sku}.JRTCKXETXF.6YS6EN2CT7": dimension}, "sku": sku}
    return {
        "serviceCode": service,
        "product": {"sku": sku, "productFamily": family, "attributes": {"regionCode": region, **attributes}},
        "terms": {"OnDemand": {f"{sku}.JRTCKXETXF": term}},
    }


_PRODUCTS: Final = {"AmazonSageMaker": _training_products, "AmazonEC2": _ec2_products}
