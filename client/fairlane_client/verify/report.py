"""Report of a run, as JSON and as a page in Markdown."""

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from typing import Any, Final

from fairlane_client.verify.facts import FACTS
from fairlane_client.verify.findings import CONFIRMED, NOT_SETTLED, REFUTED, Findings

_ACCOUNT: Final = "ACCOUNT"
_MAX_SEEN: Final = 500
_PRINCIPAL: Final = re.compile(r"arn:[\w-]+:(?:iam|sts|organizations)::\S+")
_ACCOUNT_ID: Final = re.compile(r"(?<!\d)\d{12}(?!\d)")  # a denied call can also quote the account of an organization


@dataclass(slots=True)
class Report:
    """Verdicts of a run. It contains no ID of an account, no name of a user or role, and nothing of what jobs run.

    Attributes:
        findings: Verdicts.
        region: Region of the run.
        start: Start of the run.
        stack: Name of the stack.
        failure: Reason why the run ended early. Empty if it did not.
        left: What the teardown did not delete.
        deletion_command: Command that deletes what is left. Empty if nothing is left.
    """

    findings: Findings
    region: str
    start: datetime
    stack: str
    failure: str = ""
    left: list[str] = field(default_factory=list)
    deletion_command: str = ""

    @property
    def is_good(self) -> bool:
        """True if the run confirmed each fact that it can settle, did not end early, and left nothing."""
        open_facts = [fact for fact in FACTS.values() if not fact.reason]
        return not (self.left or self.failure) and all(
            self.findings[fact.id].verdict == CONFIRMED for fact in open_facts
        )

    def count(self, verdict: str) -> int:
        """Return the number of facts with a verdict."""
        return sum(self.findings[fact].verdict == verdict for fact in FACTS)

    def json(self) -> str:
        """Return the report as JSON."""
        document = {
            "version": version("fairlane"),
            "region": self.region,
            "start": f"{self.start:%Y-%m-%dT%H:%M:%SZ}",
            "stack": self.stack,
            "failure": self._hide(self.failure),
            "left": [self._hide(line) for line in self.left],
            "deletion_command": self.deletion_command,
            "facts": [
                {
                    "id": fact.id,
                    "sentence": fact.sentence,
                    "stated": list(fact.stated),
                    "how": fact.how,
                    "verdict": self.findings[fact.id].verdict,
                    "seen": self._seen(fact.id),
                }
                for fact in FACTS.values()
            ],
        }
        return json.dumps(document, indent=2) + "\n"

    def markdown(self) -> str:
        """Return the report as a page in Markdown."""
        counts = ", ".join(f"{self.count(verdict)} {verdict}" for verdict in (CONFIRMED, REFUTED, NOT_SETTLED))
        lines = [
            "# Report of fairlane verify",
            f"Fairlane {version('fairlane')}, Region {self.region}, {self.start:%Y-%m-%d %H:%M} UTC: {counts}.",
        ]
        if self.failure:
            lines.append(f"The run ended early: {self._hide(self.failure)}")
        if self.left:
            left = "\n".join(f"- {self._hide(line)}" for line in self.left)
            lines.append(f"**Not deleted:**\n\n{left}\n\nDelete it with `{self.deletion_command}`")
        rows = [
            (fact.id, fact.sentence, self.findings[fact.id].verdict, self._seen(fact.id)) for fact in FACTS.values()
        ]
        table = ["| fact | sentence | verdict | seen, or reason |", "|---|---|---|---|"]
        table += [f"| {' | '.join(_cell(text) for text in row)} |" for row in rows]
        return "\n\n".join([*lines, "\n".join(table)]) + "\n"

    def _seen(self, fact: str) -> str:
        return self._hide(self.findings[fact].seen)

    def _hide(self, text: Any) -> str:
        return _ACCOUNT_ID.sub(_ACCOUNT, _PRINCIPAL.sub("PRINCIPAL", str(text)))[:_MAX_SEEN]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
