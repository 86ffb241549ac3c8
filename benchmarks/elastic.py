"""Elastic training jobs: mistakes that are found before a job runs, changes of the size, and rehearsals.

`mistakes`: seeded mistakes, given to Fairlane, to the model of a HyperPodPyTorchJob in AWS's HyperPod CLI, and to a
strict Kubernetes schema, which AWS does not publish: it follows AWS's documentation. `loop`: the loop of the example
and the loop of AWS's guide. `rehearsal`: 10,000 jobs on 256 GPUs by Fairlane and in SimPy. The names of parts
as arguments run only these.
"""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY))

from tests.fairlane.hyperpod.elastic_cases import (  # noqa: E402
    good_cluster,
    good_manifest,
    manifest,
    manifest_mistakes,
    model_refuses,
    problems,
    schema_refuses,
)
from tests.fairlane.hyperpod.elastic_mistakes import all_mistakes  # noqa: E402

FEWEST_MISTAKES = 30
TRAIN_PYTHON = REPOSITORY / ".venv-train" / "bin" / "python"


def main() -> int:
    """Print all results. Return 0 if each part is within its bounds."""
    parts = {"mistakes": compare_mistakes, "loop": compare_loops, "rehearsal": compare_rehearsals}
    return int(False in [parts[name]() for name in sys.argv[1:] or parts])


def compare_mistakes() -> bool:
    """Print who finds each mistake. Return True if Fairlane finds all, and all tools accept the right jobs."""
    totals = [0, 0, 0]
    mistakes = all_mistakes()
    print(_row("mistake", "Fairlane", "AWS's model", "schema"))
    for mistake in mistakes:
        document = manifest(mistake)
        named = mistake.field in [problem.field for problem in problems(mistake)]
        found = [named, model_refuses(document), schema_refuses(document)]
        totals = [total + each for total, each in zip(totals, found, strict=True)]
        marks = ["found" if each else "-" for each in found]
        print(_row(mistake.name, *marks), "" if mistake.in_manifest else "  not in a manifest")
    print(_row(f"{len(mistakes)} mistakes", *map(str, totals)))
    names = [str(job.job_name) for job in good_cluster().jobs]
    accepted = sum(_is_accepted(name) for name in names)
    print(f"{accepted} of {len(names)} right jobs are accepted by all three\n")
    return totals[0] == len(mistakes) >= FEWEST_MISTAKES and accepted == len(names)


def compare_loops() -> bool:
    """Print the cost of a change of the size. Return True if nothing is lost, or if the agent is not installed."""
    if not TRAIN_PYTHON.exists():
        print("loop: not measured, because .venv-train is missing: make test-train installs it\n")
        return True
    return _run(TRAIN_PYTHON, "elastic_loop.py")


def compare_rehearsals() -> bool:
    """Print the events per second of a rehearsal. Return True if Fairlane and SimPy give the same end of each job."""
    return _run(Path(sys.executable), "elastic_rehearsal.py")


def _is_accepted(job: str) -> bool:
    right = good_manifest(job)
    return not (manifest_mistakes(right, job) or model_refuses(right) or schema_refuses(right))


def _run(python: Path, program: str) -> bool:
    sys.stdout.flush()
    return subprocess.run([python, Path(__file__).with_name(program)], cwd=REPOSITORY, check=False).returncode == 0


def _row(name: str, *cells: str) -> str:
    return name.ljust(60) + "".join(cell.rjust(13) for cell in cells)


if __name__ == "__main__":
    sys.exit(main())
