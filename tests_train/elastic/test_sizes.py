from pathlib import Path

import pytest

from tests_train.elastic.results import assert_same_result
from tests_train.elastic.training_operator import Operator

SIZES = (2, 4, 2, 3)
"""Sizes of the job, for ten steps each. Three processes share a batch of 16 as 6, 5 and 5."""


@pytest.mark.parametrize("options", [[], ["--parallel=fsdp", "--micro-batch=3"]], ids=["ddp", "fsdp"])
def test_a_job_that_changes_its_size_has_the_result_of_one_of_fixed_size(
    tmp_path: Path, fixed: Operator, options: list[str]
) -> None:
    with Operator(tmp_path, agents=4, points="held 10,held 20,held 30", options=options) as job:
        job.start(SIZES[0])
        for number, size in enumerate(SIZES[:-1], start=1):
            job.reached("held", 10 * number, processes=size)
            job.resize(SIZES[number])
        job.wait("completed")

    assert [line["processes"] for line in job.steps()] == [size for size in SIZES for _ in range(10)]
    assert_same_result(job, fixed)
