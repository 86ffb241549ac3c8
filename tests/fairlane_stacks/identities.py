"""Logical ids, types and physical names of all environments, which an update must not change by accident.

`make identities` writes them to `identities.json`. CHANGELOG.md must name each removed or changed logical id.
"""

import json
import re
import sys
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import aws_cdk as cdk

from fairlane.environment import environment_names, load_environment
from fairlane_stacks import build_stacks
from tests.support import REPOSITORY, recommended_flags, template_of

FILE: Final = REPOSITORY / "tests" / "fairlane_stacks" / "identities.json"
_ENVIRONMENTS: Final = REPOSITORY / "environments"

Identities: TypeAlias = dict[str, dict[str, list[str]]]
"""Type and physical names (`Property=name`) of each resource, by stack and logical id."""


def current() -> Identities:
    """Build all environments and return the identities in their templates."""
    identities: Identities = {}
    for name in environment_names(_ENVIRONMENTS):
        app = cdk.App(context=recommended_flags())
        for stack in build_stacks(app, name, load_environment(_ENVIRONMENTS / f"{name}.yaml")):
            identities[stack.stack_name] = template_identities(template_of(stack))
    return identities


def template_identities(template: dict[str, Any]) -> dict[str, list[str]]:
    """Return the type and the physical names of each resource of a template."""
    return {
        logical_id: [
            resource["Type"],
            *(
                f"{key}={value}"
                for key, value in sorted(resource.get("Properties", {}).items())
                if key.endswith(("Name", "Prefix")) and isinstance(value, str)
            ),
        ]
        for logical_id, resource in sorted(template.get("Resources", {}).items())
    }


def unannounced(old: Identities, new: Identities, changelog: str) -> Iterator[str]:
    """Yield the removed and changed resources that the newest section of the changelog does not name."""
    newest = re.split(r"^## ", changelog, flags=re.MULTILINE)[1]
    for stack, resources in old.items():
        for logical_id, identity in resources.items():
            now = new.get(stack, {}).get(logical_id)
            whole_type = f"all `{identity[0]}` resources" in newest
            if now != identity and not whole_type and not re.search(rf"\b{re.escape(logical_id)}\b", newest):
                yield f"{stack} {logical_id}: was {' '.join(identity)}, is {' '.join(now) if now else 'removed'}"


def main() -> None:
    """Write `identities.json`, or exit with an error if the changelog lacks a resource."""
    new = current()
    if FILE.exists():
        changelog = (REPOSITORY / "CHANGELOG.md").read_text()
        if missing := list(unannounced(json.loads(FILE.read_text()), new, changelog)):
            sys.exit("\n".join(["an update replaces or deletes these resources: name them in CHANGELOG.md", *missing]))
    FILE.write_text(json.dumps(new, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
