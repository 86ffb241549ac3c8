"""Templates that CloudFormation would refuse for their size."""

from pathlib import Path
from typing import Final

from aws_cdk.cx_api import CloudAssembly

from fairlane import ConfigurationError, Problem

MAX_TEMPLATE: Final = 1_000_000
"""Bytes of a template in S3; CloudFormation's quota is a megabyte."""

_TEMPLATE: Final = ".template.json"


def check_template_sizes(assembly: CloudAssembly) -> None:
    """Refuses templates that are too large, which nothing else does before deployment.

    Args:
        assembly: what was synthesized.

    Raises:
        ConfigurationError: naming each of them.
    """
    problems = [
        Problem((name,), f"a template of {size:,} bytes", f"at most {MAX_TEMPLATE:,}: fewer queues, shares or alarms")
        for path in sorted(Path(assembly.directory).rglob(f"*{_TEMPLATE}"))
        for name, size in [(path.name.removesuffix(_TEMPLATE), path.stat().st_size)]
        if size > MAX_TEMPLATE
    ]
    if problems:
        raise ConfigurationError("The synthesized stacks", problems)
