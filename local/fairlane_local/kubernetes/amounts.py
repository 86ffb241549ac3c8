"""Amounts of resources by name, as in requests, limits and quotas, and what a pod requests together."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

from fairlane.hyperpod.quantities import format_quantity, parse_quantity


@dataclass(frozen=True, slots=True)
class Amount:
    """Exact amount of a resource, and the suffixes of its text.

    Args:
        value: Amount.
        binary: True for suffixes such as Ki and Gi.
    """

    value: Fraction = Fraction()
    binary: bool = False

    def __add__(self, other: "Amount") -> "Amount":
        """Return the sum, with the suffixes of the first amount that is not 0."""
        return Amount(self.value + other.value, self.binary if self.value else other.binary)

    def __str__(self) -> str:
        """Return the canonical text, for example 16Ti for 16384Gi."""
        return format_quantity(self.value, binary=self.binary)


_CACHED: Final = 1024

Amounts = dict[str, Amount]


def read(quantities: Mapping[str, Any] | None) -> Amounts:
    """Return the amounts of quantities by resource."""
    return {name: read_one(quantity) for name, quantity in (quantities or {}).items()}


@lru_cache(_CACHED)
def read_one(quantity: str | float) -> Amount:
    """Return the amount of a quantity."""
    return Amount(parse_quantity(quantity), str(quantity).endswith("i"))


def written(amounts: Mapping[str, Amount]) -> dict[str, str]:
    """Return canonical quantities by resource."""
    return {name: str(amount) for name, amount in sorted(amounts.items())}


def total(parts: Iterable[Mapping[str, Amount]]) -> Amounts:
    """Return the sums by resource."""
    return _combined(parts, lambda one, other: one + other)


def only(amounts: Mapping[str, Amount], names: Collection[str]) -> Amounts:
    """Return the amounts of some resources."""
    return {name: amount for name, amount in amounts.items() if name in names}


def pod_total(spec: Mapping[str, Any], member: str) -> Amounts:
    """Return what a pod requests, or its limits: containers together, or one init container that needs more.

    Args:
        spec: Specification of the pod.
        member: `requests` or `limits`.
    """
    running = total(_of(container, member) for container in spec.get("containers") or ())
    sidecars: Amounts = {}
    highest: Amounts = {}
    for container in spec.get("initContainers") or ():
        own = _of(container, member)
        if container.get("restartPolicy") == "Always":
            sidecars = own = total([sidecars, own])
        else:
            own = total([sidecars, own])
        highest = _highest([highest, own])
    overhead = read(spec.get("overhead"))
    together = _highest([total([running, sidecars]), highest])
    return total([together, overhead if member == "requests" else only(overhead, together)])


def _of(container: Mapping[str, Any], member: str) -> Amounts:
    return read((container.get("resources") or {}).get(member))


def _highest(parts: Iterable[Mapping[str, Amount]]) -> Amounts:
    return _combined(parts, lambda one, other: other if other.value > one.value else one)


def _combined(parts: Iterable[Mapping[str, Amount]], combine: Callable[[Amount, Amount], Amount]) -> Amounts:
    result: Amounts = {}
    for part in parts:
        for name, amount in part.items():
            result[name] = combine(result[name], amount) if name in result else amount
    return result
