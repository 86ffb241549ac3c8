"""Tests of price files: prices of EC2, training and HyperPod, folders, dates, and each mistake in a file."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from fairlane.costs import InstanceService, read_prices
from fairlane.errors import ConfigurationError
from tests.fairlane.costs.products import EC2, ec2, product, sagemaker, write

DOCS = Path(__file__).parents[3] / "docs" / "costs.md"
G5, P4D = "g5.12xlarge", "ml.p4d.24xlarge"


def mistakes(path: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read_prices(path)
    assert caught.value.subject == str(path)
    return [str(problem) for problem in caught.value.problems]


def test_prices_have_a_service_an_instance_type_and_a_region(tmp_path: Path) -> None:
    file = write(
        tmp_path / "prices.json",
        ec2(G5),
        ec2(G5, "6.5", regionCode="eu-west-1"),
        sagemaker(f"USE1-Train:{P4D}", "25.25"),
        sagemaker(f"USE1-Cluster:{P4D}", "25.91"),
        sagemaker(f"EU-Train:{P4D}", "28", "eu-west-1"),
    )
    assert read_prices(file).hourly == {
        (InstanceService.EC2, G5, "us-east-1"): 5.672,
        (InstanceService.EC2, G5, "eu-west-1"): 6.5,
        (InstanceService.TRAINING, P4D, "us-east-1"): 25.25,
        (InstanceService.HYPERPOD, P4D, "us-east-1"): 25.91,
        (InstanceService.TRAINING, P4D, "eu-west-1"): 28,
    }
    assert read_prices(file).regions(InstanceService.EC2, G5) == ["eu-west-1", "us-east-1"]


def test_products_as_objects_and_a_byte_order_mark_are_accepted(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    file.write_text(json.dumps({"PriceList": [json.loads(ec2(G5))]}), encoding="utf-8-sig")
    assert read_prices(str(file)).hourly == {(InstanceService.EC2, G5, "us-east-1"): 5.672}


@pytest.mark.parametrize(
    "other",
    [
        ec2(G5, "9", operatingSystem="Windows"),
        ec2(G5, "9", tenancy="Dedicated"),
        ec2(G5, "9", preInstalledSw="SQL Std"),
        ec2(G5, "9", capacitystatus="UnusedCapacityReservation"),
        ec2(G5, "0.0000000000"),
        sagemaker(f"USE1-ReservedCluster:{P4D}", "9"),
        sagemaker(f"USE1-Host:{P4D}", "9"),
        sagemaker("USE1-Cluster:VolumeUsage.gp2", "9"),
        product({}, "9"),
        product({"usagetype": 5}, "9"),
    ],
)
def test_other_products_and_prices_of_zero_are_ignored(tmp_path: Path, other: str) -> None:
    assert read_prices(write(tmp_path / "prices.json", other)).hourly == {}
    assert read_prices(write(tmp_path / "prices.json", other, ec2(G5), other)).hourly == {
        (InstanceService.EC2, G5, "us-east-1"): 5.672
    }


def test_a_folder_has_any_number_of_json_files(tmp_path: Path) -> None:
    write(tmp_path / "one.json", ec2(G5))
    write(tmp_path / "two.json", sagemaker(f"USE1-Train:{P4D}", "25.25"))
    (tmp_path / "README.md").write_text("prices")
    (tmp_path / "old").mkdir()
    write(tmp_path / "old" / "three.json", ec2(G5, "1"))
    assert sorted(read_prices(tmp_path).hourly.values()) == [5.672, 25.25]


@pytest.mark.parametrize("order", [1, -1])
def test_the_newest_price_counts(tmp_path: Path, order: int) -> None:
    dates = {"2026-01-01T00:00:00Z": "7", "2026-11-01T00:00:00Z": "5", "2026-06-01T00:00:00Z": "6"}
    products = [ec2(G5, price, date=date) for date, price in dates.items()]
    # Different prices of a date that is not the newest one are no mistake.
    products.append(ec2(G5, "8", date="2026-06-01T00:00:00Z"))
    assert [*read_prices(write(tmp_path / "prices.json", *products[::order])).hourly.values()] == [5]


def test_different_prices_of_one_date_are_refused_and_equal_ones_are_not(tmp_path: Path) -> None:
    write(tmp_path / "a.json", ec2(G5, "5"), ec2(G5, "5.000"))
    assert [*read_prices(tmp_path).hourly.values()] == [5]
    write(tmp_path / "b.json", ec2(G5, "6"))
    assert mistakes(tmp_path) == [
        f"b.json {G5} of Amazon EC2 in us-east-1 has the prices 5 and 6, both of 2026-10-01: keep one of the products"
    ]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (b"", "the file is no JSON in UTF-8: save the output of aws pricing get-products with --output json"),
        (b"PRICELIST\t{}", "the file is no JSON in UTF-8"),
        ("{}".encode("utf-16"), "the file is no JSON in UTF-8"),
        (b"[" * 100_000, "the file is no JSON in UTF-8"),
        (b"{}", "the file has no list PriceList: save the output of aws pricing"),
        (b"[]", "the file has no list PriceList"),
        (b'{"PriceList": {}}', "the file has no list PriceList"),
    ],
)
def test_a_file_that_is_no_output_of_the_cli_is_refused(tmp_path: Path, text: bytes, mistake: str) -> None:
    file = tmp_path / "prices.json"
    file.write_bytes(text)
    (found,) = mistakes(file)
    assert found.startswith(mistake)
    (found,) = mistakes(tmp_path)
    assert found.startswith(f"prices.json {mistake}")


def test_a_missing_file_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    assert mistakes(tmp_path / "none.json") == ["the file cannot be read (No such file or directory): correct the path"]
    (found,) = mistakes(tmp_path)
    assert found.startswith("the folder has no file *.json: save the output of aws pricing get-products there")


def without(*keys: str) -> str:
    """Return a product of EC2 without the part at a path."""
    whole = json.loads(ec2(G5))
    part = whole
    for key in keys[:-1]:
        part = part[key] if key in part else next(iter(part.values()))[key]
    del part[keys[-1]]
    return json.dumps(whole)


@pytest.mark.parametrize(
    ("wrong", "mistake"),
    [
        ("{", "is no product with attributes: save the unchanged output of aws pricing"),
        ("5", "is no product with attributes"),
        (5, "is no product with attributes"),
        (None, "is no product with attributes"),
        ({"product": []}, "is no product with attributes"),
        (without("product", "attributes"), "is no product with attributes"),
        (without("product", "attributes", "regionCode"), f"{G5} has no regionCode: save the unchanged output"),
        (without("terms"), f"{G5} in us-east-1 has no On-Demand price of an hour: remove the product"),
        (without("terms", "OnDemand"), f"{G5} in us-east-1 has no On-Demand price"),
        (ec2(G5, unit="Quantity"), f"{G5} in us-east-1 has no On-Demand price"),
        (ec2(G5, currency="CNY"), f"{G5} in us-east-1 has a price in CNY: only USD is supported"),
    ],
)
def test_a_wrong_product_is_refused_with_its_place(tmp_path: Path, wrong: Any, mistake: str) -> None:
    (found,) = mistakes(write(tmp_path / "prices.json", ec2(G5), wrong))
    assert found.startswith(f"PriceList[1]: {mistake}")


@pytest.mark.parametrize("price", ["", "five", "-1", "nan", "inf", None, [], {}])
def test_a_price_that_is_no_amount_is_refused(tmp_path: Path, price: Any) -> None:
    (found,) = mistakes(write(tmp_path / "prices.json", ec2(G5, price)))
    assert "pricePerUnit" in found
    assert found.endswith("a number of USD, 0 or more")


@pytest.mark.parametrize("date", ["", "soon", None, 5, "2026-13-01T00:00:00Z"])
def test_a_date_that_is_none_is_refused(tmp_path: Path, date: Any) -> None:
    (found,) = mistakes(write(tmp_path / "prices.json", ec2(G5, date=date)))
    assert "effectiveDate" in found
    assert found.endswith("a date and time")


def test_all_mistakes_of_all_files_are_listed_up_to_a_limit(tmp_path: Path) -> None:
    write(tmp_path / "a.json", "{", ec2(G5, currency="CNY"))
    (tmp_path / "b.json").write_text("no")
    assert [text.partition(" ")[0] for text in mistakes(tmp_path)] == ["a.json", "a.json", "b.json"]
    many = mistakes(write(tmp_path / "a.json", *["{"] * 1000))
    assert len(many) == 21
    assert many[-1] == "there are more problems than these: correct these first"


def documented_commands() -> list[list[str]]:
    text = DOCS.read_text().replace("\\\n", " ")
    return [shlex.split(line) for line in re.findall(r"^\$ (aws pricing .*?) >", text, re.MULTILINE)]


def test_the_documented_commands_are_valid_and_find_the_products_that_the_reader_takes() -> None:
    session = botocore.session.get_session()
    operation = session.get_service_model("pricing").operation_model("GetProducts").input_shape
    kinds = operation.members["Filters"].member.members["Type"].enum
    commands = documented_commands()
    assert len(commands) == 3
    for command in commands:
        assert command[:5] == ["aws", "pricing", "get-products", "--region", "us-east-1"]
        service = command[command.index("--service-code") + 1]
        filters = [
            dict(part.split("=", 1) for part in word.split(",")) for word in command[command.index("--filters") + 1 :]
        ]
        report = ParamValidator().validate({"ServiceCode": service, "Filters": filters}, operation)
        assert not report.has_errors(), report.generate_report()
        assert {each["Type"] for each in filters} <= {*kinds}
        equal = {each["Field"]: each["Value"] for each in filters if each["Type"] == "TERM_MATCH"}
        contained = {each["Field"]: each["Value"] for each in filters if each["Type"] == "CONTAINS"}
        if service == "AmazonEC2":
            assert equal == {**EC2, "instanceType": G5}
        else:
            assert service == "AmazonSageMaker"
            assert [*equal] == ["regionCode"]
            assert contained["usagetype"] in {"Train:ml.", "Cluster:ml."}
    assert "us-east-1" in session.get_available_regions("pricing")
