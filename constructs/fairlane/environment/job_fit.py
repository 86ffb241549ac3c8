"""Jobs of an environment file that do not fit the queues of `job_definitions` and `schedules`."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from typing import Final

from fairlane.capacity.fit import fit_problems
from fairlane.environment.job_definitions import job_problems
from fairlane.environment.regions import RegionModel
from fairlane.errors import Path, Problem
from fairlane.queues.rules import MAX_COMPUTE_ENVIRONMENTS

_JOB_SIZE: Final = ("instance_type", "gpus", "vcpus", "memory_mib", "nodes", "efa")
_INSTANCES: Final = ("instance_types", "max_gpus", "max_vcpus", "purchase", "efa")


def job_fit_problems(model: RegionModel, region: str) -> Iterator[tuple[Problem, list[Path]]]:
    """Yield jobs that have no room on a compute environment of their queues, and the paths that this depends on.

    Only valid values are compared.
    """
    environments = {
        name: environment
        for name, environment in model.compute_environments.items()
        if not _concerns(_INSTANCES, environment.regional_problems(region))
    }
    queues = {
        name: [target for target in queue.compute_environments if target in environments]
        for name, queue in model.gpu_queues.items()
        if len(queue.compute_environments) <= MAX_COMPUTE_ENVIRONMENTS
    }
    for job_name, job in model.job_definitions.items():
        if _concerns(_JOB_SIZE, job_problems(job, job_name, region)):
            continue
        fit = cache(lambda name, size=job.size: list(fit_problems(size, {name: environments[name]})))
        uses: list[tuple[Path, str | None]] = [
            *((("job_definitions", job_name, "queues", index), queue) for index, queue in enumerate(job.queues)),
            *(
                (("schedules", name, "job_definition"), schedule.queue)
                for name, schedule in model.schedules.items()
                if schedule.job_definition == job_name
            ),
        ]
        for field, queue_name in uses:
            for name in queues.get(str(queue_name), ()):
                paths: list[Path] = [
                    field,
                    *(("job_definitions", job_name, key) for key in _JOB_SIZE),
                    *(("compute_environments", name, key) for key in _INSTANCES),
                    ("queues", str(queue_name), "compute_environments"),
                ]
                for problem in fit(name):
                    yield replace(problem.followed_by(f" (compute environment {name})"), field=field), paths


def _concerns(keys: tuple[str, ...], problems: Iterable[Problem]) -> bool:
    return any(problem.field and problem.field[0] in keys for problem in problems)
