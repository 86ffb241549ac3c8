"""Faults while a job saves or is asked to stop. After each, the latest checkpoint is whole, and the result is the same."""

import os
import signal
from pathlib import Path

from tests_train.elastic.results import assert_same_result, final_state, latest
from tests_train.elastic.training_operator import Operator

EVERY_TEN_STEPS = ["--save-every=10"]


def test_a_signal_during_a_save_does_not_break_it(tmp_path: Path, fixed: Operator) -> None:
    with Operator(tmp_path, agents=3, options=EVERY_TEN_STEPS) as job:
        job.start(2, "saving 10")
        job.reached("saving", 10, processes=2)
        job.stop()

        assert latest(job).name == "step-0000000011"
        assert job.steps()[-1]["step"] == 11

        job.start(3)
        job.wait("completed")

    assert_same_result(job, fixed)


def test_two_events_in_a_row_lose_nothing(tmp_path: Path, fixed: Operator) -> None:
    with Operator(tmp_path, agents=3) as job:
        job.start(2, "held 10,again 10")
        job.reached("held", 10, processes=2)
        job.signal()
        for process in job.reached("again", 10, processes=2):
            os.kill(process, signal.SIGUSR1)
        job.wait("ready")
        job.start(3)
        job.resize(1)  # the event comes while the processes start
        job.wait("completed")

    assert_same_result(job, fixed)


def test_a_kill_during_a_save_leaves_the_previous_checkpoint(tmp_path: Path, fixed: Operator) -> None:
    with Operator(tmp_path, agents=3, options=EVERY_TEN_STEPS) as job:
        job.start(2, "stuck 20")
        for process in job.reached("stuck", 20, processes=2):
            os.kill(process, signal.SIGKILL)
        job.wait("faulted")

        names = {path.name[:18] for path in job.checkpoints.iterdir()}
        assert names == {"latest", "step-0000000010", "partial-0000000020"}
        assert final_state(job)["/optimizer/state/0.weight/step"] == 10

        job.resize(3)
        job.wait("completed")

    assert {path.name for path in job.checkpoints.iterdir()} == {"latest", "step-0000000030", "step-0000000040"}
    assert_same_result(job, fixed)


def test_a_process_that_never_looks_is_killed_and_costs_the_steps_since_the_last_save(
    tmp_path: Path, fixed: Operator
) -> None:
    with Operator(tmp_path, agents=3, options=EVERY_TEN_STEPS) as job:
        job.start(2, "deaf 17 1")
        job.reached("deaf", 17, processes=1)
        job.stop(timeout=1)

        assert latest(job).name == "step-0000000010"
        assert final_state(job)["/optimizer/state/0.weight/step"] == 10

        job.start(3)
        job.wait("completed")

    assert_same_result(job, fixed)


def test_without_coordination_of_the_agent_the_loop_finds_the_event_itself(tmp_path: Path, fixed: Operator) -> None:
    with Operator(tmp_path, agents=3, coordination="disabled") as job:
        job.start(2, "held 10")
        job.reached("held", 10, processes=2)
        job.resize(3)
        job.wait("completed")

    assert "the agent reports no events" in job.output()
    assert_same_result(job, fixed)


def test_the_eviction_of_one_pod_saves_and_stops_all(tmp_path: Path, fixed: Operator) -> None:
    with Operator(tmp_path, agents=2) as job:
        job.start(2, "held 10 1")
        job.reached("held", 10, processes=1)
        job.agents[1].process.terminate()
        job.agents[1].process.wait(60)
        job.agents[0].wait("faulted")

        assert latest(job).name == "step-0000000010"

        job.resize(1)
        job.wait("completed")

    assert_same_result(job, fixed)
