"""References between the parts of an environment file: missing targets, and parts that do not fit each other."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from fairlane._internal.athena_names import workgroup_name as store_workgroup
from fairlane._internal.checks import is_region, listing
from fairlane.environment.alarms import AlarmSettings
from fairlane.environment.compute_environments import shared_placement_problems
from fairlane.environment.environment import Environment
from fairlane.environment.grantee_problems import grantee_problems
from fairlane.environment.hyperpod_problems import hyperpod_problems
from fairlane.environment.images import ImageModel
from fairlane.environment.job_fit import job_fit_problems
from fairlane.environment.missing_targets import ReferenceProblem, missing_target, unknown_name
from fairlane.environment.network import NewNetworkModel
from fairlane.environment.queues import GpuQueueModel, TrainingQueueModel
from fairlane.environment.regions import RegionModel
from fairlane.environment.schedules import ScheduleModel
from fairlane.errors import Path, Problem
from fairlane.fan_out.fan_out_rules import workgroup_name as fan_out_workgroup
from fairlane.images.names import repository_namespace
from fairlane.images.repository_rules import template_problems
from fairlane.jobs.permission_rules import check_s3_prefix, split_s3_prefix
from fairlane.monitoring.alarms.part_rules import unknown_part_problems
from fairlane.schedules.request_rules import command_problems
from fairlane.scheduling.time_limits import blocked_reasons

AnyQueueModel: TypeAlias = TrainingQueueModel | GpuQueueModel


def reference_problems(environment: Environment) -> Iterator[ReferenceProblem]:
    """Yield missing targets of references, and jobs that never fit their queues."""
    yield from _team_problems(environment)
    yield from _alarm_problems(environment)
    monitored = any(model.job_metrics is not None or model.hyperpod for model in environment.by_region().values())
    if environment.monitoring_cost_limit is not None and not monitored:
        field: Path = ("monitoring_cost_limit",)
        problem = Problem.relation(field, "a cost limit requires job_metrics or hyperpod: add one or remove the limit")
        yield problem, [field, ("job_metrics",), ("hyperpod",), ("regions",)]
    if "dashboard" in environment.model_fields_set and not environment.dashboard.teams and not monitored:
        field = ("dashboard",)
        problem = Problem.relation(field, "dashboards require job_metrics or hyperpod: add one or remove dashboard")
        yield problem, [field, ("job_metrics",), ("hyperpod",), ("regions",)]
    yield from _fan_out_problems(environment)
    yield from _replica_problems(environment)
    yield from grantee_problems(environment)
    yield from _regional_problems(environment, environment.region)
    for region, model in environment.regions.items():
        for problem, paths in _regional_problems(model, region):
            yield problem.within("regions", region), [("regions", region, *path) for path in paths]


def _regional_problems(model: RegionModel, region: str) -> Iterator[ReferenceProblem]:
    for key in ("job_metrics", "job_archive"):
        if getattr(model, key) is not None and not model.queues:
            sentence = f"{key} requires at least one queue in the same Region"
            yield Problem.relation((key,), sentence), [("queues",)]
    if model.job_metrics is None:
        for name in (name for name, queue in model.queues.items() if queue.alarms):
            field: Path = ("queues", name, "alarms")
            problem = Problem.relation(field, "alarms require job_metrics in the same Region")
            yield problem, [field, ("job_metrics",)]
    yield from _alarm_part_problems(model)
    for name, queue in model.training_queues.items():
        if queue.service_environment is not None:
            field = ("queues", name, "service_environment")
            key = "service_environments"
            yield from missing_target(field, queue.service_environment, key, model.service_environments)
    for name, gpu_queue in model.gpu_queues.items():
        for index, target in enumerate(gpu_queue.compute_environments):
            field = ("queues", name, "compute_environments", index)
            yield from missing_target(field, target, "compute_environments", model.compute_environments)
    for name, job in model.job_definitions.items():
        for index, target in enumerate(job.queues):
            field = ("job_definitions", name, "queues", index)
            yield from missing_target(field, target, "queues", model.gpu_queues)
        yield from _bucket_problems(model, name)
    for name, store in model.sweeps.items():
        for key in ("job_definitions", "execution_roles"):
            for index, target in enumerate(getattr(store, key)):
                yield from missing_target(("sweeps", name, key, index), target, key, getattr(model, key))
    if model.network is not None and not any(model.network.problems(region)):
        for name, instances in model.compute_environments.items():
            for problem in instances.subnet_problems(model.network):
                located = problem.within("compute_environments", name)
                yield located, [located.field, ("network",)]
        for problem in shared_placement_problems(model.compute_environments, model.network):
            located = problem.within("compute_environments")
            yield located, [("compute_environments",), ("network",)]
    for name, schedule in model.schedules.items():
        yield from _schedule_problems(model, name, schedule)
    yield from hyperpod_problems(model, region)
    yield from job_fit_problems(model, region)


def _schedule_problems(model: RegionModel, name: str, schedule: ScheduleModel) -> Iterator[ReferenceProblem]:
    """Yield what the Region of a schedule does not have, and jobs that do not fit their queue."""
    outer: Path = ("schedules", name)
    for key in ("execution_role", "job_definition"):
        if (target := getattr(schedule, key)) is not None:
            yield from missing_target((*outer, key), target, f"{key}s", getattr(model, f"{key}s"))
    job = model.job_definitions.get(schedule.job_definition or "")
    if job is not None:
        names = job.parameter_names
        command: Path = ("job_definitions", str(schedule.job_definition), "command")
        for problem in command_problems(schedule.parameters or {}, str(schedule.job_definition), names):
            yield problem.within(*outer), [(*outer, *problem.field), command]
    if schedule.queue in model.queues:
        for problem in schedule.queue_problems(model.queues[schedule.queue]):
            yield problem.within(*outer), [(*outer, *problem.field), ("queues", schedule.queue), (*outer, "queue")]
    elif schedule.queue is not None:
        empty = "the Region has no queues: add one to queues"
        field: Path = (*outer, "queue")
        problem = unknown_name(field, schedule.queue, "a queue of the Region", model.queues, empty)
        yield problem, [field, ("queues", schedule.queue)]


def _fan_out_problems(environment: Environment) -> Iterator[ReferenceProblem]:
    """Yield the queues, roles, job definitions and stores of fan-outs that the file does not have."""
    by_region = environment.by_region()
    for name, fan_out in environment.fan_outs.items():
        outer: Path = ("fan_outs", name)
        for problem, keys in fan_out.relation_problems():
            yield problem.within(*outer), [(*outer, key) for key in keys]
        for store in environment.sweeps:
            if store_workgroup(store, environment.stack_prefix) == fan_out_workgroup(name):
                sentence = f"sweep store {store} has the Athena workgroup of this fan-out: rename one of them"
                yield Problem.relation(outer, sentence), [outer, ("sweeps", store)]
        if not is_region(environment.region):
            continue
        definitions: dict[str, object] = {}
        with_containers: dict[str, Path] = {}
        for region, queues in fan_out.queues.items():
            field = (*outer, "queues", region)
            if region not in by_region:
                if is_region(region):
                    problem = Problem(field, region, f"a Region of the file: {listing(by_region)}")
                    yield problem, [field, ("region",), ("regions", region)]
                continue
            model = by_region[region]
            definitions |= model.job_definitions
            home: Path = () if model is environment else ("regions", region)
            for index, queue in enumerate([queues] if isinstance(queues, str) else queues):
                path = field if isinstance(queues, str) else (*field, index)
                if queue not in model.queues:
                    problem = unknown_name(path, queue, f"a queue in {region}", model.queues, f"{region} has no queues")
                    yield problem, [path, (*home, "queues"), ("region",)]
                elif queue in model.gpu_queues and fan_out.store is None:
                    sentence = f"queue {queue} is for containers, whose array jobs need a sweep store: add store"
                    yield Problem.relation((*outer, "store"), sentence), [path, (*outer, "store")]
                elif queue in model.gpu_queues and model is not environment:
                    with_containers[region] = path
        for index, role in enumerate(fan_out.execution_roles):
            path = (*outer, "execution_roles", index)
            yield from missing_target(path, role, "execution_roles", environment.execution_roles)
        for index, job in enumerate(fan_out.job_definitions):
            path = (*outer, "job_definitions", index)
            for problem, paths in missing_target(path, job, "job_definitions", definitions):
                yield problem, [*paths, (*outer, "queues"), ("regions",), ("region",)]
        if fan_out.store is not None:
            yield from missing_target((*outer, "store"), fan_out.store, "sweeps", environment.sweeps)
            yield from _remote_store_problems(environment, fan_out.store, with_containers)


def _remote_store_problems(
    environment: Environment, store: str, with_containers: Mapping[str, Path]
) -> Iterator[ReferenceProblem]:
    """Yield what keeps the containers of other Regions from the sweep store at home.

    Args:
        environment: Environment.
        store: Key of the store.
        with_containers: Paths of queues of containers, by their Region.
    """
    if store in environment.sweeps and environment.sweeps[store].bucket_name is None and with_containers:
        field: Path = ("sweeps", store, "bucket_name")
        sentence = (
            f"containers in {listing(with_containers)} use the bucket by its name: add bucket_name, or another store "
            "with bucket_name if this one has sweeps, because its bucket would be replaced by an empty one"
        )
        yield Problem.relation(field, sentence), [field, *with_containers.values()]
    for region, queue in with_containers.items():
        network = environment.regions[region].network
        if isinstance(network, NewNetworkModel) and not network.nat_gateways:
            field = ("regions", region, "network", "nat_gateways")
            place = f"{store} in {environment.region}"
            sentence = f"the VPC endpoint for S3 does not reach sweep store {place}: use 1 or more nat_gateways"
            yield Problem.relation(field, sentence), [field, queue]


def _bucket_problems(model: RegionModel, job_name: str) -> Iterator[ReferenceProblem]:
    """Yield the buckets of a job that the endpoint policies of its network do not allow."""
    policies = model.network.endpoint_policies if isinstance(model.network, NewNetworkModel) else None
    if policies is None or policies.buckets is None or any(policies.problems()):
        return
    job, buckets_field = model.job_definitions[job_name], ("network", "endpoint_policies", "buckets")
    for key, uris in (("read", job.read), ("write", job.write)):
        for index, uri in enumerate(uris):
            bucket, field = split_s3_prefix(uri)[0], ("job_definitions", job_name, key, index)
            if bucket not in policies.buckets and not any(check_s3_prefix(field, uri)):
                sentence = f"the endpoint policies of the network do not allow bucket {bucket}: add it to their buckets"
                yield Problem.relation(field, sentence), [field, buckets_field]


def _alarm_problems(environment: Environment) -> Iterator[ReferenceProblem]:
    """Yield alarm settings of Regions without job metrics, HyperPod clusters, images and replicated images."""
    by_region = environment.by_region()
    replicated = {region for model in by_region.values() for image in model.images.values() for region in image.regions}
    for region, model in by_region.items():
        has_alarms = model.hyperpod or model.images or model.schedules or region in replicated
        monitored = model.job_metrics is not None or has_alarms
        if model.alarms and not monitored:
            outer: Path = () if model is environment else ("regions", region)
            field = (*outer, "alarms")
            sentence = "alarms require job_metrics, hyperpod, images, replicated images or schedules in the same Region"
            keys = ("alarms", "job_metrics", "hyperpod", "schedules")
            paths: list[Path] = [*((*outer, key) for key in keys), ("images",), ("regions",)]
            yield Problem.relation(field, sentence), paths


def _replica_problems(environment: Environment) -> Iterator[ReferenceProblem]:
    """Yield images that a Region cannot have together, because their replicas share a name or a creation template."""
    by_region = environment.by_region()
    first: dict[tuple[str, str], tuple[Path, str, ImageModel]] = {}
    for home, model in by_region.items():
        outer: Path = () if model is environment else ("regions", home)
        for name, image in model.images.items():
            path, namespace = (*outer, "images", name), repository_namespace(name)
            clashes: dict[Path, ReferenceProblem] = {}
            for region in dict.fromkeys(image.regions):
                other_path, other_name, other = first.setdefault((region, namespace or name), (path, name, image))
                if namespace:
                    for problem in template_problems(
                        region, image.replica_settings, other.replica_settings, other_name
                    ):
                        paths = [(*path, problem.field[0]), (*other_path, problem.field[0])]
                        clashes.setdefault(problem.field, (problem.within(*path), paths))
                elif other is not image or name in (by_region[region].images if region in by_region else ()):
                    sentence = f"{region} has two repositories {name}: use another name, or a name with a namespace"
                    clashes["regions",] = (Problem.relation((*path, "regions"), sentence), [path, other_path])
            yield from clashes.values()


def _team_problems(environment: Environment) -> Iterator[ReferenceProblem]:
    queues: dict[str, list[AnyQueueModel]] = {}
    for model in environment.by_region().values():
        for name, queue in model.queues.items() if model.job_metrics is not None else ():
            queues.setdefault(name, []).append(queue)
    for team, by_queue in environment.dashboard.teams.items():
        team_field: Path = ("dashboard", "teams", team)
        if not by_queue:
            yield Problem.relation(team_field, "a team requires shares of at least one queue"), [team_field]
        for name, shares in by_queue.items():
            field = (*team_field, name)
            if name not in queues:
                paths: list[Path] = [field, ("queues",), ("regions",), ("job_metrics",)]
                empty = "no queue has job_metrics in its Region: add job_metrics"
                yield unknown_name(field, name, "a queue with job_metrics", queues, empty), paths
                continue
            if not shares:
                yield Problem.relation(field, f"a team requires at least one share of queue {name}"), [field]
            # Queues of several Regions can have the same name; a team's share is a share of at least one of them.
            policies = [queue.scheduling.build() for queue in queues[name] if queue.scheduling]
            share_names = dict.fromkeys(share for policy in policies for share in policy.share_names)
            for index, share in enumerate(shares):
                if share in shares[:index]:
                    sentence = f"{share} is listed twice: list each share once"
                    yield Problem.relation((*field, index), sentence), [field]
                elif share not in share_names:
                    paths = [(*field, index), ("queues", name), ("regions",)]
                    empty = f"queue {name} has no shares: remove {share}"
                    yield unknown_name((*field, index), share, f"a share of queue {name}", share_names, empty), paths


def _alarm_part_problems(model: RegionModel) -> Iterator[ReferenceProblem]:
    """Yield shares and reasons in alarm limits that no queue of the limit has."""
    common = (model.alarms or AlarmSettings()).queue_limits
    queue_limits = {name: queue.alarms.with_fallback(common) for name, queue in model.queues.items() if queue.alarms}
    parts = {
        name: {
            "shares": queue.scheduling.build().share_names if queue.scheduling else [],
            "reasons": blocked_reasons(training=isinstance(queue, TrainingQueueModel)),
        }
        for name, queue in model.queues.items()
    }
    for problem, names in unknown_part_problems(parts, common, queue_limits):
        argument, *rest = problem.field
        field = ("alarms", *rest) if argument == "limits" else ("queues", rest[0], "alarms", *rest[1:])
        yield replace(problem, field=field), [field, *(("queues", name) for name in names)]
