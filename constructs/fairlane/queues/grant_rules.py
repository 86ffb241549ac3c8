"""Rules of permissions on queues: shares, priorities, IAM roles and names of managed policies. Imports no aws_cdk."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from fairlane._internal.checks import alternatives, check_name, check_text, check_whole_number
from fairlane._internal.tokens import is_token, without_tokens
from fairlane.errors import Path, Problem
from fairlane.scheduling.fair_share import FairShare
from fairlane.scheduling.policy import MAX_JOB_PRIORITY, SchedulingPolicy
from fairlane.scheduling.share_identifiers import check_share_identifier, stands_for

MAX_MANAGED_POLICY: Final = 6_144
"""Most characters of a managed policy (IAM quotas)."""

_ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):role/(?:[!-~]+/)?[\w+=,.@-]{1,64}", re.ASCII)
_PROTECTED: Final = re.compile(r":role/(aws-reserved/sso\.amazonaws\.com|aws-service-role)/")
_POLICY_NAME: Final = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)


def share_problems(
    field: Path,
    shares: Sequence[str] | None,
    scheduling: SchedulingPolicy | None,
    *policies: type[SchedulingPolicy],
) -> Iterator[Problem]:
    """Yield the problems of the shares of a grant.

    Args:
        field: Path to the shares.
        shares: Names of shares. None for all shares.
        scheduling: Scheduling policy of the queue. None if it is unknown.
        policies: Scheduling policies whose shares the grant can have.
    """
    if shares is None:
        return
    if isinstance(shares, str) or not shares or not all(isinstance(share, str) for share in shares):
        yield Problem(field, shares, "a list of one or more names")
    elif scheduling is not None and not isinstance(scheduling, policies):
        required = alternatives([policy.__name__ for policy in policies])
        sentence = f"requires {required}, and the queue has {type(scheduling).__name__}: remove {field[-1]}"
        yield Problem.relation(field, sentence)
    else:
        fair = FairShare in policies if scheduling is None else isinstance(scheduling, FairShare)
        check = check_share_identifier if fair else check_name
        for index, share in enumerate(shares):
            path = (*field, index)
            yield from list(check(path, without_tokens(share, "x"))) or _unknown_share(path, share, scheduling)


def _unknown_share(field: Path, share: str, scheduling: SchedulingPolicy | None) -> Iterator[Problem]:
    if scheduling is not None and not is_token(share):
        names = scheduling.share_names
        if not any(stands_for(name, share) for name in names):
            yield Problem(field, share, f"a share of the queue: {', '.join(names)}")


def check_max_priority(max_priority: int | None) -> Iterator[Problem]:
    """Check the highest scheduling priority of a grant; None passes."""
    if max_priority is not None:
        yield from check_whole_number(("max_priority",), max_priority, 0, MAX_JOB_PRIORITY)


def check_role(field: Path, role: str) -> Iterator[Problem]:
    """Check the ARN of an IAM role whose policies a stack can change."""
    problems = list(check_text(field, role, _ROLE.fullmatch, "the ARN of an IAM role, arn:aws:iam::ACCOUNT:role/NAME"))
    yield from problems
    if not problems and (match := _PROTECTED.search(role)):
        service = "is linked to a service" if match[1] == "aws-service-role" else "belongs to IAM Identity Center"
        sentence = f"the role {service}, so that no stack can change its policies: use managed_policy_name"
        yield Problem.relation(field, sentence)


def account_of_role(role: str) -> str | None:
    """Return the account of the ARN of a role, or None for another text."""
    match = _ROLE.fullmatch(role)
    return match[1] if match else None


def check_policy_name(field: Path, name: str) -> Iterator[Problem]:
    """Check the name of a managed policy."""
    yield from check_text(field, name, _POLICY_NAME.fullmatch, "1 to 128 characters of A-Z, a-z, 0-9 and _ + = , . @ -")
