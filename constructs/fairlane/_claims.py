"""Who made what in an app, for things of which AWS has one: found at synth instead of at deployment."""

from weakref import WeakKeyDictionary

from aws_cdk import Stack
from constructs import IConstruct

from fairlane._tokens import is_token

_owners: WeakKeyDictionary[IConstruct, dict[tuple[str, ...], str]] = WeakKeyDictionary()


class Claims:
    """The names taken in one account and Region by the constructs of one app; unknown ones differ by stack.

    Args:
        place: any construct in a stack of that account and Region.
    """

    def __init__(self, place: IConstruct) -> None:
        stack = Stack.of(place)
        account, region = stack.account, stack.region
        known = not is_token(account) and not is_token(region)
        self._where = (account, region) if known else (stack.node.path,)
        self._owners = _owners.setdefault(stack.node.root, {})

    def owner(self, kind: str, name: str) -> str | None:
        """The path of the construct that has the name."""
        return self._owners.get((kind, str(name), *self._where))

    def add(self, kind: str, name: str, owner: str) -> None:
        """Notes that the construct at path `owner` has the name; the first one stays."""
        self._owners.setdefault((kind, str(name), *self._where), owner)
