"""Who made what in an app, for things of which AWS has one: found at synth instead of at deployment."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from aws_cdk import Stack
from constructs import IConstruct

from fairlane._internal.tokens import is_token
from fairlane.errors import Problem

_Owners = dict[tuple[str, ...], IConstruct]

_owners: WeakKeyDictionary[IConstruct, _Owners] = WeakKeyDictionary()
_places: "WeakKeyDictionary[IConstruct, Claims]" = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Claims:
    """The names taken in one account and Region by the constructs of one app; unknown ones differ by stack.

    Attributes:
        account: the account; a token where it is not known.
        region: the Region; a token where it is not known.
    """

    account: str
    region: str
    _where: tuple[str, ...]
    _owners: _Owners = field(repr=False)

    @classmethod
    def at(cls, place: IConstruct) -> "Claims":
        """The claims of the account and Region of a construct's stack; each construct is asked for them once."""
        if place not in _places:
            stack = place if isinstance(place, Stack) else Stack.of(place)
            if stack not in _places:
                account, region, node = stack.account, stack.region, stack.node
                known = not is_token(account) and not is_token(region)
                where = (account, region) if known else (node.path,)
                _places[stack] = cls(account, region, where, _owners.setdefault(node.root, {}))
            _places[place] = _places[stack]
        return _places[place]

    def adopt(self, construct: IConstruct) -> None:
        """Give these claims to a construct of the same stack, which spares it the call to Node."""
        _places[construct] = self

    @classmethod
    def of_account(cls, place: IConstruct) -> "Claims":
        """The claims of an account in all its Regions, for what it has one of."""
        regional = cls.at(place)
        where = regional._where if is_token(regional.account) else (regional.account,)
        return cls(regional.account, "", where, regional._owners)

    def owner(self, kind: str, name: str) -> str | None:
        """The path of the construct that has the name."""
        owner = self._owners.get((kind, str(name), *self._where))
        return owner.node.path if owner is not None else None

    def name_problems(self, kind: str, field: str, name: str) -> Iterator[Problem]:
        """Yield a name that another construct has."""
        if owner := self.owner(kind, name):
            yield Problem((field,), name, f"another name: {owner} has it already")

    def add(self, kind: str, name: str, owner: IConstruct) -> None:
        """Notes that a construct has the name; the first one stays."""
        self._owners.setdefault((kind, str(name), *self._where), owner)
