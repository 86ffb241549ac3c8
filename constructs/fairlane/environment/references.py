"""Where one part of an environment file refers to another: whether that is there, and whether they fit each other."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from fairlane.capacity.fit import fit_problems
from fairlane.environment.alarms import AlarmSettings
from fairlane.environment.environment import Environment
from fairlane.environment.job_definitions import job_problems
from fairlane.environment.queues import GpuQueueModel, TrainingQueueModel
from fairlane.environment.regions import RegionModel
from fairlane.errors import Path, Problem
from fairlane.monitoring.alarms.part_rules import unknown_part_problems
from fairlane.scheduling.time_limits import blocked_reasons

AnyQueueModel: TypeAlias = TrainingQueueModel | GpuQueueModel
Resting: TypeAlias = tuple[Problem, list[Path]]
"""A problem, and the parts of the file that it rests on: it may go away with what is wrong there."""

_SIZE = ("instance_type", "gpus", "vcpus", "memory_mib", "nodes", "efa")
_MACHINES = ("instance_types", "max_gpus", "max_vcpus", "purchase", "efa")


def reference_problems(environment: Environment) -> Iterator[Resting]:
    """Yields what refers to something that is not there, and jobs that can never run on a queue of theirs."""
    yield from _teams(environment)
    yield from _alarms(environment)
    limit, models = environment.monitoring_cost_limit, environment.by_region().values()
    if limit is not None and all(model.job_metrics is None for model in models):
        problem = Problem(("monitoring_cost_limit",), limit, "none without job_metrics: nothing else is estimated")
        yield problem, [problem.field, ("job_metrics",), ("regions",)]
    yield from _of_region(environment, environment.region)
    for region, model in environment.regions.items():
        for problem, rests_on in _of_region(model, region):
            yield problem.within("regions", region), [("regions", region, *path) for path in rests_on]


def _of_region(model: RegionModel, region: str) -> Iterator[Resting]:
    if model.job_metrics is not None and not model.queues:
        yield Problem(("job_metrics",), "no queues", "one queue or more to export metrics of"), [("queues",)]
    if model.job_metrics is None:
        for name in (name for name, queue in model.queues.items() if queue.alarms):
            where: Path = ("queues", name, "alarms")
            yield Problem(where, "no job_metrics", "with job_metrics, which alarms watch"), [where, ("job_metrics",)]
    yield from _watched_parts(model)
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


def _alarms(environment: Environment) -> Iterator[Resting]:
    """Alarms of Regions that have nothing for them: no metrics, no images, and none that are replicated there."""
    by_region = environment.by_region()
    replicated = {there for model in by_region.values() for image in model.images.values() for there in image.regions}
    for region, model in by_region.items():
        if model.alarms and model.job_metrics is None and not model.images and region not in replicated:
            of_region: Path = () if model is environment else ("regions", region)
            where = (*of_region, "alarms")
            allowed = "with job_metrics or images, which alarms watch"
            rests_on: list[Path] = [where, (*of_region, "job_metrics"), ("images",), ("regions",)]
            yield Problem(where, "no job_metrics", allowed), rests_on


def _teams(environment: Environment) -> Iterator[Resting]:
    queues: dict[str, list[AnyQueueModel]] = {}
    for model in environment.by_region().values():
        for name, queue in model.queues.items() if model.job_metrics is not None else ():
            queues.setdefault(name, []).append(queue)
    for team, by_queue in environment.dashboard.teams.items():
        of_team: Path = ("dashboard", "teams", team)
        if not by_queue:
            yield Problem(of_team, "none", "shares of one queue or more, by its name"), [of_team]
        for name, shares in by_queue.items():
            where = (*of_team, name)
            if name not in queues:
                allowed = ", ".join(queues) or "the name of a queue with job_metrics, of which there is none"
                yield Problem(where, name, allowed), [where, ("queues",), ("regions",), ("job_metrics",)]
                continue
            if not shares:
                yield Problem(where, "none", f"one share or more of queue {name}"), [where]
            # Regions may have queues of the same name: a share is to be one of any of them.
            policies = [queue.scheduling.build() for queue in queues[name] if queue.scheduling]
            known = dict.fromkeys(share for policy in policies for share in policy.share_names)
            for index, share in enumerate(shares):
                if share in shares[:index]:
                    yield Problem((*where, index), share, "each share once"), [where]
                elif share not in known:
                    allowed = f"a share of queue {name}: {', '.join(known) or 'it has none'}"
                    yield Problem((*where, index), share, allowed), [(*where, index), ("queues", name), ("regions",)]


def _watched_parts(model: RegionModel) -> Iterator[Resting]:
    """Shares and reasons that alarms are to watch and that none of their queues has."""
    common = (model.alarms or AlarmSettings()).queue_limits
    own = {name: queue.alarms.over(common) for name, queue in model.queues.items() if queue.alarms}
    parts = {
        name: {
            "shares": queue.scheduling.build().share_names if queue.scheduling else [],
            "reasons": blocked_reasons(training=isinstance(queue, TrainingQueueModel)),
        }
        for name, queue in model.queues.items()
    }
    for problem, names in unknown_part_problems(parts, common, own):
        kind, *rest = problem.field
        field = ("alarms", *rest) if kind == "limits" else ("queues", rest[0], "alarms", *rest[1:])
        yield replace(problem, field=field), [field, *(("queues", name) for name in names)]


def _missing(field: Path, wanted: str, kind: Path, there: Mapping[str, object]) -> Iterator[Resting]:
    if wanted not in there:
        what = "a queue with compute_environments" if kind == ("queues",) else f"a key of {kind[0]}"
        allowed = ", ".join(there) or f"{what}, of which there is none"
        yield Problem(field, wanted, allowed), [field, (*kind, wanted)]


def _concerns(keys: tuple[str, ...], problems: Iterable[Problem]) -> bool:
    return any(problem.field and problem.field[0] in keys for problem in problems)


def _fit(model: RegionModel, region: str, job_name: str, queue_name: str) -> Iterator[Resting]:
    job, queue = model.job_definitions[job_name], model.gpu_queues.get(queue_name)
    if queue is None or _concerns(_SIZE, job_problems(job, job_name, region)):
        return
    for name in queue.compute_environments:
        environment = model.compute_environments.get(name)
        if environment is None or _concerns(_MACHINES, environment.regional_problems(region)):
            continue
        rests_on: list[Path] = [
            *(("job_definitions", job_name, key) for key in _SIZE),
            *(("compute_environments", name, key) for key in _MACHINES),
            ("queues", queue_name, "compute_environments"),
        ]
        for problem in fit_problems(job.size, {name: environment}):
            yield problem.followed_by(f" (compute environment {name})"), rests_on
