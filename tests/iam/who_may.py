"""Kinds of roles: who assumes a role, and what the role may do."""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.iam.roles import Deployment
from tests.iam_evaluator import Context, Request

ACCOUNT_ROOT = "account"


@dataclass(frozen=True, slots=True)
class May:
    """Actions that a role may use on resources, under a condition.

    Attributes:
        actions: Actions, separated by spaces.
        resource: Pattern of the resources. `{place}` stands for Region and account.
        when: Function of the request's context that returns True if the actions are allowed.
    """

    actions: str
    resource: str = "*"
    when: Callable[[Context], bool] = lambda _: True

    def covers(self, request: Request, deployment: Deployment) -> bool:
        pattern = self.resource.format(place=f"{deployment.region}:{deployment.account}", account=deployment.account)
        return (
            request.action in self.actions.split()
            and fnmatchcase(request.resource, pattern)
            and self.when(request.context)
        )


@dataclass(frozen=True, slots=True)
class Kind:
    """Kind of role.

    Attributes:
        name: Name in documentation.
        path: Pattern of the path of the construct, as a regular expression.
        trusted: Service that can assume the role, or `ACCOUNT_ROOT` for a role of the tests.
        may: What the role may do.
        for_own_account: True if the service must act for the role's account.
        managed_policies: Names of AWS managed policies of the role. Their statements are not evaluated.
    """

    name: str
    path: str
    trusted: str
    may: tuple[May, ...] = ()
    for_own_account: bool = False
    managed_policies: tuple[str, ...] = ()

    def allows(self, request: Request, deployment: Deployment) -> bool:
        return any(rule.covers(request, deployment) for rule in self.may)
