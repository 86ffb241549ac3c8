"""Products in the form in which `aws pricing get-products` prints them."""

import json
from pathlib import Path
from typing import Any

EC2 = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
    "regionCode": "us-east-1",
}


def product(attributes: dict[str, Any], price: Any, **changes: Any) -> str:
    """Return a product as text: `changes` are the date, the unit and the currency of its price."""
    dimension = {
        "unit": changes.get("unit", "Hrs"),
        "endRange": "Inf",
        "beginRange": "0",
        "pricePerUnit": {changes.get("currency", "USD"): price},
    }
    date = changes.get("date", "2026-10-01T00:00:00Z")
    term = {"priceDimensions": {"SKU.JRTCKXETXF.6YS6EN2CT7": dimension}, "sku": "SKU", "effectiveDate": date}
    terms = {"OnDemand": {"SKU.JRTCKXETXF": term}}
    return json.dumps({"product": {"productFamily": "Compute Instance", "attributes": attributes}, "terms": terms})


def ec2(instance_type: str, price: Any = "5.6720000000", **changes: Any) -> str:
    """Return a product of Amazon EC2; `changes` can also be attributes."""
    own = {key: value for key, value in changes.items() if key in EC2}
    return product({**EC2, "instanceType": instance_type, **own}, price, **changes)


def sagemaker(usage: str, price: Any, region: str = "us-east-1", **changes: Any) -> str:
    """Return a product of SageMaker, for example with the usage type `USE1-Train:ml.p4d.24xlarge`."""
    return product({"usagetype": usage, "regionCode": region}, price, **changes)


def write(file: Path, *products: Any) -> Path:
    """Write the output of the CLI to a file and return the file."""
    file.write_text(json.dumps({"FormatVersion": "aws_v1", "PriceList": products}))
    return file
