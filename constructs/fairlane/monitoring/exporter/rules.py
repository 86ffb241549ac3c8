"""Rules of the exporter's settings. Imports no aws_cdk."""

import re
from collections.abc import Iterator
from typing import Final

from fairlane._internal.checks import check_text, check_whole_number
from fairlane.errors import Problem

_NAMESPACE: Final = re.compile(r"(?!AWS/|:)[A-Za-z0-9._/#:-]{1,255}")


def exporter_problems(interval_minutes: object, namespace: object) -> Iterator[Problem]:
    """Yield an invalid polling interval and an invalid namespace."""
    yield from check_whole_number(("interval_minutes",), interval_minutes, 1, 60, unit="minutes")
    yield from namespace_problems(namespace)


def namespace_problems(namespace: object) -> Iterator[Problem]:
    """Yield an invalid CloudWatch namespace."""
    allowed = (
        "1 to 255 characters of A-Z, a-z, 0-9, . - _ / # and :, not starting with : or with AWS/ (reserved for AWS)"
    )
    yield from check_text(("namespace",), namespace, _NAMESPACE.fullmatch, allowed)
