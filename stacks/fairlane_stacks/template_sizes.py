"""Check of template sizes against the quota of CloudFormation."""

from pathlib import Path
from typing import Final

from aws_cdk.cx_api import CloudAssembly

from fairlane import ConfigurationError, Problem

MAX_TEMPLATE: Final = 1_000_000
"""Most bytes of a template in S3; CloudFormation's quota is 1 MB."""

_TEMPLATE: Final = ".template.json"


def check_template_sizes(assembly: CloudAssembly) -> None:
    """Check the sizes of all templates, which no other tool checks before deployment.

    Args:
        assembly: Synthesized app.

    Raises:
        ConfigurationError: If templates are too large, with the name and size of each.
    """
    problems = [
        Problem.relation(
            (name,),
            f"the template has {size:,} bytes and CloudFormation accepts {MAX_TEMPLATE:,}: use fewer queues, shares or "
            "alarms",
        )
        for path in sorted(Path(assembly.directory).rglob(f"*{_TEMPLATE}"))
        for name, size in [(path.name.removesuffix(_TEMPLATE), path.stat().st_size)]
        if size > MAX_TEMPLATE
    ]
    if problems:
        raise ConfigurationError("The synthesized stacks", problems)
