"""Names that constructs of an app claim in an account and Region: duplicates fail at synth instead of at deployment."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

from aws_cdk import Stack
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

    Stacks whose account or Region is unknown at synth have claims of their own.

    Attributes:
        account: Account ID. A token if it is unknown at synth.
        region: Region. A token if it is unknown at synth.
    """

    account: str
    region: str
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
            stack = construct if isinstance(construct, Stack) else _stack(construct)
            if stack not in _cache:
                account, region, node = stack.account, stack.region, stack.node
                resolved = not is_token(account) and not is_token(region)
                place = (account, region) if resolved else (node.path,)
                _cache[stack] = cls(account, region, place, _owners.setdefault(node.root, {}))
            _cache[construct] = _cache[stack]
        return _cache[construct]

    @classmethod
    def account_wide(cls, construct: IConstruct) -> "Claims":
        """Return the claims in the account of a construct's stack, over all Regions."""
        regional = cls.regional(construct)
        place = regional._place if is_token(regional.account) else (regional.account,)
        return cls(regional.account, "", place, regional._owners)

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
            yield Problem.relation((field,), f"{owner} already has the name {name!r}: use another name")

    def add(self, kind: str, name: str, owner: IConstruct) -> None:
        """Claim the name for a construct, unless another construct claims it already."""
        self._owners.setdefault((kind, str(name), *self._place), owner)


def _stack(construct: IConstruct) -> Stack:
    try:
        return Stack.of(construct)
    except RuntimeError as error:
        sentence = f"the construct is not in a stack: use {_SCOPE}"
        raise ConfigurationError(
            construct.node.path or "Fairlane construct", [Problem.relation(("scope",), sentence)]
        ) from error
