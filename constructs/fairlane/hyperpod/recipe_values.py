"""Keys and values of the elastic part of HyperPod recipes. Imports no aws_cdk."""

from collections.abc import Mapping
from typing import Any, Final

from fairlane.errors import Path
from fairlane.hyperpod.elastic_job import ElasticPolicy

POLICY_KEYS: Final = {
    "min_replicas": "min_nodes",
    "max_replicas": "max_nodes",
    "replica_increment_step": "replica_increment_step",
    "scaling_timeout_seconds": "scaling_timeout",
    "graceful_shutdown_timeout_seconds": "graceful_shutdown_timeout",
    "faulty_scale_down_timeout_seconds": "faulty_timeout",
}
"""Key of `elastic_policy` by field of `ElasticPolicy`."""
ARGS: Final = ("training_config", "training_args")
SMALL: Final = ("uneven_batch", "small_local_batch_size")
LARGE: Final = ("uneven_batch", "large_local_batch_size")
GROUPS: Final = ("uneven_batch", "num_dp_groups_with_small_batch_size")
USE: Final = ("uneven_batch", "use_uneven_batch")


def recipe_policy(recipe: Mapping[str, Any]) -> ElasticPolicy:
    """Return the policy of a recipe, with the keys of `scale_config` as sizes."""
    given = recipe["elastic_policy"]
    fields = {name: given[key] for name, key in POLICY_KEYS.items() if given.get(key) is not None}
    required = {name: given.get(POLICY_KEYS[name]) for name in ("min_replicas", "max_replicas")}
    sizes = tuple(scale_config(recipe)) or None
    return ElasticPolicy(**{**fields, **required}, replica_discrete_values=sizes)


def scale_config(recipe: Mapping[str, Any]) -> dict[int, Mapping[str, Any]]:
    """Return the overrides of a recipe by number of nodes."""
    return {int(key): override or {} for key, override in (recipe.get("scale_config") or {}).items()}


def merged_values(base: Any, override: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping with the values of another one inside, as the launcher merges them."""
    inner = {
        key: merged_values(at(base, (key,)) or {}, value) if isinstance(value, Mapping) else value
        for key, value in override.items()
    }
    return {**base, **inner} if isinstance(base, Mapping) else inner


def at(value: Any, path: Path) -> Any:
    """Return the value at a path. None if a mapping on the way lacks the key."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
