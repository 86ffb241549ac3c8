"""The replication of a registry: the one document of its rules, and who else may write into it."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from weakref import WeakKeyDictionary

import aws_cdk as cdk
import jsii
from aws_cdk import aws_ecr as ecr
from constructs import Construct, IConstruct

from fairlane._internal.checks import check_choice
from fairlane._internal.claims import Claims
from fairlane._internal.tokens import is_token
from fairlane.errors import ConfigurationError, Problem
from fairlane.images.merged_replication import MergedRules
from fairlane.images.names import Place, check_destinations, check_prefix
from fairlane.images.replication_rules import (
    MAX_FILTERS,
    Destinations,
    Rules,
    added,
    as_api,
    destinations,
    grouped,
    limit_problems,
    two_hop_problems,
)

_all: "WeakKeyDictionary[IConstruct, list[RegistryReplication]]" = WeakKeyDictionary()


class ReplicationMode(StrEnum):
    """Whose the replication rules of a registry are."""

    OWN = "own"
    """This app's: what else is in the document is overwritten, and deleting the stack deletes all rules."""
    MERGE = "merge"
    """Somebody else's: a custom resource adds and removes the rules of this app, and touches no others."""
    EXTERNAL = "external"
    """Somebody else's, who alone may write: an output says which rules to add."""


class RegistryReplication(Construct):
    """The replication of the registry of one account and Region, with the rules of all repositories of an app.

    A registry has one document of rules. `RegistryReplication.of(scope)` finds what the app has for the account and
    Region, or makes it in the stack of `scope`; repositories do so by themselves. Make it yourself, before any
    repository, to choose its mode. Prefixes with the same destinations share a rule, as a registry takes 10.

    A prefix is only that: `ml-train` replicates `ml-train-old`, too. There is a warning if the app has such a
    repository in the same account and Region, made by Fairlane or not, that shall not go to all the destinations.

    Updates: in place. In mode `own`, deleting it deletes all rules of the registry, and so does a change of mode:
    CloudFormation deletes the document after the custom resource has written its rules. Go from `own` to another mode
    by removing the resource with a retain policy first. What CloudFormation cannot say of a rule, such as
    `deleteReplication`, may be lost when it writes; in mode `merge`, that of others' rules stays. Nothing of it has
    been run against an AWS account. Sources: "Private image replication" in the Amazon ECR user guide, and its service
    quotas.

    Args:
        scope: where it goes in the app.
        construct_id: its id there.
        mode: whose the registry's rules are.

    Attributes:
        mode: as given.
        place: the registry's account and Region.
        rules: by what names of repositories begin with, where they go.
        document: what has the rules.

    Raises:
        ConfigurationError: if the app has one for the account and Region already, and says who made it.
    """

    def __init__(self, scope: Construct, construct_id: str, *, mode: ReplicationMode = ReplicationMode.OWN) -> None:
        problems = list(check_choice(("mode",), mode, ReplicationMode))
        first = _find(scope)
        problems += _stage_problems(scope, first)
        if first and not problems:
            allowed = f"one for an account and Region: {first.node.path} is it; use RegistryReplication.of(scope)"
            problems.append(Problem((), construct_id, allowed))
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        here = Claims.at(self)
        self.mode = ReplicationMode(mode)
        self.place = Place(here.account, here.region)
        self.rules: dict[str, Destinations] = {}
        _all.setdefault(self.node.root, []).append(self)
        match self.mode:
            case ReplicationMode.OWN:
                self.document: ecr.CfnReplicationConfiguration | MergedRules | cdk.CfnOutput = (
                    ecr.CfnReplicationConfiguration(self, "Resource", replication_configuration=_configuration({}))
                )
            case ReplicationMode.MERGE:
                self.document = MergedRules(self, "Rules")
            case ReplicationMode.EXTERNAL:
                says = "Replication rules to add to those of the registry"
                self.document = cdk.CfnOutput(self, "RulesToAdd", value="[]", description=says)
        cdk.Aspects.of(self).add(_Advisor())

    @classmethod
    def of(cls, scope: Construct) -> "RegistryReplication":
        """The one for the account and Region of a construct's stack, found anywhere in its stage, or made.

        Raises:
            ConfigurationError: if another stage has it.
        """
        found = _find(scope)
        if problems := list(_stage_problems(scope, found)):
            raise ConfigurationError(scope.node.path, problems)
        return found or cls(cdk.Stack.of(scope), "RegistryReplication")

    def replicate(
        self,
        prefix: str,
        *,
        regions: Sequence[str] = (),
        other_accounts: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Replicates repositories that are not made by this app, such as those of rules made by hand before.

        Args:
            prefix: what their names begin with.
            regions: destinations in the same account.
            other_accounts: destinations in others: Regions by account.

        Raises:
            ConfigurationError: with every mistake.
        """
        accounts = other_accounts or {}
        problems = [*check_prefix(("prefix",), prefix), *check_destinations(regions, accounts, self.place)]
        if not problems and not regions and not accounts:
            problems.append(Problem(("regions",), regions, "one Region or more"))
        if not problems:
            to = destinations(regions, accounts, self.place.account)
            problems = list(rule_problems(self, prefix, to))
        if problems:
            raise ConfigurationError(self.node.path, problems)
        self.add(prefix, to)

    def add(self, prefix: str, to: Destinations) -> None:
        """Takes a rule that has been checked."""
        self.rules = added(self.rules, prefix, to)
        if isinstance(self.document, cdk.CfnOutput):
            self.document.value = cdk.Stack.of(self).to_json_string(as_api(self.rules))
        elif isinstance(self.document, MergedRules):
            self.document.set(as_api(self.rules))
        else:
            self.document.replication_configuration = _configuration(self.rules)


def rule_problems(scope: Construct, prefix: str, to: Destinations) -> Iterator[Problem]:
    """Yields what is wrong with one more rule for the registry of a construct, in view of all that the app has."""
    here, registry = Claims.at(scope), _find(scope)
    if to:
        yield from _stage_problems(scope, registry)
    most = MAX_FILTERS
    if registry and registry.mode == ReplicationMode.MERGE:
        most -= 1  # a filter marks each rule as its resource's
    yield from limit_problems(added(registry.rules if registry else {}, prefix, to), most)
    others = {one.place: one.rules for one in _all.get(scope.node.root, ()) if one is not registry}
    yield from two_hop_problems(Place(here.account, here.region), prefix, to, others)


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
            for prefixes, places in grouped(rules)
        ]
    )


def _find(scope: IConstruct) -> RegistryReplication | None:
    """The one for the place of a construct's stack.

    Without a Region, each stack is a place of its own; without an account, each stage has one of its own.
    """
    stack = cdk.Stack.of(scope)
    for one in _all.get(scope.node.root, ()):
        theirs = cdk.Stack.of(one)
        if theirs is stack:
            return one
        if is_token(stack.region) or (theirs.account, theirs.region) != (stack.account, stack.region):
            continue
        if not is_token(stack.account) or _same_stage(one, scope):
            return one
    return None


def _same_stage(one: IConstruct, other: IConstruct) -> bool:
    mine, theirs = cdk.Stage.of(one), cdk.Stage.of(other)
    return (mine and mine.node.path) == (theirs and theirs.node.path)


def _stage_problems(scope: IConstruct, registry: RegistryReplication | None) -> Iterator[Problem]:
    """Stages are deployed apart, so that none can count on another's document."""
    if registry and not _same_stage(registry, scope):
        allowed = f"none in another stage: {registry.node.path} has the rules of this account and Region"
        yield Problem((), cdk.Stack.of(scope).node.path, allowed)


@jsii.implements(cdk.IAspect)
class _Advisor:
    """Warns, when all of an app is there, of repositories that a rule catches and nobody may have meant."""

    def visit(self, node: IConstruct) -> None:
        if not isinstance(node, RegistryReplication):
            return
        every = (one for one in node.node.root.node.find_all() if isinstance(one, ecr.CfnRepository))
        names = sorted(str(one.repository_name) for one in every if one.repository_name and _find(one) is node)
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
                        f"the filter {prefix} is a prefix, so that {name} is replicated to its destinations, too: "
                        "give one of them a name that the other does not begin with",
                    )
