"""Engines that are driven online give the same runs as a rehearsal."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlane.rehearsal import rehearse
from fairlane.scheduler import Job, Strategies, Trace
from tests.fairlane.rehearsal.test_properties import random_case, random_trace
from tests.fairlane.scheduler.online import drive

CHANCE = st.randoms(use_true_random=True)


@pytest.mark.parametrize("known", [True, False], ids=["run times known", "run times told"])
@given(chance=CHANCE)
@settings(max_examples=60)
def test_jobs_that_come_one_by_one_run_as_in_a_rehearsal(known: bool, chance: Random) -> None:
    policy, _, options = random_case(chance)
    names = [name for name in policy.share_names if not name.endswith("*")] or [""]
    extra = ["c", "team-1", "team-2"] if "team-*" in policy.share_names else []
    trace = random_trace(chance, names + extra, chance.choice([5, 60, 300]))
    ec2_instances = options.get("ec2_instances")
    if not known:  # the driver does not know the work that a checkpoint or a reclaim leaves
        trace = Trace.of(
            Job(share=job.share, priority=job.priority, instances=job.instances, submit=job.submit, run=job.run)
            for job in trace
        )
        ec2_instances = options["ec2_instances"] = None
        options["strategies"] = replace(options["strategies"], restart_seconds=0)
    expected = rehearse(policy, trace, **options)
    runs = drive(
        policy, trace, options["capacity"], options.get("strategies", Strategies()), ec2_instances, chance, known=known
    )
    assert [[run[:3] for run in outcome.runs] for outcome in expected.outcomes] == [
        runs.get(row, []) for row in range(len(trace))
    ]
