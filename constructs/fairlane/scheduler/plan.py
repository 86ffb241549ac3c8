"""Plan of a pass: the jobs that a pass would start."""

from dataclasses import dataclass, field

from fairlane.scheduler.submission import WaitReason


@dataclass(slots=True)
class Plan:
    """Jobs that the next pass of a queue starts.

    Attributes:
        free: Free capacity of each environment by index. Planned jobs reduce it.
        starts: Rows of the jobs in the order of their start.
        reasons: Reason why jobs that were considered do not start, by row.
        blocker: Row of the job that no other job may pass. None if the pass considers all jobs.
    """

    free: dict[int, int]
    starts: list[int] = field(default_factory=list)
    reasons: dict[int, WaitReason] = field(default_factory=dict)
    blocker: int | None = None
