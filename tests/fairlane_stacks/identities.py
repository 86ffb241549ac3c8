"""Logical ids, types and physical names of every environment: what must not change by accident in an update.

`make identities` writes them to `identities.json`; CHANGELOG.md has to name each logical id that is gone or changed.
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
"""By stack and logical id, the type, and the physical names as `Property=name`."""


def current() -> Identities:
    """Build every environment and return what is in its templates."""
    found: Identities = {}
    for name in environment_names(_ENVIRONMENTS):
        app = cdk.App(context=recommended_flags())
        for stack in build_stacks(app, name, load_environment(_ENVIRONMENTS / f"{name}.yaml")):
            found[stack.stack_name] = identities_of(template_of(stack))
    return found


def identities_of(template: dict[str, Any]) -> dict[str, list[str]]:
    """Return type and physical names of each resource of a template."""
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
    """Yield each resource that is gone or changed and that the newest part of the changelog does not name."""
    newest = re.split(r"^## ", changelog, flags=re.MULTILINE)[1]
    for stack, resources in old.items():
        for logical_id, identity in resources.items():
            now = new.get(stack, {}).get(logical_id)
            if now != identity and not re.search(rf"\b{re.escape(logical_id)}\b", newest):
                yield f"{stack} {logical_id}: was {' '.join(identity)}, is {' '.join(now) if now else 'gone'}"


def main() -> None:
    """Write the identities again, unless the changelog lacks one."""
    new = current()
    if FILE.exists():
        changelog = (REPOSITORY / "CHANGELOG.md").read_text()
        if lacking := list(unannounced(json.loads(FILE.read_text()), new, changelog)):
            sys.exit(
                "\n".join(["CHANGELOG.md does not name these, which an update would replace or delete:", *lacking])
            )
    FILE.write_text(json.dumps(new, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
