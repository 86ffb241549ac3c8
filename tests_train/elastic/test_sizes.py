from pathlib import Path

import pytest

from tests_train.elastic.results import assert_same_result
from tests_train.elastic.training_operator import Operator

# Three processes share a batch of 16 as 6, 5 and 5. All compute two micro batches: with FSDP, others would wait for ever.
FSDP = ["--parallel=fsdp", "--micro-batch=5"]


@pytest.mark.parametrize("options", [[], FSDP], ids=["ddp", "fsdp"])
def test_a_job_that_changes_its_size_has_the_result_of_one_of_fixed_size(
    tmp_path: Path, fixed: Operator, options: list[str]
) -> None:
    with Operator(tmp_path, agents=4, options=options) as job:
        job.start(2, "held 10")
        job.reached("held", 10, processes=2)
        job.resize(4, "held 20")
        job.reached("held", 20, processes=4)
        job.resize(2, "held 30")
        job.reached("held", 30, processes=2)
        job.resize(3)
        job.wait("completed")

    assert [line["processes"] for line in job.steps()] == [2] * 10 + [4] * 10 + [2] * 10 + [3] * 10
    assert_same_result(job, fixed)
