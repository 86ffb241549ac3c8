"""Configuration of a fan-out: the file that the construct deploys beside its functions."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Config:
    """Configuration of a fan-out.

    Attributes:
        name: Name of the fan-out.
        home: Region of the fan-out.
        template: Text of the template of its lines.
        query: Text of the query that makes the manifest. None for no query.
        regions: Names of the queues by Region, the default queue first.
        placement: Order of the rules that rank candidates.
        residency: Regions in which data may be used, by prefix, for example `s3://drives-eu/`.
        copy_from: Prefixes from which data may be copied. None for all.
        copy_to: Prefixes to which data may be copied. None for all.
        job_definitions: Names of the job definitions that lines for containers can use.
    """

    name: str
    home: str
    template: str
    query: str | None
    regions: Mapping[str, tuple[str, ...]]
    placement: tuple[str, ...]
    residency: Mapping[str, tuple[str, ...]]
    copy_from: tuple[str, ...] | None = None
    copy_to: tuple[str, ...] | None = None
    job_definitions: tuple[str, ...] = ()


def parse_config(text: str | bytes) -> Config:
    """Return the configuration in a JSON text."""
    content: dict[str, Any] = json.loads(text)
    return Config(
        name=content["name"],
        home=content["home"],
        template=content["template"],
        query=content.get("query"),
        regions={region: tuple(entry["queues"]) for region, entry in content["regions"].items()},
        placement=tuple(content.get("placement", ())),
        residency={prefix: tuple(regions) for prefix, regions in content.get("residency", {}).items()},
        copy_from=tuple(content.get("copy_from", ())),
        copy_to=tuple(content.get("copy_to", ())),
        job_definitions=tuple(content.get("job_definitions", ())),
    )


@cache
def read_config() -> Config:
    """Return the configuration in the object that the environment names. It is read once for the life of a function."""
    import boto3

    response = boto3.client("s3").get_object(Bucket=os.environ["CONFIG_BUCKET"], Key=os.environ["CONFIG_KEY"])
    return parse_config(response["Body"].read())
