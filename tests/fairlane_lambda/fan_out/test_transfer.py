import json
import re
from pathlib import Path

import pytest

from fairlane_lambda.fan_out import transfer

FILE = json.loads(Path(transfer.__file__).with_name("transfer_prices.json").read_text())


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("us-east-1", "us-east-1", 0),
        ("", "us-east-1", 0),
        ("us-east-1", "us-east-2", 1),
        ("us-east-2", "us-east-1", 1),
        ("us-east-1", "us-west-2", 2),
        ("eu-central-1", "ap-south-1", 2),
        ("ap-south-1", "eu-central-1", 8.6),
        ("xx-new-1", "us-east-1", 14.7),
    ],
)
def test_transfer_is_paid_in_the_region_of_the_source(source: str, target: str, expected: float) -> None:
    assert transfer.dollars(source, target, 100) == pytest.approx(expected)


def test_the_file_of_prices_is_dated_and_has_sources() -> None:
    assert re.fullmatch(r"20\d\d-\d\d", FILE["as_of"])
    entries = [*FILE["groups"], *FILE["pairs"], FILE["copy_job"]]
    assert all(entry["source"].startswith("https://") and 0 < entry["dollars"] < 1 for entry in entries)
    regions = [region for group in FILE["groups"] for region in group["from"]]
    assert len(regions) == len(set(regions))
