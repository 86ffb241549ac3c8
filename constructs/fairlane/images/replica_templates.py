"""What a Region has to have before images are replicated to it."""

import json
from collections.abc import Iterator, Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_ecr as ecr
from constructs import Construct

from fairlane._internal.aws import ARN
from fairlane._internal.checks import check_list
from fairlane._internal.claims import Claims
from fairlane._internal.iam_statements import allow
from fairlane._internal.nag import acknowledge_wildcards
from fairlane._internal.service_role import service_role
from fairlane._internal.tokens import is_token
from fairlane.errors import ConfigurationError, Problem
from fairlane.images.names import Place, namespace_of
from fairlane.images.replicated_repository import REPOSITORY, ReplicatedRepository, repository_of
from fairlane.images.repository_rules import template_problems

_TEMPLATE: Final = "creation template"
_REGISTRY_POLICY: Final = "registry policy"
_THE_ONE: Final = "the only one"


class ReplicaTemplates(Construct):
    """Makes replicas like the repositories that they are of: immutability, encryption, lifecycle and policy.

    Put one into a stack of each destination, with all repositories that are replicated there. The stacks of the
    repositories then depend on that stack, so that it is deployed first: a template is for repositories that ECR
    makes after it, and nothing that is there already is changed.

    ECR's templates are for namespaces: one with the prefix `training` is for all repositories `training/...` that
    replication makes in the Region, whoever's they are, and for none that is called `training`. So repositories of a
    namespace have to be set up alike, and the replica of a name without a slash is made here, as a repository that
    stays when it is deleted; if ECR has made it already, import it into the stack. In another account, this also makes
    the registry policy that lets the images in, of which an account and Region has one.

    Updates: in place, for repositories that are made later. Nothing of it has been run against an AWS account: that
    ECR takes a key's role without rights in other namespaces follows its documentation. Sources: "Templates to
    control repositories created during a pull through cache, create on push, or replication action" and "Private
    registry permissions" in the Amazon ECR user guide.

    Args:
        scope: where it goes in the app: a stack in a Region, and account, that the repositories are replicated to.
        construct_id: its id there.
        repositories: those that are replicated there.

    Attributes:
        templates: the templates by namespace.
        replicas: the repositories that have no namespace, by name.
        registry_policy: in another account, what lets the images in.

    Raises:
        ConfigurationError: with every mistake.
    """

    def __init__(self, scope: Construct, construct_id: str, *, repositories: Sequence[ReplicatedRepository]) -> None:
        here = Claims.at(scope)
        place = Place(here.account, here.region)
        problems = list(check_list(("repositories",), repositories, ReplicatedRepository, "ReplicatedRepository"))
        if not problems:
            problems = list(_problems(here, place, repositories))
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        self._place = place
        self.templates: dict[str, ecr.CfnRepositoryCreationTemplate] = {}
        self.replicas: dict[str, ecr.CfnRepository] = {}
        self.registry_policy: ecr.CfnRegistryPolicy | None = None
        inside, alone = Construct(self, "Templates"), Construct(self, "Replicas")
        for repository in repositories:
            name, namespace = repository.repository_name, namespace_of(repository.repository_name)
            if namespace and namespace not in self.templates:
                here.add(_TEMPLATE, namespace, self)
                self.templates[namespace] = self._template(Construct(inside, namespace), namespace, repository)
            elif not namespace:
                here.add(REPOSITORY, name, self)
                self.replicas[name] = repository_of(alone, name, name, repository.settings, place.region)
            repository.prepared(place)
            _deploy_before(cdk.Stack.of(self), cdk.Stack.of(repository))
        if foreign := [repository for repository in repositories if repository.home.account != place.account]:
            here.add(_REGISTRY_POLICY, _THE_ONE, self)
            self.registry_policy = self._let_in(foreign)

    def _template(
        self, scope: Construct, namespace: str, repository: ReplicatedRepository
    ) -> ecr.CfnRepositoryCreationTemplate:
        settings, template = repository.settings, ecr.CfnRepositoryCreationTemplate
        origin = repository.home.region
        key = settings.kms_keys.get(self._place.region)
        return template(
            scope,
            "Resource",
            prefix=namespace,
            applied_for=["REPLICATION"],
            description="Replicas of repositories" + ("" if is_token(origin) else f" in {origin}"),
            custom_role_arn=self._role(scope, namespace, key) if key else None,
            encryption_configuration=template.EncryptionConfigurationProperty(
                encryption_type="KMS" if key else "AES256", kms_key=key
            ),
            image_tag_mutability=settings.mutability,
            image_tag_mutability_exclusion_filters=[
                template.ImageTagMutabilityExclusionFilterProperty(
                    image_tag_mutability_exclusion_filter_type="WILDCARD",
                    image_tag_mutability_exclusion_filter_value=pattern,
                )
                for pattern in settings.mutable_tags
            ]
            or None,
            lifecycle_policy=settings.lifecycle(),
            repository_policy=json.dumps(settings.policy) if settings.policy else None,
        )

    def _role(self, scope: Construct, namespace: str, key: str) -> str:
        """The role that ECR makes encrypted repositories with, which its own cannot."""
        inside = self._arn(f"{namespace}/*")
        statements = [
            allow(["ecr:CreateRepository", "ecr:ReplicateImage"], [inside]),
            allow(["kms:CreateGrant", "kms:DescribeKey", "kms:RetireGrant"], [key]),
        ]
        role = service_role(scope, "Role", "ecr.amazonaws.com", statements)
        acknowledge_wildcards(role, {inside: "a template is for all repositories of its namespace"})
        return role.attr_arn

    def _let_in(self, repositories: Sequence[ReplicatedRepository]) -> ecr.CfnRegistryPolicy:
        accounts = sorted({repository.home.account for repository in repositories})
        statements = [
            {
                **allow(
                    ["ecr:CreateRepository", "ecr:ReplicateImage"],
                    sorted({self._arn(one.repository_name) for one in repositories if one.home.account == account}),
                ),
                "Principal": {"AWS": f"{ARN}:iam::{account}:root"},
            }
            for account in accounts
        ]
        return ecr.CfnRegistryPolicy(
            self, "RegistryPolicy", policy_text={"Version": "2012-10-17", "Statement": statements}
        )

    def _arn(self, name: str) -> str:
        place = self._place
        return f"{ARN}:ecr:{place.region}:{place.account}:repository/{name}"


def _deploy_before(first: cdk.Stack, then: cdk.Stack) -> None:
    if cdk.Stage.of(first) is cdk.Stage.of(then):
        then.add_stack_dependency(first)


def _problems(here: Claims, place: Place, repositories: Sequence[ReplicatedRepository]) -> Iterator[Problem]:
    if is_token(place.region):
        yield Problem((), "a stack without a Region", "a stack of a Region that the repositories are replicated to")
        return
    if not repositories:
        yield Problem(("repositories",), "0 repositories", "one or more")
    first: dict[str, ReplicatedRepository] = {}
    names: set[str] = set()
    for index, repository in enumerate(repositories):
        field, name = ("repositories", index), repository.repository_name
        if place not in repository.destinations:
            yield Problem(field, name, f"one that is replicated to {place}")
        elif repository.home.account != place.account and is_token(repository.home.account):
            yield Problem(field, name, "one of a stack with an account: the registry policy here has to name it")
        namespace = namespace_of(name)
        if repository in repositories[:index] or (not namespace and name in names):
            yield Problem(field, name, "each repository once")
        names.add(name)
        if not namespace:
            if owner := here.owner(REPOSITORY, name):
                yield Problem(field, name, f"a name that is free in {place}: {owner} has it already")
            continue
        if owner := here.owner(_TEMPLATE, namespace):
            yield Problem(field, name, f"one template for a namespace: {owner} has the one for {namespace}")
        other = first.setdefault(namespace, repository)
        for problem in template_problems(place.region, repository.settings, other.settings, other.repository_name):
            yield problem.within(*field)
    foreign = any(repository.home.account != place.account for repository in repositories)
    if foreign and (owner := here.owner(_REGISTRY_POLICY, _THE_ONE)):
        yield Problem((), str(place), f"one registry policy for an account and Region: {owner} has it")
