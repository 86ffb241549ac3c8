"""Where one part of an environment file refers to another: whether that is there, and whether they fit each other."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from fairlane._gpu.fit import fit_problems
from fairlane._problems import Path, Problem
from fairlane.environment._models import Environment, RegionModel
from fairlane.environment._queue_models import GpuQueueModel, TrainingQueueModel

AnyQueueModel: TypeAlias = TrainingQueueModel | GpuQueueModel
Resting: TypeAlias = tuple[Problem, list[Path]]
"""A problem, and the parts of the file that it rests on: it may go away with what is wrong there."""

_SIZE = ("instance_type", "gpus", "vcpus", "memory_mib", "nodes", "efa")
_MACHINES = ("instance_types", "max_gpus", "max_vcpus", "purchase", "efa")


def reference_problems(environment: Environment) -> Iterator[Resting]:
    """Yields what refers to something that is not there, and jobs that can never run on a queue of theirs."""
    yield from _teams(environment)
    yield from _of_region(environment, environment.region)
    for region, model in environment.regions.items():
        for problem, rests_on in _of_region(model, region):
            yield problem.within("regions", region), [("regions", region, *path) for path in rests_on]


def _of_region(model: RegionModel, region: str) -> Iterator[Resting]:
    if model.job_metrics is not None and not model.queues:
        yield Problem(("job_metrics",), "no queues", "one queue or more to export metrics of"), [("queues",)]
    if model.job_metrics is None:
        alarms: list[Path] = [("queues", name, "alarms") for name, queue in model.queues.items() if queue.alarms]
        for where in [("alarms",), *alarms] if model.alarms else alarms:
            yield Problem(where, "no job_metrics", "with job_metrics, which alarms watch"), [where, ("job_metrics",)]
    yield from _watched_shares(model)
    for name, queue in model.training_queues.items():
        if (wanted := queue.service_environment) is not None:
            field: Path = ("queues", name, "service_environment")
            yield from _missing(field, wanted, ("service_environments",), model.service_environments)
    for name, containers in model.gpu_queues.items():
        for index, wanted in enumerate(containers.compute_environments):
            field = ("queues", name, "compute_environments", index)
            yield from _missing(field, wanted, ("compute_environments",), model.compute_environments)
    for name, job in model.job_definitions.items():
        for index, wanted in enumerate(job.queues):
            field = ("job_definitions", name, "queues", index)
            yield from _missing(field, wanted, ("queues",), model.gpu_queues)
            for problem, rests_on in _fit(model, region, name, wanted):
                yield replace(problem, field=field), rests_on


def _teams(environment: Environment) -> Iterator[Resting]:
    models = environment.by_region().values()
    queues = {name: queue for model in models if model.job_metrics is not None for name, queue in model.queues.items()}
    for team, by_queue in environment.dashboard.teams.items():
        for name, shares in by_queue.items():
            where: Path = ("dashboard", "teams", team, name)
            if name not in queues:
                allowed = ", ".join(queues) or "the name of a queue with job_metrics, of which there is none"
                yield Problem(where, name, allowed), [where, ("queues",), ("regions",), ("job_metrics",)]
                continue
            for index, share in enumerate(shares):
                yield from _known((*where, index), share, name, queues[name])


def _known(field: Path, share: str, name: str, queue: AnyQueueModel) -> Iterator[Resting]:
    known = queue.scheduling.build().share_names if queue.scheduling else []
    if share not in known:
        allowed = f"a share of queue {name}: {', '.join(known) or 'it has none'}"
        yield Problem(field, share, allowed), [field, ("queues", name), ("regions",)]


def _watched_shares(model: RegionModel) -> Iterator[Resting]:
    """Shares that alarms are to watch and their queues do not have."""
    for name, queue in model.queues.items():
        own = queue.alarms.starved_share if queue.alarms else None
        common = model.alarms.starved_share if model.alarms else None
        where: Path = ("alarms",) if own is None else ("queues", name, "alarms")
        for severity, limit in ((common if own is None else own) or {}).items():
            for index, share in enumerate(limit.shares or ()):
                yield from _known((*where, "starved_share", severity, "shares", index), share, name, queue)


def _missing(field: Path, wanted: str, kind: Path, there: Mapping[str, object]) -> Iterator[Resting]:
    if wanted not in there:
        what = "a queue with compute_environments" if kind == ("queues",) else f"a key of {kind[0]}"
        allowed = ", ".join(there) or f"{what}, of which there is none"
        yield Problem(field, wanted, allowed), [field, (*kind, wanted)]


def _concerns(keys: tuple[str, ...], problems: Iterable[Problem]) -> bool:
    return any(problem.field and problem.field[0] in keys for problem in problems)


def _fit(model: RegionModel, region: str, job_name: str, queue_name: str) -> Iterator[Resting]:
    job, queue = model.job_definitions[job_name], model.gpu_queues.get(queue_name)
    if queue is None or _concerns(_SIZE, job.problems(job_name, region)):
        return
    for name in queue.compute_environments:
        environment = model.compute_environments.get(name)
        if environment is None or _concerns(_MACHINES, environment.problems(region)):
            continue
        rests_on: list[Path] = [
            *(("job_definitions", job_name, key) for key in _SIZE),
            *(("compute_environments", name, key) for key in _MACHINES),
            ("queues", queue_name, "compute_environments"),
        ]
        for problem in fit_problems(job.size, {name: environment.machines}):
            yield replace(problem, allowed=f"{problem.allowed} (compute environment {name})"), rests_on
