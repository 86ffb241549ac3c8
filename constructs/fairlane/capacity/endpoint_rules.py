"""Policies of VPC endpoints, and their rules. Imports no aws_cdk."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from fairlane._internal.checks import BUCKET_NAME, check_list, is_single_resource
from fairlane._internal.iam_statements import Statement, policy_size
from fairlane.errors import Problem

MAX_ENDPOINT_POLICY: Final = 20_480
"""Most characters of the policy of a VPC endpoint (Amazon VPC quotas)."""

SERVICES_WITHOUT_POLICIES: Final = {"ecs-agent", "ecs-telemetry"}
"""Services whose endpoints support no policies. Only the ECS agent calls them."""

_ORGANIZATION: Final = re.compile(r"o-[a-z0-9]{10,32}")
_ACCOUNT: Final = re.compile(r"[0-9]{12}")
_BUCKET: Final = re.compile(BUCKET_NAME)
_BUCKETS_OF_AWS: Final = ("prod-{region}-starport-layer-bucket", "al2023-repos-{region}-de612dc2")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointPolicies:
    """Limits of VPC endpoints: the principals that can use the endpoints, and the resources that they can reach.

    Without any argument, principals of the stack's account can reach resources of this account. The endpoint of S3 also
    allows reading the buckets of AWS with the layers of ECR images and with the packages of Amazon Linux 2023. AWS
    services that call with their own principal are allowed.

    Args:
        organization: ID of the organization of the stack's account, for example o-a1b2c3d4e5. Principals of the
            organization can reach resources of the organization. Default: no organization, only the stack's account.
        accounts: IDs of other accounts, whose principals and resources are also allowed, for example the owner of a
            shared image. Twelve digits each. Default: none.
        buckets: Names of the only S3 buckets that the endpoint of S3 allows, whoever owns them. Default: all buckets of
            the organization or account, and of `accounts`.
    """

    organization: str | None = None
    accounts: Sequence[str] = ()
    buckets: Sequence[str] | None = None

    def problems(self) -> Iterator[Problem]:
        """Yield the values that are not allowed, and policies that are too long."""
        problems: list[Problem] = []
        if self.organization is not None and not is_single_resource(self.organization, _ORGANIZATION):
            allowed = "the ID of an organization, such as o-a1b2c3d4e5"
            problems.append(Problem(("organization",), self.organization, allowed))
        problems += _list_problems("accounts", self.accounts, _ACCOUNT, "account", "twelve digits in quotes")
        if self.buckets is not None:
            allowed = "the name of an S3 bucket, without s3:// and without *"
            problems += _list_problems("buckets", self.buckets, _BUCKET, "bucket", allowed)
        yield from problems
        for field, service, endpoints in (("buckets", "s3", "endpoint of S3"), ("accounts", "logs", "other endpoints")):
            size = 0 if problems else policy_size(self.statements(service, "us-gov-west-1", "0" * 12, "arn:aws-us-gov"))
            if size > MAX_ENDPOINT_POLICY:
                sentence = (
                    f"the policy of the {endpoints} has {size} characters, but a VPC endpoint accepts at most "
                    f"{MAX_ENDPOINT_POLICY}: use fewer {'accounts and buckets' if service == 's3' else 'accounts'}"
                )
                yield Problem.relation((field if self.buckets else "accounts",), sentence)
                return

    def statements(self, service: str, region: str, account: str, arn: str) -> Iterator[Statement]:
        """Yield the statements of the policy of an endpoint.

        Args:
            service: Service of the endpoint, for example s3.
            region: Region of the endpoint.
            account: Account of the stack.
            arn: Start of the ARNs, for example `arn:aws`.
        """
        accounts = [*self.accounts] if self.organization else [account, *self.accounts]
        of_principals = self._owners("aws:PrincipalOrgID", "aws:PrincipalAccount", accounts)
        of_resources = self._owners("aws:ResourceOrgID", "aws:ResourceAccount", accounts)
        if service == "s3" and self.buckets is not None:
            of_resources = [{}]
            resources = [f"{arn}:s3:::{name}{suffix}" for name in self.buckets for suffix in ("", "/*")]
        else:
            resources = ["*"]
        for principal, resource in product(of_principals, of_resources) if resources else ():
            yield _allow("*", resources, {"StringEquals": principal | resource})
        yield _allow("*", ["*"], {"Bool": {"aws:PrincipalIsAWSService": "true"}})
        if service == "s3":
            names = [name.format(region=region) for name in _BUCKETS_OF_AWS]
            yield _allow("s3:GetObject", [f"{arn}:s3:::{name}/*" for name in names], None)

    def _owners(self, of_organization: str, of_account: str, accounts: list[str]) -> list[dict[str, str | list[str]]]:
        owners: list[dict[str, str | list[str]]] = []
        if self.organization:
            owners.append({of_organization: self.organization})
        if accounts:
            owners.append({of_account: accounts})
        return owners


def endpoint_policy_problems(policies: object) -> Iterator[Problem]:
    """Yield the problems of the endpoint policies of a network."""
    if isinstance(policies, EndpointPolicies):
        for problem in policies.problems():
            yield problem.within("endpoint_policies")
    elif policies is not None:
        yield Problem(("endpoint_policies",), policies, "an EndpointPolicies")


def _list_problems(field: str, names: object, form: re.Pattern[str], noun: str, allowed: str) -> Iterator[Problem]:
    problems = list(check_list((field,), names, str, f"{noun}s"))
    yield from problems
    if problems or not isinstance(names, Sequence):
        return
    for index, name in enumerate(names):
        if not is_single_resource(name, form):
            yield Problem((field, index), name, allowed)
        if name in names[:index]:
            yield Problem.relation((field, index), f"{name} is listed twice: list each {noun} once")


def _allow(action: str, resources: Sequence[str], condition: object) -> Statement:
    statement: Statement = {"Effect": "Allow", "Principal": "*", "Action": action, "Resource": list(resources)}
    return statement | ({"Condition": condition} if condition else {})
