"""Rules of the arguments of a fan-out that are constructs or belong to its stack. Imports no aws_cdk."""

from collections.abc import Iterator, Mapping

from fairlane._internal.tokens import is_token
from fairlane.errors import Problem


def home_problems(region: object) -> Iterator[Problem]:
    """Yield a problem if the home Region is unknown at synth."""
    if is_token(region):
        yield Problem.relation(("scope",), "the stack has no Region: set env=Environment(region=...)")


def role_problems(roles: object) -> Iterator[Problem]:
    """Yield the problems of execution roles."""
    if not isinstance(roles, Mapping):
        yield Problem(("execution_roles",), roles, "a mapping of keys to IAM roles")
        return
    for key, role in roles.items():
        if not hasattr(role, "role_arn"):
            yield Problem(("execution_roles", str(key)), role, "an IAM role, for example Role.from_role_arn(...)")


def store_problems(store: object) -> Iterator[Problem]:
    """Yield a problem if a value is no sweep store."""
    if store is not None and not hasattr(store, "bucket_arn"):
        yield Problem(("store",), store, "a SweepStore, or SweepStore.from_bucket_name(...)")
