"""On-demand prices of AWS Price List.

Unverified: AWS does not document the attributes of SageMaker's training prices. Public code filters by `instanceName`
or `instanceType`, and finds the use in `component`, `platoinstancetype` or `usagetype`. Therefore `GetAttributeValues`
tells which attribute has the instance type, and any of the others tells that a product is for training. A price that is
not found is unknown.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from fairlane_lambda.aws_errors import error_name
from fairlane_lambda.fan_out.capacity.source import pages, read

_ENDPOINTS: Final = {"us-east-1": "", "eu-central-1": "eu-|me-|af-|il-", "ap-south-1": "ap-"}
"""Regions of the endpoints, with the Regions that are near."""
_TYPE_ATTRIBUTES: Final = ("instanceName", "instanceType")
_USE_ATTRIBUTES: Final = ("component", "platoinstancetype", "usagetype", "operation", "group")
_NO_ATTRIBUTE: Final = "InvalidParameterException"
_TRAINING: Final = re.compile(r"\btrain(ing)?\b", re.IGNORECASE)
_EC2: Final = {"operatingSystem": "Linux", "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used"}


def endpoint_region(home: str) -> str:
    """Return the Region of the endpoint of AWS Price List that is next to a Region."""
    if home in _ENDPOINTS:
        return home
    near = (region for region, prefixes in _ENDPOINTS.items() if prefixes and re.match(prefixes, home))
    return next(near, "us-east-1")


class OnDemandPrices:
    """On-demand prices of instance types.

    Args:
        client: boto3 client of AWS Price List.
        region: Region of its endpoint.
    """

    def __init__(self, client: Any, region: str) -> None:
        self._client, self._region = client, region
        self._names = cache(self._attribute_values)

    def price(self, instance_type: str, region: str) -> float | None:
        """Return the price of an instance-hour in US dollars. None if it is unknown.

        Args:
            instance_type: Instance type of SageMaker (`ml.*`) or of Amazon EC2.
            region: Region.
        """
        if instance_type.startswith("ml."):
            found = self._training_prices(instance_type, region)
        else:
            found = self._prices("AmazonEC2", {"instanceType": instance_type, "regionCode": region, **_EC2})
        return min((price for price in found if price > 0), default=None)

    def _training_prices(self, instance_type: str, region: str) -> Iterator[float]:
        for attribute in _TYPE_ATTRIBUTES:
            for value in (instance_type, f"{instance_type}-Training"):
                if value in self._names(attribute):
                    yield from self._prices("AmazonSageMaker", {attribute: value, "regionCode": region}, _TRAINING)

    def _attribute_values(self, name: str) -> frozenset[str]:
        def values() -> list[dict[str, Any]]:
            try:
                return pages(self._client, "get_attribute_values", ServiceCode="AmazonSageMaker", AttributeName=name)
            except Exception as error:
                if error_name(error) != _NO_ATTRIBUTE:
                    raise
                return []

        found: list[dict[str, Any]] = read(f"GetAttributeValues of {name}", self._region, values, [])
        return frozenset(item["Value"] for page in found for item in page["AttributeValues"])

    def _prices(
        self, service: str, attributes: Mapping[str, str], use: re.Pattern[str] | None = None
    ) -> Iterator[float]:
        filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in attributes.items()]
        for page in pages(self._client, "get_products", ServiceCode=service, Filters=filters):
            for text in page["PriceList"]:
                product = json.loads(text)
                own = product.get("product", {}).get("attributes", {})
                if use is None or any(use.search(own.get(name, "")) for name in _USE_ATTRIBUTES):
                    yield from _hourly_dollars(product)


def _hourly_dollars(product: Mapping[str, Any]) -> Iterator[float]:
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term.get("priceDimensions", {}).values():
            if dimension.get("unit", "").lower().startswith(("hr", "hour")):
                yield float(dimension.get("pricePerUnit", {}).get("USD", 0))
