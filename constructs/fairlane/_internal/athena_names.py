"""Prefix of names, and names of the Athena workgroups and Glue databases of sweep stores and fan-outs. No aws_cdk."""

import re
from typing import Final

NAME_PREFIX: Final = "fairlane"
"""Start of names, by default."""
PREFIX: Final = re.compile(r"[A-Za-z](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?")
PREFIX_RULE: Final = "1 to 32 letters, digits and hyphens that start with a letter and do not end with a hyphen"


def workgroup_name(name: str, prefix: str = NAME_PREFIX) -> str:
    """Return the name of the workgroup for the queries of one store or fan-out."""
    return f"{prefix}-{name}"


def database_name(name: str, prefix: str = NAME_PREFIX) -> str:
    """Return the name of the database with the tables of one store or fan-out, in lower case without hyphens."""
    return f"{prefix}_{name}".replace("-", "_").lower()
