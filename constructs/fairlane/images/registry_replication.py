"""Replication of a registry: the document with all its replication rules."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from weakref import WeakKeyDictionary

import aws_cdk as cdk
import jsii
from aws_cdk import aws_ecr as ecr
from constructs import Construct, IConstruct

from fairlane._internal.checks import check_choice
from fairlane._internal.claims import Claims
from fairlane._internal.log_encryption import AnyKey, log_key_arn, log_key_problems
from fairlane._internal.tokens import is_token
from fairlane.errors import ConfigurationError, Problem
from fairlane.images.merged_replication import MergedRules
from fairlane.images.names import Place, check_destinations, check_prefix
from fairlane.images.replication_rules import (
    MAX_FILTERS,
    Destinations,
    Rules,
    add_rule,
    destinations,
    group_rules,
    limit_problems,
    render_rules,
    two_hop_problems,
)

_registries: "WeakKeyDictionary[IConstruct, list[RegistryReplication]]" = WeakKeyDictionary()


class ReplicationMode(StrEnum):
    """Owner of a registry's replication rules."""

    OWN = "own"
    """This app owns the document: other rules are overwritten, and deleting the stack deletes all rules."""
    MERGE = "merge"
    """The document has other owners: a custom resource adds and removes the rules of this app, and no other rules."""
    EXTERNAL = "external"
    """Only another owner writes the document: an output has the rules for this owner to add."""


class RegistryReplication(Construct):
    """Replication of the registry of one account and Region, with the rules of all repositories of the app.

    A registry has one document of rules. `RegistryReplication.of(scope)` returns the app's construct for the account
    and Region, or creates it in the stack of `scope`; a `ReplicatedRepository` calls it by itself. To choose another
    mode, create the construct before any repository. Prefixes with the same destinations share a rule, because a
    registry accepts 10 rules.

    A filter is a prefix of repository names: `ml-train` also replicates `ml-train-old`. Fairlane warns if the app has
    such a repository in the same account and Region, created by Fairlane or not, whose own rule does not have all the
    destinations.

    Updates: in place. In mode `own`, deleting the construct deletes all rules of the registry. So does a change of the
    mode: CloudFormation deletes the document after the custom resource has written its rules. To change from `own` to
    another mode, first remove the resource with a retain policy. Properties of a rule that CloudFormation does not
    support, such as `deleteReplication`, may be lost when CloudFormation writes the document. Mode `merge` keeps these
    properties in the rules of other owners. Not tested against a real AWS account.

    Sources: "Private image replication" in the Amazon ECR user guide, and its service quotas.

    Args:
        scope: Scope of the construct.
        construct_id: Id of the construct.
        mode: Owner of the registry's rules. Default: `ReplicationMode.OWN`.
        log_encryption_key: KMS key of the log group of the custom resource in mode `merge`, or its ARN, as in
            `TrainingVpc`. Default: encryption with a key of CloudWatch Logs.

    Attributes:
        mode: Mode, as given.
        place: Account and Region of the registry.
        rules: Destinations of repositories, by the prefix of their names.
        document: Resource or output with the rules.

    Raises:
        ConfigurationError: If the app already has a construct for the account and Region, which the error names, or if
            the key is not valid.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        mode: ReplicationMode = ReplicationMode.OWN,
        log_encryption_key: AnyKey | None = None,
    ) -> None:
        problems = [*check_choice(("mode",), mode, ReplicationMode), *log_key_problems(scope, log_encryption_key)]
        existing = _find_registry(scope)
        problems += _stage_problems(scope, existing)
        if existing and not problems:
            sentence = f"{existing.node.path} already has the replication rules of this account and Region"
            problems.append(Problem.relation((), f"{sentence}: use RegistryReplication.of(scope)"))
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        claims = Claims.regional(self)
        self.mode = ReplicationMode(mode)
        self.place = Place(claims.account, claims.region)
        self.rules: dict[str, Destinations] = {}
        match self.mode:
            case ReplicationMode.OWN:
                self.document: ecr.CfnReplicationConfiguration | MergedRules | cdk.CfnOutput = (
                    ecr.CfnReplicationConfiguration(self, "Resource", replication_configuration=_configuration({}))
                )
            case ReplicationMode.MERGE:
                self.document = MergedRules(self, "Rules", log_key=log_key_arn(self, log_encryption_key))
            case ReplicationMode.EXTERNAL:
                description = "Replication rules to add to the rules of the registry"
                self.document = cdk.CfnOutput(self, "RulesToAdd", value="[]", description=description)
        _registries.setdefault(self.node.root, []).append(self)
        cdk.Aspects.of(self).add(_Advisor())

    @classmethod
    def of(cls, scope: Construct) -> "RegistryReplication":
        """Return the construct for the account and Region of a construct's stack, and create it if the app has none.

        Args:
            scope: Any construct in a stack of the account and Region.

        Raises:
            ConfigurationError: If the construct is in another stage.
        """
        existing = _find_registry(scope)
        if problems := list(_stage_problems(scope, existing)):
            raise ConfigurationError(scope.node.path, problems)
        return existing or cls(cdk.Stack.of(scope), "RegistryReplication")

    def replicate(
        self,
        prefix: str,
        *,
        regions: Sequence[str] = (),
        other_accounts: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Replicate repositories that the app does not create, for example those of hand-made rules.

        Args:
            prefix: Prefix of the repositories' names.
            regions: Destination Regions in the same account. Default: none.
            other_accounts: Destination Regions in other accounts, by account ID. Default: none.

        Raises:
            ConfigurationError: If the prefix or a destination is invalid, or a limit of the registry is exceeded.
        """
        accounts = other_accounts or {}
        problems = [*check_prefix(("prefix",), prefix), *check_destinations(regions, accounts, self.place)]
        if not problems and not regions and not accounts:
            problems.append(Problem(("regions",), regions, "a list of one or more Regions"))
        if not problems:
            to = destinations(regions, accounts, self.place.account)
            problems = list(rule_problems(self, prefix, to))
        if problems:
            raise ConfigurationError(self.node.path, problems)
        self.add(prefix, to)

    def add(self, prefix: str, to: Destinations) -> None:
        """Add a rule that is already checked."""
        self.rules = add_rule(self.rules, prefix, to)
        if isinstance(self.document, cdk.CfnOutput):
            self.document.value = cdk.Stack.of(self).to_json_string(render_rules(self.rules))
        elif isinstance(self.document, MergedRules):
            self.document.set_rules(render_rules(self.rules))
        else:
            self.document.replication_configuration = _configuration(self.rules)


def rule_problems(scope: Construct, prefix: str, to: Destinations) -> Iterator[Problem]:
    """Yield the problems of a new rule in the registry of a construct, given all rules of the app.

    Args:
        scope: Construct in the account and Region of the registry.
        prefix: Prefix of the rule.
        to: Destinations of the rule.
    """
    claims, registry = Claims.regional(scope), _find_registry(scope)
    if to:
        yield from _stage_problems(scope, registry)
    max_filters = MAX_FILTERS
    if registry and registry.mode == ReplicationMode.MERGE:
        max_filters -= 1  # the custom resource adds a filter to each of its rules
    yield from limit_problems(add_rule(registry.rules if registry else {}, prefix, to), max_filters)
    others = {other.place: other.rules for other in _registries.get(scope.node.root, ()) if other is not registry}
    yield from two_hop_problems(Place(claims.account, claims.region), prefix, to, others)


def _configuration(rules: Rules) -> ecr.CfnReplicationConfiguration.ReplicationConfigurationProperty:
    cfn = ecr.CfnReplicationConfiguration
    return cfn.ReplicationConfigurationProperty(
        rules=[
            cfn.ReplicationRuleProperty(
                destinations=[
                    cfn.ReplicationDestinationProperty(region=place.region, registry_id=place.account)
                    for place in places
                ],
                repository_filters=[
                    cfn.RepositoryFilterProperty(filter=prefix, filter_type="PREFIX_MATCH") for prefix in prefixes
                ],
            )
            for prefixes, places in group_rules(rules)
        ]
    )


def _find_registry(scope: IConstruct) -> RegistryReplication | None:
    """Return the app's construct for the account and Region of a construct's stack.

    If the Region is unknown at synth, each stack has its own registry. If only the account is unknown, each stage has
    its own registry.
    """
    stack = cdk.Stack.of(scope)
    for registry in _registries.get(scope.node.root, ()):
        registry_stack = cdk.Stack.of(registry)
        if registry_stack is stack:
            return registry
        if is_token(stack.region) or (registry_stack.account, registry_stack.region) != (stack.account, stack.region):
            continue
        if not is_token(stack.account) or _same_stage(registry, scope):
            return registry
    return None


def _same_stage(construct: IConstruct, other: IConstruct) -> bool:
    stage, other_stage = cdk.Stage.of(construct), cdk.Stage.of(other)
    return (stage and stage.node.path) == (other_stage and other_stage.node.path)


def _stage_problems(scope: IConstruct, registry: RegistryReplication | None) -> Iterator[Problem]:
    """Yield a problem if another stage has the registry: stages are deployed separately."""
    if registry and not _same_stage(registry, scope):
        yield Problem.relation(
            (),
            f"{registry.node.path} in another stage already has the replication rules of this account and Region: "
            f"replicate from one stage only, not also from {cdk.Stack.of(scope).node.path}",
        )


@jsii.implements(cdk.IAspect)
class _Advisor:
    """Aspect that warns about repositories that the rule of another repository also replicates."""

    def visit(self, node: IConstruct) -> None:
        if not isinstance(node, RegistryReplication):
            return
        constructs = node.node.root.node.find_all()
        repositories = (construct for construct in constructs if isinstance(construct, ecr.CfnRepository))
        names = sorted(
            str(repository.repository_name)
            for repository in repositories
            if repository.repository_name and _find_registry(repository) is node
        )
        for prefix, to in node.rules.items():
            for name in names:
                if (
                    name != prefix
                    and not prefix.endswith("/")
                    and name.startswith(prefix)
                    and to - node.rules.get(name, frozenset())
                ):
                    cdk.Annotations.of(node).add_warning_v2(
                        f"fairlane:RegistryReplication.sibling.{prefix}.{name}",
                        f"the filter {prefix} is a prefix, so ECR also replicates {name} to the destinations of "
                        f"{prefix}: rename one of them, so that {prefix} is no prefix of {name}",
                    )
