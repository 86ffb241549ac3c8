"""Rules of elastic jobs for a HyperPodPyTorchJob that Fairlane did not render. Imports no aws_cdk."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from fairlane._internal.checks import check_text
from fairlane.errors import Advice, Path, Problem
from fairlane.hyperpod.elastic_job import Checkpoint
from fairlane.hyperpod.elastic_pod_rules import (
    COORDINATION,
    DISTRIBUTED,
    NO_SPOT,
    environment_problems,
    grace_problems,
    image_problems,
    log_rule_problems,
    request_problems,
    restart_problems,
)
from fairlane.hyperpod.elastic_policy_rules import LABEL, LABEL_TEXT, class_problems, part_problems, policy_problems
from fairlane.hyperpod.elastic_rules import checkpoint_problems
from fairlane.hyperpod.kubernetes_schema import object_problems
from fairlane.hyperpod.launcher_rules import AGENT_PORT, LauncherOption
from fairlane.hyperpod.manifest_fields import (
    NAMESPACE_PREFIX,
    PRIORITY_CLASS,
    QUEUE_NAME,
    REPLICA_SPECS,
    SPEC,
    in_manifest,
    instance_type,
    mapping,
    read_log_rules,
    read_part,
    read_policy,
    read_restart,
    sequence,
)
from fairlane.hyperpod.manifest_launcher import (
    LAUNCHER,
    RAY_SENTENCE,
    container_call_problems,
    read_container,
    shutdown_seconds,
    trainer_index,
)
from fairlane.hyperpod.replica_requests import request_amounts
from fairlane.hyperpod.team_objects import COMPUTE

_DEFAULT_GRACE_SECONDS: Final = 30
"""Default of `terminationGracePeriodSeconds` in Kubernetes."""
_RAY: Final = "ray.io/"
_LABELS: Final[Path] = ("metadata", "labels")


def manifest_problems(manifest: Mapping[str, Any], checkpoint: Checkpoint | None = None) -> list[Problem]:
    """Return the mistakes in a HyperPodPyTorchJob: those of its schema, and those that break elastic training.

    Nothing is compared with a cluster: `job_problems` does so for an `ElasticTrainingJob`. A job without
    `elasticPolicy` has only the rules that all jobs have.

    Sources: those of `job_manifest`; "Ray on HyperPod" in the Amazon SageMaker AI Developer Guide.

    Args:
        manifest: Object as read from YAML.
        checkpoint: Checkpoint of the job, with which the graceful shutdown is compared. Default: not stated.
    """
    spec = mapping(manifest.get("spec"))
    if str(manifest.get("apiVersion")).startswith(_RAY):
        paths = [(*SPEC, "elasticPolicy")] if "elasticPolicy" in spec else []
        return [Problem.relation(path, RAY_SENTENCE) for path in paths] or object_problems(manifest)
    problems = object_problems(manifest)
    if manifest.get("kind") != "HyperPodPyTorchJob":
        return problems
    wrong = {problem.field for problem in problems}
    return problems + [
        problem for problem in _rule_problems(manifest, checkpoint) if problem.sentence or problem.field not in wrong
    ]


def manifest_advice(manifest: Mapping[str, Any]) -> Iterator[Advice]:
    """Yield a warning about an elastic job without a queue.

    Args:
        manifest: Object as read from YAML.
    """
    elastic = "elasticPolicy" in mapping(manifest.get("spec"))
    if elastic and QUEUE_NAME not in mapping(mapping(manifest.get("metadata")).get("labels")):
        yield Advice(
            "fairlane:ElasticTrainingJob.queue",
            f"the job has no label {QUEUE_NAME}: without a queue, the training operator creates the pods of larger "
            "sizes at once, and they stay Pending until instances are free",
        )


def _rule_problems(manifest: Mapping[str, Any], checkpoint: Checkpoint | None) -> Iterator[Problem]:
    metadata, spec = mapping(manifest.get("metadata")), mapping(manifest.get("spec"))
    run_policy, elastic_policy = mapping(spec.get("runPolicy")), mapping(spec.get("elasticPolicy"))
    yield from check_text(("metadata", "name"), metadata.get("name"), LABEL.fullmatch, LABEL_TEXT)
    yield from _label_problems(metadata)
    shared = [*restart_problems(read_restart(run_policy)), *log_rule_problems(read_log_rules(run_policy))]
    specs = [mapping(item) for item in sequence(spec.get("replicaSpecs"))]
    if elastic_policy:
        policy, parts = read_policy(elastic_policy), [read_part(item) for item in specs]
        priority_class = mapping(metadata.get("labels")).get(PRIORITY_CLASS)
        shared += [problem.within("policy") for problem in policy_problems(policy)]
        shared += [*part_problems(policy, parts), *class_problems(priority_class, parts)] if parts else []
        if checkpoint is not None:
            shared += [item for item in checkpoint_problems(checkpoint, policy) if item.field[0] == "policy"]
    yield from map(in_manifest, shared)
    if not specs:
        yield Problem(REPLICA_SPECS, None, "one or two replica specifications")
    for index, item in enumerate(specs):
        path = (*REPLICA_SPECS, index)
        if not elastic_policy and item.get("maxReplicas") is not None:
            sentence = "only an elastic job has a maximum: add spec.elasticPolicy or remove it"
            yield Problem.relation((*path, "maxReplicas"), sentence)
        yield from _template_problems((*path, "template"), item.get("template"), spec)


def _label_problems(metadata: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield labels that do not fit the names of HyperPod in a team's namespace."""
    labels, namespace = mapping(metadata.get("labels")), str(metadata.get("namespace", ""))
    if not namespace.startswith(NAMESPACE_PREFIX):
        return
    queue, priority_class = labels.get(QUEUE_NAME), labels.get(PRIORITY_CLASS)
    if queue != f"{namespace}-localqueue":
        yield Problem((*_LABELS, QUEUE_NAME), queue, f"{namespace}-localqueue, the only queue of the namespace")
    if priority_class is not None and not str(priority_class).endswith("-priority"):
        sentence = f"HyperPod adds -priority to the name of a class: use {priority_class}-priority"
        yield Problem.relation((*_LABELS, PRIORITY_CLASS), sentence)


def _template_problems(path: Path, template: object, spec: Mapping[str, Any]) -> Iterator[Problem]:
    if template is None:
        yield Problem.relation(path, "missing: the training operator creates the pods from it")
        return
    pod, pod_path = mapping(mapping(template).get("spec")), (*path, "spec")
    containers = [mapping(item) for item in sequence(pod.get("containers"))]
    if not containers:
        yield Problem.relation((*pod_path, "containers"), f"missing: add a container that runs {LAUNCHER}")
        return
    chosen = trainer_index(containers)
    container, place = containers[chosen], (*pod_path, "containers", chosen)
    call = read_container(place, container)
    elastic_policy = mapping(spec.get("elasticPolicy"))
    rules = sequence(mapping(spec.get("runPolicy")).get("logMonitoringConfiguration"))
    yield from container_call_problems(call, elastic_policy, log_rules=bool(rules))
    yield from _process_problems(spec, call.call.option("nproc-per-node") if call.call else None)
    yield from (replace(problem, field=(*place, "image")) for problem in image_problems(container.get("image")))
    ports = [mapping(port).get("containerPort") for port in sequence(container.get("ports"))]
    if AGENT_PORT not in ports:
        sentence = f"the training operator calls the agent on port {AGENT_PORT}: add containerPort {AGENT_PORT}"
        yield Problem.relation((*place, "ports"), sentence)
    if not elastic_policy:
        return
    yield from _environment_problems((*place, "env"), container)
    yield from _resource_problems((*place, "resources"), container, instance_type(pod))
    for problem in grace_problems(
        pod.get("terminationGracePeriodSeconds", _DEFAULT_GRACE_SECONDS),
        elastic_policy.get("gracefulShutdownTimeoutInSeconds"),
        shutdown_seconds(call.call) if call.call else None,
    ):
        yield in_manifest(problem, {"termination_grace_seconds": (*pod_path, "terminationGracePeriodSeconds")})
    for key, value in mapping(pod.get("nodeSelector")).items():
        if "capacity-type" in str(key) and str(value).lower() == "spot":
            yield Problem.relation((*pod_path, "nodeSelector", str(key)), NO_SPOT)


def _process_problems(spec: Mapping[str, Any], option: LauncherOption | None) -> Iterator[Problem]:
    stated, given = (str(value) for value in (spec.get("nprocPerNode"), option and option.value))
    if option and stated.isdecimal() and given.isdecimal() and int(stated) != int(given):
        sentence = f"{stated} differs from --{option.name}={given} of {LAUNCHER}: use the same number"
        yield Problem.relation((*SPEC, "nprocPerNode"), sentence)


def _environment_problems(path: Path, container: Mapping[str, Any]) -> Iterator[Problem]:
    variables = [mapping(item) for item in sequence(container.get("env"))]
    for index, variable in enumerate(variables):
        value = variable.get("value", "")
        if isinstance(value, str) and (variable.get("name") != COORDINATION or "valueFrom" not in variable):
            for problem in environment_problems({str(variable.get("name")): value}):
                yield replace(problem, field=(*path, index))
    if COORDINATION not in [variable.get("name") for variable in variables] and not container.get("envFrom"):
        sentence = f"missing: without it, no process sees a scaling event: add the value {DISTRIBUTED}"
        yield Problem.relation((*path, COORDINATION), sentence)


def _resource_problems(path: Path, container: Mapping[str, Any], instance_type: str | None) -> Iterator[Problem]:
    resources = mapping(container.get("resources"))
    requests, limits = mapping(resources.get("requests")), mapping(resources.get("limits"))
    for problem in request_problems({**limits, **requests}, instance_type):
        yield in_manifest(problem, {"requests": (*path, "requests")})
    for name in ("cpu", "memory"):
        if name not in requests and name not in limits:
            sentence = "missing: quotas do not count it, and a ResourceQuota that counts it refuses the pod: add it"
            yield Problem.relation((*path, "requests", name), sentence)
    least, most = request_amounts(requests), request_amounts(limits)
    for name in {**requests, **limits}:
        if name not in COMPUTE and (name not in limits or least.get(name, most.get(name)) != most.get(name)):
            sentence = f"Kubernetes takes the same request and limit of {name} only: use the same number in both"
            yield Problem.relation((*path, "limits", name), sentence)
        elif name in least and least[name] > most.get(name, least[name]):
            sentence = f"{requests[name]} is more than the limit, {limits[name]}: raise the limit or remove it"
            yield Problem.relation((*path, "requests", name), sentence)
