"""Files with On-Demand prices, as `aws pricing get-products` prints them. Imports no aws_cdk.

Unverified: AWS does not document the attributes of SageMaker's prices. Public code finds the use and the instance type
in `usagetype`, for example `USE1-Train:ml.g5.2xlarge` and `USE1-Cluster:ml.g5.2xlarge`.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from math import isfinite
from pathlib import Path as FilePath
from typing import Any, Final, TypeAlias

from fairlane.costs.instance_prices import InstancePrices, InstanceService, PriceKey
from fairlane.errors import ConfigurationError, Path, Problem

MAX_PROBLEMS: Final = 20
"""Most problems that are reported at once."""

_EC2: Final = {"operatingSystem": "Linux", "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used"}
_SAGEMAKER: Final = re.compile(r"(?:[A-Z0-9]+-)?(Train|Cluster):(ml\.[a-z0-9-]+\.[a-z0-9-]+)")
_USES: Final = {"Train": InstanceService.TRAINING, "Cluster": InstanceService.HYPERPOD}
_HOURS: Final = ("hr", "hour")

_Dated: TypeAlias = tuple[datetime, float]
_Entry: TypeAlias = tuple[PriceKey, datetime, float]


def read_prices(path: FilePath | str) -> InstancePrices:
    """Return the On-Demand prices of instances in the output of `aws pricing get-products`.

    A file may also have other products, which are ignored. If a product has several prices, the newest one counts.

    Args:
        path: JSON file, or folder of files whose names end with `.json`.

    Raises:
        ConfigurationError: If a file cannot be read, is not such an output, or has an instance without a price in USD,
            or with different prices of the same date.
    """
    path = FilePath(path)
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    newest: dict[PriceKey, _Dated] = {}
    problems = list(islice(_file_problems(path, files, newest), MAX_PROBLEMS + 1))
    if len(problems) > MAX_PROBLEMS:
        problems[MAX_PROBLEMS:] = [Problem.relation((), "there are more problems than these: correct these first")]
    if problems:
        raise ConfigurationError(str(path), problems)
    return InstancePrices({key: price for key, (_, price) in newest.items()})


def _file_problems(path: FilePath, files: list[FilePath], newest: dict[PriceKey, _Dated]) -> Iterator[Problem]:
    """Yield the problems of all files, and add the newest prices to `newest`."""
    if not files:
        sentence = "the folder has no file *.json: save the output of aws pricing get-products there"
        yield Problem.relation((), sentence)
    clashes: dict[PriceKey, Problem] = {}
    for file in files:
        name = file.name if file != path else None
        for found in _entries(file):
            if isinstance(found, Problem):
                yield Problem(found.field, found.got, found.allowed, None, found.sentence, name)
                continue
            key, date, price = found
            known = newest.get(key)
            if known is None or date > known[0]:
                newest[key] = date, price
                clashes.pop(key, None)
            elif date == known[0] and price != known[1]:
                service, instance_type, region = key
                sentence = (
                    f"{instance_type} of {service} in {region} has the prices {known[1]:g} and {price:g}, both of "
                    f"{date:%Y-%m-%d}: keep one of the products"
                )
                clashes[key] = Problem.relation((), sentence, file=name)
    yield from clashes.values()


def _entries(file: FilePath) -> Iterator[_Entry | Problem]:
    """Yield the prices and the problems of a file."""
    try:
        data = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        yield Problem.relation((), f"the file cannot be read ({error.strerror}): correct the path")
        return
    except (ValueError, RecursionError):
        yield Problem.relation((), f"the file is no JSON in UTF-8: {_REMEDY}")
        return
    products = data.get("PriceList") if isinstance(data, dict) else None
    if not isinstance(products, list):
        yield Problem.relation((), f"the file has no list PriceList: {_REMEDY}")
        return
    for index, text in enumerate(products):
        yield from _product_entries(("PriceList", index), text)


_REMEDY: Final = "save the output of aws pricing get-products with --output json"


def _product_entries(field: Path, text: object) -> Iterator[_Entry | Problem]:
    try:
        product = json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        product = None
    attributes = _within(product, "product", "attributes")
    if not isinstance(attributes, dict):
        yield Problem.relation(field, "is no product with attributes: save the unchanged output of aws pricing")
        return
    instance = _instance(attributes)
    if instance is None:
        return
    region = attributes.get("regionCode")
    if not isinstance(region, str):
        yield Problem.relation(field, f"{instance[1]} has no regionCode: save the unchanged output of aws pricing")
        return
    found = False
    for entry in _term_entries(field, (*instance, region), _within(product, "terms", "OnDemand")):
        found = True
        if isinstance(entry, Problem) or entry[2]:  # reservations and capacity blocks have terms of 0 USD
            yield entry
    if not found:
        sentence = f"{instance[1]} in {region} has no On-Demand price of an hour: remove the product"
        yield Problem.relation(field, sentence)


def _instance(attributes: dict[str, Any]) -> tuple[InstanceService, str] | None:
    """Return the service and the instance type of a product. None for products that are no such instances."""
    name = attributes.get("instanceType")
    if isinstance(name, str) and all(attributes.get(key) == value for key, value in _EC2.items()):
        return InstanceService.EC2, name
    usage = _SAGEMAKER.fullmatch(str(attributes.get("usagetype")))
    return (_USES[usage[1]], usage[2]) if usage else None


def _term_entries(field: Path, key: PriceKey, terms: object) -> Iterator[_Entry | Problem]:
    for term in _values(terms):
        date = _date(_within(term, "effectiveDate"))
        for dimension in _values(_within(term, "priceDimensions")):
            if not str(_within(dimension, "unit")).lower().startswith(_HOURS):
                continue
            prices = _within(dimension, "pricePerUnit")
            price = _amount(_within(prices, "USD"))
            if isinstance(prices, dict) and prices and "USD" not in prices:
                sentence = f"{key[1]} in {key[2]} has a price in {', '.join(map(str, prices))}: only USD is supported"
                yield Problem.relation(field, sentence)
            elif price is None:
                yield Problem((*field, key[1], "pricePerUnit"), _within(prices, "USD"), "a number of USD, 0 or more")
            elif date is None:
                yield Problem((*field, key[1], "effectiveDate"), _within(term, "effectiveDate"), "a date and time")
            else:
                yield key, date, price


def _within(node: object, *keys: str) -> Any:
    for key in keys:
        node = node.get(key) if isinstance(node, dict) else None
    return node


def _values(node: object) -> list[Any]:
    return [*node.values()] if isinstance(node, dict) else []


def _amount(text: object) -> float | None:
    try:
        amount = float(text) if isinstance(text, str | int | float) else -1
    except ValueError:
        return None
    return amount if isfinite(amount) and amount >= 0 else None


def _date(text: object) -> datetime | None:
    try:
        date = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
