"""Creation templates, replicas and registry policy of a Region that images are replicated to."""

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
from fairlane.images.names import Place, repository_namespace
from fairlane.images.replicated_repository import (
    REPOSITORY,
    ReplicatedRepository,
    create_repository,
    destination_problem,
)
from fairlane.images.repository_rules import template_problems

_TEMPLATE: Final = "creation template"
_REGISTRY_POLICY: Final = "registry policy"
_SINGLETON: Final = "the only one"


class ReplicaTemplates(Construct):
    """Creation templates for the replicas of repositories, which get the same settings as the repositories.

    The settings are tag immutability, encryption, lifecycle policy and repository policy.

    Create one construct in a stack of each destination, with all repositories that are replicated there. The stacks of
    the repositories then depend on that stack, so that the CDK deploys it first: ECR applies a template only to
    repositories that it creates later, and changes no existing repository.

    A template of ECR applies to a namespace: the template with the prefix `training` applies to all repositories
    `training/...` that replication creates in the Region, from any app, and not to a repository named `training`.
    Therefore all repositories of a namespace need the same settings. For a name without a slash, this construct creates
    the replica itself, with removal policy RETAIN; if ECR has already created the replica, import it into the stack. In
    another account, this construct also creates the registry policy that allows the replication. An account has one
    registry policy in each Region.

    Updates: in place, for repositories that ECR creates later. Not tested against a real AWS account: that ECR accepts
    a role without permissions in other namespaces for the key follows its documentation.

    Sources: "Templates to control repositories created during a pull through cache, create on push, or replication
    action" and "Private registry permissions" in the Amazon ECR user guide.

    Args:
        scope: Scope of the construct: a stack in an account and Region that the repositories are replicated to.
        construct_id: Id of the construct.
        repositories: Repositories that are replicated to the account and Region, one or more.

    Attributes:
        templates: Creation templates, by namespace.
        replicas: Replicas without a namespace, by repository name.
        registry_policy: Registry policy that allows the replication. None in the account of the repositories.

    Raises:
        ConfigurationError: If a repository is not replicated to the account and Region, if settings differ within a
            namespace, or if another construct already has the template, the replica's name or the registry policy.
    """

    def __init__(self, scope: Construct, construct_id: str, *, repositories: Sequence[ReplicatedRepository]) -> None:
        claims = Claims.regional(scope)
        place = Place(claims.account, claims.region)
        problems = list(check_list(("repositories",), repositories, ReplicatedRepository, "ReplicatedRepository"))
        if not problems:
            problems = list(_problems(claims, place, repositories))
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        self._place = place
        self.templates: dict[str, ecr.CfnRepositoryCreationTemplate] = {}
        self.replicas: dict[str, ecr.CfnRepository] = {}
        self.registry_policy: ecr.CfnRegistryPolicy | None = None
        templates, replicas = Construct(self, "Templates"), Construct(self, "Replicas")
        for repository in repositories:
            name = repository.repository_name
            namespace = repository_namespace(name)
            if namespace and namespace not in self.templates:
                claims.add(_TEMPLATE, namespace, self)
                template_scope = Construct(templates, namespace)
                self.templates[namespace] = self._create_template(template_scope, namespace, repository)
            elif not namespace:
                claims.add(REPOSITORY, name, self)
                self.replicas[name] = create_repository(replicas, name, name, repository.settings, place.region)
            repository.add_template(place)
            _deploy_before(cdk.Stack.of(self), cdk.Stack.of(repository))
        if foreign := [repository for repository in repositories if repository.home.account != place.account]:
            claims.add(_REGISTRY_POLICY, _SINGLETON, self)
            self.registry_policy = self._create_registry_policy(foreign)

    def _create_template(
        self, scope: Construct, namespace: str, repository: ReplicatedRepository
    ) -> ecr.CfnRepositoryCreationTemplate:
        settings, template = repository.settings, ecr.CfnRepositoryCreationTemplate
        home_region = repository.home.region
        key = settings.kms_keys.get(self._place.region)
        return template(
            scope,
            "Resource",
            prefix=namespace,
            applied_for=["REPLICATION"],
            description="Replicas of repositories" + ("" if is_token(home_region) else f" in {home_region}"),
            custom_role_arn=self._create_role(scope, namespace, key) if key else None,
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

    def _create_role(self, scope: Construct, namespace: str, key: str) -> str:
        """Create the role that ECR needs to create repositories with a KMS key, and return its ARN."""
        repositories = self._repository_arn(f"{namespace}/*")
        statements = [
            allow(["ecr:CreateRepository", "ecr:ReplicateImage"], [repositories]),
            allow(["kms:CreateGrant", "kms:DescribeKey", "kms:RetireGrant"], [key]),
        ]
        role = service_role(scope, "Role", "ecr.amazonaws.com", statements)
        acknowledge_wildcards(role, {repositories: "a template applies to all repositories of its namespace"})
        return role.attr_arn

    def _create_registry_policy(self, repositories: Sequence[ReplicatedRepository]) -> ecr.CfnRegistryPolicy:
        accounts = sorted({repository.home.account for repository in repositories})
        statements = [
            {
                **allow(
                    ["ecr:CreateRepository", "ecr:ReplicateImage"],
                    sorted(
                        {
                            self._repository_arn(repository.repository_name)
                            for repository in repositories
                            if repository.home.account == account
                        }
                    ),
                ),
                "Principal": {"AWS": f"{ARN}:iam::{account}:root"},
            }
            for account in accounts
        ]
        return ecr.CfnRegistryPolicy(
            self, "RegistryPolicy", policy_text={"Version": "2012-10-17", "Statement": statements}
        )

    def _repository_arn(self, name: str) -> str:
        place = self._place
        return f"{ARN}:ecr:{place.region}:{place.account}:repository/{name}"


def _deploy_before(first: cdk.Stack, second: cdk.Stack) -> None:
    if cdk.Stage.of(first) is cdk.Stage.of(second):
        second.add_stack_dependency(first)


def _problems(claims: Claims, place: Place, repositories: Sequence[ReplicatedRepository]) -> Iterator[Problem]:
    if is_token(place.region):
        sentence = "creation templates require a stack with a Region: set the Region of the stack"
        yield Problem.relation((), sentence)
        return
    if not repositories:
        yield Problem.relation(("repositories",), "the list is empty: use one or more repositories")
    first_of_namespace: dict[str, ReplicatedRepository] = {}
    names: set[str] = set()
    for index, repository in enumerate(repositories):
        field, name = ("repositories", index), repository.repository_name
        if place not in repository.destinations:
            yield destination_problem(field, repository, place)
        elif repository.home.account != place.account and is_token(repository.home.account):
            sentence = f"the registry policy must name the account of {name}, which is unknown at synth"
            yield Problem.relation(field, f"{sentence}: set the account of its stack")
        namespace = repository_namespace(name)
        if repository in repositories[:index] or (not namespace and name in names):
            yield Problem.relation(field, f"{name} is listed twice: list each repository once")
        names.add(name)
        if not namespace:
            if owner := claims.owner(REPOSITORY, name):
                yield Problem.relation(field, f"{owner} already has the name {name!r} in {place}: use another name")
            continue
        if owner := claims.owner(_TEMPLATE, namespace):
            sentence = f"{owner} already has the creation template of namespace {namespace}"
            yield Problem.relation(field, f"{sentence}: list all repositories of a namespace in one ReplicaTemplates")
        other = first_of_namespace.setdefault(namespace, repository)
        for problem in template_problems(place.region, repository.settings, other.settings, other.repository_name):
            yield problem.within(*field)
    foreign = any(repository.home.account != place.account for repository in repositories)
    if foreign and (owner := claims.owner(_REGISTRY_POLICY, _SINGLETON)):
        sentence = f"{owner} already has the registry policy of {place}"
        yield Problem.relation((), f"{sentence}: list all repositories of other accounts in one ReplicaTemplates")
