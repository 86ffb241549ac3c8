"""Jobs that several submit grants of one principal allow together. Imports no aws_cdk.

IAM checks the queue, the job definition and the job of a request one by one, and each against all statements of the
principal. So the principal can combine the parts of its grants.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from fairlane.scheduling.share_identifiers import stands_for

ANY_IDENTIFIER: Final = "*"
NO_IDENTIFIER: Final = ""
NO_DEFINITION: Final = ""

_SHARE_IDENTIFIER: Final = "batch:ShareIdentifier"
_UNLIMITED: Final[Mapping[tuple[str, ...], Mapping[str, Any]]] = {
    (NO_IDENTIFIER,): {"Null": {_SHARE_IDENTIFIER: "true"}},
    (ANY_IDENTIFIER,): {"Null": {_SHARE_IDENTIFIER: "false"}},
    (NO_IDENTIFIER, ANY_IDENTIFIER): {},
}


@dataclass(frozen=True, slots=True)
class SubmitGrant:
    """Jobs that one grant allows in one queue.

    Args:
        queue: Name of the queue.
        identifiers: Share identifiers, `ANY_IDENTIFIER`, or `NO_IDENTIFIER` for jobs without one.
        job_definitions: Names of the job definitions. Default: the jobs have none.
    """

    queue: str
    identifiers: tuple[str, ...]
    job_definitions: tuple[str, ...] = (NO_DEFINITION,)

    @property
    def job_condition(self) -> Mapping[str, Any]:
        """Condition on the share identifier of a new job."""
        return _UNLIMITED.get(self.identifiers, self._one_of_the_identifiers("StringLike"))

    @property
    def queue_condition(self) -> Mapping[str, Any]:
        """Condition on the share identifier for a queue and a job definition.

        AWS documents the condition key only for jobs. An example of AWS uses it for queues and job definitions: "Use
        the batch:ShareIdentifier condition key" in the user guide. Without the key, the condition holds.
        """
        return {} if self.identifiers in _UNLIMITED else self._one_of_the_identifiers("StringLikeIfExists")

    def _one_of_the_identifiers(self, operator: str) -> Mapping[str, Any]:
        return {operator: {_SHARE_IDENTIFIER: list(self.identifiers)}}

    def allows(self, job_definition: str, identifier: str) -> bool:
        """Return True if the grant allows all jobs of a job definition with an identifier."""
        return job_definition in self.job_definitions and any(
            own == identifier or (identifier != NO_IDENTIFIER and stands_for(own, identifier))
            for own in self.identifiers
        )


@dataclass(frozen=True, slots=True)
class Excess:
    """Jobs in a queue that no grant allows alone and that all grants allow together."""

    queue: str
    job_definition: str
    identifier: str

    def __str__(self) -> str:
        jobs = "jobs" if self.job_definition == NO_DEFINITION else f"jobs of {self.job_definition}"
        named = f"with the share identifier {self.identifier!r}"
        identifier = {NO_IDENTIFIER: "", ANY_IDENTIFIER: " with any share identifier"}.get(self.identifier, f" {named}")
        return f"{jobs}{identifier} to the queue {self.queue}"


def excesses(grants: Sequence[SubmitGrant]) -> Iterator[Excess]:
    """Yield the jobs that no grant allows alone and that all grants allow together.

    A queue takes either only jobs with a share identifier or only jobs without one, as its grants say.
    """
    definitions = dict.fromkeys(name for grant in grants for name in grant.job_definitions)
    identifiers = dict.fromkeys(name for grant in grants for name in grant.identifiers)
    for queue in dict.fromkeys(grant.queue for grant in grants):
        own = [grant for grant in grants if grant.queue == queue]
        kinds = {name == NO_IDENTIFIER for grant in own for name in grant.identifiers}
        for definition, identifier in product(definitions, identifiers):
            possible = (identifier == NO_IDENTIFIER) in kinds
            if possible and not any(grant.allows(definition, identifier) for grant in own):
                yield Excess(queue, definition, identifier)
