"""Rules of the stacks of an environment: names, permissions boundary, log retention and bootstrap qualifier."""

import re
from collections.abc import Iterator
from typing import Final

from fairlane._internal.athena_names import NAME_PREFIX, PREFIX, PREFIX_RULE
from fairlane._internal.checks import check_text
from fairlane.errors import Problem

STACK_PREFIX: Final = NAME_PREFIX
"""Start of the names of stacks, by default."""
MAX_STACK_NAME: Final = 128
RETENTION_DAYS: Final = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545),
    *(731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""Numbers of days that CloudWatch Logs accepts as the retention time of a log group."""

_BOUNDARY: Final = re.compile(
    r"arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/(?:[A-Za-z0-9+=,.@_-]+/)*[A-Za-z0-9+=,.@_-]{1,128}"
)
_QUALIFIER: Final = re.compile(r"[a-z0-9-]{1,10}")


def stack_setting_problems(
    *,
    stack_prefix: str,
    permissions_boundary: str | None,
    log_retention_days: int | None,
    qualifier: str | None,
    account: str | None,
) -> Iterator[Problem]:
    """Yield the problems of the settings of all stacks.

    Args:
        stack_prefix: Start of the names of the stacks.
        permissions_boundary: ARN of the managed policy that is the permissions boundary of all roles.
        log_retention_days: Number of days that all log groups keep their events.
        qualifier: Qualifier of the CDK bootstrap stack.
        account: Account of the stacks. None if it is unknown.
    """
    yield from check_text(("stack_prefix",), stack_prefix, PREFIX.fullmatch, PREFIX_RULE)
    if permissions_boundary is not None:
        field = ("permissions_boundary",)
        match = _BOUNDARY.fullmatch(permissions_boundary)
        owner = match[1] if match else "aws"
        if match is None:
            allowed = "the ARN of a managed policy, such as arn:aws:iam::123456789012:policy/boundary"
            yield Problem(field, permissions_boundary, allowed)
        elif account is not None and owner not in ("aws", account):
            sentence = f"the policy is in account {owner}: use a policy in account {account}, where the roles are"
            yield Problem.relation(field, sentence)
    if log_retention_days is not None and log_retention_days not in RETENTION_DAYS:
        *days, longest = map(str, RETENTION_DAYS)
        yield Problem(("log_retention_days",), log_retention_days, f"{', '.join(days)} or {longest}")
    if qualifier is not None:
        allowed = "1 to 10 lowercase letters, digits and hyphens, as given to cdk bootstrap --qualifier"
        yield from check_text(("qualifier",), qualifier, _QUALIFIER.fullmatch, allowed)
