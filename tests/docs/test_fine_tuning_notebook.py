"""Cell of the fine-tuning notebook about a job that waits, on the local AWS without the SageMaker SDK."""

import json
from types import SimpleNamespace

import pytest

from fairlane_local.testing.local_batch import LocalBatch
from tests.support import REPOSITORY

CAPACITY = 16
NOTEBOOK = json.loads((REPOSITORY / "examples" / "fine-tune" / "fine_tune.ipynb").read_text())


def test_the_notebook_explains_a_job_that_waits(local_batch: LocalBatch, capsys: pytest.CaptureFixture[str]) -> None:
    local_batch.deploy(REPOSITORY / "environments" / "example.yaml")
    sources = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    (code,) = [source for source in sources if "explain(" in source]
    local_batch.submit("training-g6", share="HIGHPRI", instances=CAPACITY, run=9000, priority=1)
    local_batch.advance(60)
    waiting = local_batch.submit("training-g6", share="LOWPRI", name="fine-tune-lowpri-1", priority=1)
    local_batch.advance(5)
    arn = f"arn:aws:batch:us-east-1:123456789012:service-job/{waiting.id}"
    exec(code, {"QUEUE": "training-g6", "jobs": [SimpleNamespace(job_arn=arn)]})
    printed = capsys.readouterr().out
    assert printed.startswith(f"fine-tune-lowpri-1 ({waiting.id})")
    assert "reason  capacity-full" in printed
