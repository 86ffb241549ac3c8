"""Instance types and training plans that the templates of a fan-out name."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from fairlane_lambda.fan_out.names import TEMPLATES

_TYPE: Final = re.compile(r'"(ml\.[a-z0-9-]+\.[a-z0-9-]+)"')
_COUNT: Final = re.compile(r'"InstanceCount"\s*:\s*(\d{1,5})\b')
_PLAN: Final = re.compile(r":training-plan/([A-Za-z0-9-]+)")


class Needs(NamedTuple):
    """Needs of the jobs of a fan-out.

    Attributes:
        types: Instance types.
        instances: Largest number of instances of a job, at least 1.
        plans: Names of training plans.
    """

    types: frozenset[str]
    instances: int
    plans: frozenset[str]


def find_needs(templates: Iterable[str]) -> Needs:
    """Return the needs that templates name.

    Args:
        templates: Texts of the templates.
    """
    text = "\n".join(templates)
    counts = map(int, _COUNT.findall(text))
    return Needs(frozenset(_TYPE.findall(text)), max([1, *counts]), frozenset(_PLAN.findall(text)))


def own_templates(s3: Any, bucket: str) -> Iterator[str]:
    """Yield the texts of the templates that lines can name.

    Args:
        s3: boto3 client of Amazon S3.
        bucket: Bucket of the fan-out.
    """
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=TEMPLATES):
        for item in page.get("Contents", []):
            yield s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read().decode(errors="replace")
