"""Kinds of objects that the Kubernetes API serves: those with a schema in `fairlane.hyperpod.kubernetes_schema`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final

from fairlane.hyperpod.kubernetes_schema import known_kinds

_BUILT_IN: Final = "io.k8s.api."


@dataclass(frozen=True, slots=True)
class Kind:
    """Kind of objects in one version.

    Args:
        group: API group. Empty for the core group.
        version: Version, for example v1.
        kind: Name in manifests, for example ResourceQuota.
        plural: Name in paths, for example resourcequotas.
        namespaced: True if each object is in a namespace.
        short_names: Other names for kubectl.
        definition: Name of the schema.
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    short_names: tuple[str, ...]
    definition: str

    @property
    def api_version(self) -> str:
        """Group and version, as in manifests."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def is_custom(self) -> bool:
        """True for a custom resource, which has no strategic merge patch. It needs no CustomResourceDefinition."""
        return not self.definition.startswith(_BUILT_IN)

    @property
    def resource(self) -> str:
        """Plural name and group, as in messages, for example jobs.batch. Versions of a kind share it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified_kind(self) -> str:
        """Kind and group, as in messages, for example Job.batch."""
        return f"{self.kind}.{self.group}" if self.group else self.kind


@cache
def kinds() -> tuple[Kind, ...]:
    """Return all kinds, later versions of a kind after earlier versions."""
    found = []
    for (api_version, name), known in sorted(known_kinds().items()):
        group, _, version = api_version.rpartition("/")
        found.append(Kind(group, version, name, known.plural, known.namespaced, known.short_names, known.definition))
    return tuple(found)


@cache
def preferred_kinds() -> tuple[Kind, ...]:
    """Return each kind once, in its latest version."""
    return tuple({kind.resource: kind for kind in kinds()}.values())


def kind_of(manifest: Mapping[str, object]) -> Kind | None:
    """Return the kind of a manifest, or None if the API does not serve it."""
    return _by_name().get((str(manifest.get("apiVersion")), str(manifest.get("kind"))))


def kind_at(api_version: str, plural: str) -> Kind | None:
    """Return the kind with a plural name in an API version, or None if the API does not serve it."""
    return _by_plural().get((api_version, plural))


@cache
def _by_name() -> Mapping[tuple[str, str], Kind]:
    return MappingProxyType({(kind.api_version, kind.kind): kind for kind in kinds()})


@cache
def _by_plural() -> Mapping[tuple[str, str], Kind]:
    return MappingProxyType({(kind.api_version, kind.plural): kind for kind in kinds()})
