"""Comparison of rehearsals of one team with a simple model of the same policy."""

from hypothesis import example, given
from hypothesis import strategies as st

from fairlane.rehearsal.hyperpod import ClusterJob
from tests.fairlane.hyperpod.governance import EVEN, team

from .clusters import cluster, rehearse
from .reference import Task, simulate

QUOTA = 6
JOBS = st.builds(
    ClusterJob,
    team=st.just("research"),
    submit=st.integers(0, 40),
    run=st.integers(1, 30),
    instances=st.integers(1, QUOTA),
    priority=st.integers(0, 3),
    checkpoint=st.none() | st.integers(1, 5),
)
# The second urgent job is admitted after a preemption within second 12, so it is the newer one.
ADMITTED_IN_TURN = [
    ClusterJob(team="research", submit=0, run=20, instances=4),
    *[ClusterJob(team="research", submit=12, run=2, instances=2, priority=1)] * 2,
    ClusterJob(team="research", submit=13, run=1, instances=3, priority=2),
]


@example(ADMITTED_IN_TURN, True)
@given(st.lists(JOBS, min_size=1, max_size=14), st.booleans())
def test_one_team_runs_as_in_the_simple_model(jobs: list[ClusterJob], preempts: bool) -> None:
    setup = cluster(team(count=QUOTA, preempt_lower_priority=preempts), count=QUOTA, governance=EVEN)
    result = rehearse(setup, *jobs, stop_seconds=0)
    tasks = [
        Task(
            row=row,
            submit=job.submit,
            instances=job.instances or 1,
            run=job.run,
            priority=job.priority,
            checkpoint=job.checkpoint,
        )
        for row, job in enumerate(result.trace.jobs)
    ]
    simulate(tasks, QUOTA, preempts=preempts)
    for task, outcome in zip(tasks, result.outcomes, strict=True):
        starts = tuple(start for start, _, _ in task.runs)
        assert (outcome.first_start, outcome.end) == (starts[0], task.runs[-1][1])
        assert outcome.preemptions == sum(preempted for _, _, preempted in task.runs)
        held = sum(stop - start for start, stop, _ in task.runs)
        assert outcome.waited == task.runs[-1][1] - task.submit - held
        assert outcome.lost == (held - task.run) * task.instances * 8
