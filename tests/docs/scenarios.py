"""Pages of scenarios. Each page has one example and the output of the example."""

import re
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

from fairlane.rehearsal import Rehearsal
from tests.support import REPOSITORY

FOLDER = REPOSITORY / "docs" / "scenarios"


@dataclass(frozen=True)
class Page:
    """Page of a scenario, by its name."""

    name: str

    @property
    def text(self) -> str:
        return (FOLDER / f"{self.name}.md").read_text()

    @property
    def code(self) -> str:
        (code,) = re.findall(r"^```python\n(.*?)^```", self.text, re.DOTALL | re.MULTILINE)
        return str(code)

    @property
    def output(self) -> str:
        """Output of the example, as the page shows it."""
        (text,) = re.findall(r"^```text\n(.*?)^```", self.text, re.DOTALL | re.MULTILINE)
        return str(text)

    def run(self, code: str | None = None) -> tuple[dict[str, Any], str]:
        """Return the variables and the output of the example."""
        names: dict[str, Any] = {"__name__": "example"}
        with redirect_stdout(StringIO()) as printed:
            exec(compile(code or self.code, self.name, "exec"), names)
        return names, printed.getvalue()

    def rehearsals(self) -> dict[str, Rehearsal]:
        """Return the rehearsals among the example's variables, by name. The pictures show them."""
        names, _ = self.run()
        return {name.capitalize(): value for name, value in names.items() if isinstance(value, Rehearsal)}


CLUSTER_PAGES = [Page("growing-at-night")]
"""Pages about HyperPod clusters, which show a command instead of Python."""
PAGES = [
    page
    for path in sorted(FOLDER.glob("*.md"))
    if path.name != "README.md" and (page := Page(path.stem)) not in CLUSTER_PAGES
]
