"""Names that constructs of an app claim in an account and Region: duplicates fail at synth instead of at deployment."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

from aws_cdk import Stack, Stage
from constructs import Construct, IConstruct

from fairlane._internal.tokens import is_token
from fairlane.errors import ConfigurationError, Problem

WORKGROUP: Final = "Athena workgroup"
"""Kind of the names of workgroups. Sweep stores and fan-outs form them from names of their own."""

_SCOPE: Final = "a stack, or a construct in a stack"
_Owners = dict[tuple[str, ...], IConstruct]

_owners: WeakKeyDictionary[IConstruct, _Owners] = WeakKeyDictionary()
_cache: "WeakKeyDictionary[IConstruct, Claims]" = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Claims:
    """Names that the constructs of one app claim in one account and Region.

    An account or Region that is unknown at synth is the same for all stacks of a stage, or of an app without stages:
    the AWS CDK CLI deploys them with the same credentials. Different stages may have different credentials.

    Attributes:
        account: Account ID. A token if it is unknown at synth.
        region: Region. A token if it is unknown at synth.
    """

    account: str
    region: str
    _stack_path: str
    _place: tuple[str, ...]
    _owners: _Owners = field(repr=False)

    @classmethod
    def regional(cls, construct: IConstruct) -> "Claims":
        """Return the claims in the account and Region of a construct's stack, cached by construct.

        Raises:
            ConfigurationError: If `construct` is not a construct in a stack.
        """
        if construct not in _cache:
            if not isinstance(construct, Construct) and not hasattr(construct, "node"):
                raise ConfigurationError("Fairlane construct", [Problem(("scope",), construct, _SCOPE)])
            stack = construct if isinstance(construct, Stack) else stack_of(construct)
            if stack not in _cache:
                account, region = stack.account, stack.region
                place, node = _place(stack, account, region), stack.node
                _cache[stack] = cls(account, region, node.path, place, _owners.setdefault(node.root, {}))
            _cache[construct] = _cache[stack]
        return _cache[construct]

    @classmethod
    def account_wide(cls, construct: IConstruct) -> "Claims":
        """Return the claims in the account of a construct's stack, over all Regions."""
        regional = cls.regional(construct)
        place = _place(construct, regional.account)
        return cls(regional.account, "", regional._stack_path, place, regional._owners)

    def adopt(self, construct: IConstruct) -> None:
        """Cache these claims for a construct of the same stack, which saves a call to Node."""
        _cache[construct] = self

    def owner(self, kind: str, name: str) -> str | None:
        """Return the path of the construct that claims the name, or None."""
        owner = self._owners.get((kind, str(name), *self._place))
        return owner.node.path if owner is not None else None

    def name_problems(self, kind: str, field: str, name: str) -> Iterator[Problem]:
        """Yield a problem if another construct claims the name."""
        if owner := self.owner(kind, name):
            remedy = f"use another name{self.other_remedy(kind, name)}"
            yield Problem.relation((field,), f"{owner} already has the name {name!r}: {remedy}")

    def other_remedy(self, kind: str, name: str) -> str:
        """Return the second remedy for a claimed name, which follows the first. Empty if there is no other remedy."""
        owner = self._owners[(kind, str(name), *self._place)]
        is_known = not is_token(self.account) and not is_token(self.region)
        if is_known or stack_of(owner).node.path == self._stack_path:
            return ""
        return ", or set env of both stacks if they are in different accounts or Regions"

    def add(self, kind: str, name: str, owner: IConstruct) -> None:
        """Claim the name for a construct, unless another construct claims it already."""
        self._owners.setdefault((kind, str(name), *self._place), owner)


def _place(construct: IConstruct, *values: str) -> tuple[str, ...]:
    """Return an account, or an account and a Region, as a key. The key of unknown values contains the stage."""
    if not any(map(is_token, values)):
        return values
    stage = Stage.of(construct)
    return (*("" if is_token(value) else value for value in values), stage.node.path if stage else "")


def stack_of(construct: IConstruct) -> Stack:
    """Return the stack of a construct.

    Raises:
        ConfigurationError: If the construct is not in a stack.
    """
    try:
        return Stack.of(construct)
    except RuntimeError as error:
        sentence = f"the construct is not in a stack: use {_SCOPE}"
        raise ConfigurationError(
            construct.node.path or "Fairlane construct", [Problem.relation(("scope",), sentence)]
        ) from error
