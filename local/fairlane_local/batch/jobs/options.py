"""Options of the jobs of a local AWS."""

from dataclasses import dataclass

from fairlane_local.processes.options import ProcessOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """Behavior of jobs.

    Args:
        run_seconds: Seconds that an attempt runs, 1 or more, unless the tag `fairlane:run-seconds` of its job has
            another number. Default: 60, because clients miss jobs that are shorter than their polls.
        start_up_seconds: Seconds from SCHEDULED to RUNNING, 0 or more. Default: 0.
        pass_seconds: Seconds between the passes of the scheduler, 1 or more. Jobs that are submitted in between
            compete for the same capacity. Default: 1.
        stop_seconds: Seconds from the decision to stop an attempt until its capacity is free, 0 or more. Default: 20,
            as in AWS's sample event.
        throttle: True to refuse submissions above AWS's rates. Default: True.
        processes: Options of jobs that run as processes of this computer. Default: jobs are simulated.
    """

    run_seconds: int = 60
    start_up_seconds: int = 0
    pass_seconds: int = 1
    stop_seconds: int = 20
    throttle: bool = True
    processes: ProcessOptions | None = None
