"""The rules for the exporter of job metrics that need no queue. Knows no aws_cdk."""

from collections.abc import Iterator

from fairlane._checks import check_text, check_whole_number
from fairlane._problems import Problem


def exporter_problems(interval_minutes: object, namespace: object) -> Iterator[Problem]:
    """Yields an interval and a namespace that cannot be right."""
    yield from check_whole_number(("interval_minutes",), interval_minutes, 1, 60, of="minutes")
    allowed = "1 to 255 characters that do not begin with AWS/, which is AWS's"
    yield from check_text(
        ("namespace",), namespace, lambda text: 1 <= len(text) <= 255 and not text.startswith("AWS/"), allowed
    )
