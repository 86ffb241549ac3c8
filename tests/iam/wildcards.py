"""Command that writes the page of IAM statements with wildcards: `python -m tests.iam.wildcards`."""

import re
from collections.abc import Iterator
from typing import Final

from tests.arrays import STORE_BUCKET
from tests.iam.compositions import deployments
from tests.iam.kinds import KINDS, kind_of
from tests.iam.roles import Wildcard
from tests.support import REPOSITORY

PAGE: Final = REPOSITORY / "docs" / "iam-wildcards.md"
_INTRODUCTION: Final = """\
# IAM statements with wildcards

This page lists every statement with a wildcard in a resource or an action, in the roles of all environments in this repository
and of a composition with all constructs that create roles. `make iam-wildcards` writes it, and a test fails if it is not
current. The reasons are those that cdk-nag accepts. The last rows are permissions that `grants` and `submit_policy` of a queue
give to people.

Names in capitals stand for names of a deployment: `QUEUE`, `BUCKET/PREFIX/`. `STORE` is the bucket of a sweep store. A log
group's ARN ends with `:*` at deployment, which stands for its log streams. Such resources are not listed.

| Role | Actions | Resource | Conditions | Reason |
|---|---|---|---|---|
"""
_NAMES: Final = {
    r"<AWS::Partition>": "aws",
    r":\d{12}:": ":ACCOUNT:",
    r"<\w+\.JobQueueArn>|arn:aws:batch:[\w-]+:ACCOUNT:job-queue/imported(?=/)": "QUEUE",
    r"<\w+\.Arn>(?=:\*)": "FUNCTION",
    rf"<SweepStore\w+\.Arn>|arn:aws:s3:::{STORE_BUCKET}": "STORE",
    r"<\w+\.Arn>(?=/)": "BUCKET",
    r":[a-z]{2}-[a-z]+-\d:": ":REGION:",
    r"s3:::.+/\*$": "s3:::BUCKET/PREFIX/*",
    r"job-definition/[\w-]+": "job-definition/NAME",
    r"repository/training/": "repository/NAMESPACE/",
}


def page() -> str:
    """Return the text of the page."""
    return _INTRODUCTION + "".join(f"| {' | '.join(row)} |\n" for row in dict.fromkeys(_rows()))


def _rows() -> Iterator[tuple[str, ...]]:
    found = [(kind_of(role), role.wildcards) for deployment in deployments() for role in deployment.everyone()]
    names = list(dict.fromkeys(kind.name for kind in KINDS))
    for kind, wildcards in sorted(found, key=lambda entry: names.index(entry[0].name)):
        for wildcard in wildcards:
            yield (kind.name, *_cells(wildcard))


def _cells(wildcard: Wildcard) -> Iterator[str]:
    yield ", ".join(f"`{action}`" for action in wildcard.actions)
    yield f"`{_named(wildcard.resource)}`"
    yield ", ".join(f"`{_named(condition)}`" for condition in wildcard.conditions)
    yield wildcard.reason or "none"


def _named(resource: str) -> str:
    for pattern, name in _NAMES.items():
        resource = re.sub(pattern, name, resource)
    return resource


if __name__ == "__main__":
    PAGE.write_text(page())
