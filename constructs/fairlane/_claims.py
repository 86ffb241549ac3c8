"""Who made what in an app, for things of which AWS has one: found at synth instead of at deployment."""

from weakref import WeakKeyDictionary

from aws_cdk import Stack
from constructs import Construct, IConstruct

from fairlane._tokens import is_token

_owners: WeakKeyDictionary[IConstruct, dict[tuple[str, ...], str]] = WeakKeyDictionary()


def owner_of(place: IConstruct, kind: str, name: str) -> str | None:
    """The path of the construct that has claimed the name, for the account and Region of `place`."""
    return _owners.get(place.node.root, {}).get(_key(place, kind, name))


def claim(place: IConstruct, kind: str, name: str, *, owner: Construct) -> None:
    """Notes that `owner` has the name, for the account and Region of `place`; the first owner stays."""
    _owners.setdefault(place.node.root, {}).setdefault(_key(place, kind, name), owner.node.path)


def _key(place: IConstruct, kind: str, name: str) -> tuple[str, ...]:
    stack = Stack.of(place)
    known = not is_token(stack.account) and not is_token(stack.region)
    where = (stack.account, stack.region) if known else (stack.node.path,)
    return (kind, str(name), *where)
