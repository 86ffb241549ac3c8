"""Deployments of all environments, and of a composition in Python with all constructs that create roles or grants."""

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import aws_cdk as cdk
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager

from fairlane import (
    FairShare,
    Fifo,
    GpuComputeEnvironment,
    GpuJobDefinition,
    GpuQueue,
    JobArchive,
    JobMetrics,
    MultiNodeGpuJobDefinition,
    QuotaManagement,
    QuotaShare,
    RegistryReplication,
    ReplicatedRepository,
    ReplicaTemplates,
    ReplicationGate,
    ReplicationMode,
    Sharing,
    SweepStore,
    TrainingExecutionRole,
    TrainingFanOut,
    TrainingQueue,
    TrainingSchedule,
    TrainingVpc,
)
from fairlane.environment import Environment as Environments
from fairlane.environment import environment_names, load_environment
from fairlane.hyperpod import Governance, InstanceGroup, NodePool, TaskGovernance, Volume
from fairlane_stacks import build_stacks
from tests import arrays
from tests.fairlane.hyperpod.governance import team
from tests.fairlane.hyperpod.governed_cluster import Cluster
from tests.fairlane.schedules.payloads import PAYLOAD
from tests.iam.roles import Deployment
from tests.iam_evaluator import ACCOUNT
from tests.support import REPOSITORY, recommended_flags

P4 = "ml.p4d.24xlarge"
IMAGE = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/training:1"
SECRET = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:hub-AbCdEf"
KEY_ARN = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_ENVIRONMENTS = REPOSITORY / "environments"


@cache
def deployments() -> tuple[Deployment, ...]:
    """Return the deployments of all environments, of the composition, and of containers far from their sweep store."""
    apps = []
    for name in environment_names(_ENVIRONMENTS):
        app = App(context=recommended_flags())
        build_stacks(app, name, load_environment(_ENVIRONMENTS / f"{name}.yaml"))
        apps.append(app)
    found = [deployment for app in (*apps, _pools(), composition()) for deployment in Deployment.all_of(app)]
    return (*found, *(deployment for deployment in Deployment.all_of(_arrays()) if deployment.region == arrays.WEST))


def _pools() -> App:
    """Return an app with a HyperPod cluster that Karpenter scales."""
    app = App(context=recommended_flags())
    settings = load_environment(_ENVIRONMENTS / "hyperpod.yaml")
    cluster = settings.hyperpod["training"]
    volume = Volume(encryption_key=KEY_ARN.replace(ACCOUNT, str(settings.account)))
    group = InstanceGroup(group_name="g6", instance_type="ml.g6.12xlarge", instance_count=0, root_volume=volume)
    groups = [cluster.instance_groups[0], group]
    pools = [NodePool(pool_name="g6", instance_groups=["g6"], max_accelerators=32)]
    changed = {"instance_groups": groups, "autoscaling": pools, "teams": [], "priority_classes": []}
    pooled = settings.model_copy(update={"hyperpod": {"training": cluster.model_copy(update=changed)}})
    build_stacks(app, "pools", pooled)
    return app


def _arrays() -> App:
    """Return an app with a fan-out whose sweep store is in another Region than some of its containers."""
    app = App(context=recommended_flags())
    with TemporaryDirectory() as folder:
        template = Path(folder, "template.json")
        template.write_text(json.dumps(arrays.REQUEST))
        settings = arrays.settings(template, encryption_key=KEY_ARN)
        build_stacks(app, "arrays", Environments.model_validate(settings))
    return app


def composition() -> App:
    """Return an app with all constructs that create roles or grants, each as its documentation shows it."""
    app = App(context=recommended_flags())
    training, containers, images, replicas, sweeps, fan_outs, governed = (
        Stack(app, name, env=Environment(account=ACCOUNT, region="us-west-2" if name == "Replicas" else "us-east-1"))
        for name in ("Training", "Containers", "Images", "Replicas", "Sweeps", "FanOuts", "Governed")
    )
    _training(training)
    _containers(containers)
    _images(images, replicas)
    _sweeps(sweeps)
    _fan_outs(fan_outs)
    _governed(governed)
    return app


def _person(stack: Stack, name: str) -> iam.Role:
    return iam.Role(stack, name, assumed_by=iam.AccountRootPrincipal())


def _training(stack: Stack) -> None:
    fifo = TrainingQueue(stack, "Fifo", queue_name="fifo", capacity=4, scheduling=Fifo())
    fair = TrainingQueue(
        stack, "Fair", queue_name="fair", capacity=4, scheduling=FairShare({"vision": 1.0, "team-*": 1.0})
    )
    shares = (QuotaShare(name=name, capacity={P4: 1}, sharing=Sharing.LEND) for name in ("a", "b"))
    quotas = TrainingQueue(stack, "Quotas", queue_name="quotas", capacity={P4: 2}, scheduling=QuotaManagement(*shares))
    imported = TrainingQueue.from_job_queue_name(stack, "Imported", "imported")
    execution_role = TrainingExecutionRole(
        stack,
        "ExecutionRole",
        read=["s3://datasets/imagenet/", "s3://public/"],
        write=["s3://models/search/"],
        repositories=["training"],
        kms_keys=[KEY_ARN],
    )
    fair.grants.submit(_person(stack, "Vision"), share_identifiers=["vision"], max_priority=50)
    fair.grants.submit(_person(stack, "Teams"), share_identifiers=["team-*"])
    quotas.grants.submit(_person(stack, "ShareA"), quota_shares=["a"], execution_role=execution_role)
    everyone = _person(stack, "AllKinds")
    fifo.grants.submit(everyone, max_priority=10)
    fair.grants.submit(everyone, share_identifiers=["vision"])
    quotas.grants.submit(everyone)
    imported.grants.submit(_person(stack, "Imports"))
    fair.grants.manage(_person(stack, "Manager"), max_priority=100)
    observer = _person(stack, "Observer")
    fair.grants.observe(observer)
    reason = "AWS Batch allows these actions only for the whole account"
    cdk.Validations.of(observer).acknowledge(cdk.Acknowledgment(id="AwsSolutions-IAM5[Resource::*]", reason=reason))
    quotas.submit_policy("Policy", quota_shares=["b"]).attach_to_role(_person(stack, "WithPolicy"))
    JobMetrics(stack, "TrainingMetrics", queues=[fifo, fair, quotas])
    TrainingSchedule(
        stack,
        "Nightly",
        schedule_name="nightly",
        schedule="rate(1 day)",
        queue=quotas,
        quota_share="a",
        priority=20,
        payload=PAYLOAD,
        execution_role=execution_role,
    )


def _containers(stack: Stack) -> None:
    vpc = TrainingVpc(stack, "Network")
    capacity = GpuComputeEnvironment(stack, "Gpus", vpc=vpc, instance_types=["g5.12xlarge"], max_gpus=8)
    efa = GpuComputeEnvironment(stack, "Efa", vpc=vpc, instance_types=["p5.48xlarge"], max_gpus=16, efa=True)
    gpus = GpuQueue(
        stack, "Gpu", queue_name="gpu", compute_environments=[capacity], scheduling=FairShare({"prod": 1.0, "dev": 3.0})
    )
    nodes = GpuQueue(stack, "Nodes", queue_name="nodes", compute_environments=[efa], scheduling=Fifo())
    hub = secretsmanager.Secret.from_secret_complete_arn(stack, "Hub", SECRET)
    train = GpuJobDefinition(
        stack,
        "Train",
        job_definition_name="train",
        image=IMAGE,
        instance_type="g5.12xlarge",
        gpus=1,
        read=["s3://datasets/imagenet/"],
        write=["s3://models/containers/"],
        secrets={"TOKEN": hub},
        queue=gpus,
    )
    pretrain = MultiNodeGpuJobDefinition(
        stack,
        "Pretrain",
        job_definition_name="pretrain",
        image=IMAGE,
        instance_type="p5.48xlarge",
        nodes=2,
        script=["train.py"],
        queue=nodes,
    )
    gpus.grants.submit(_person(stack, "GpuDeveloper"), job_definitions=[train], share_identifiers=["dev"])
    nodes.grants.submit(_person(stack, "Pretrainer"), job_definitions=[pretrain])
    gpus.grants.manage(_person(stack, "GpuManager"))
    JobMetrics(stack, "GpuMetrics", queues=[gpus, nodes])
    JobArchive(stack, "Archive", queues=[gpus, nodes], encryption_key=KEY_ARN).grants.read(_person(stack, "Analyst"))
    TrainingSchedule(
        stack,
        "Weekly",
        schedule_name="weekly",
        schedule="rate(7 days)",
        queue=gpus,
        share_identifier="dev",
        job_definition=train,
    )


def _images(home: Stack, replicas: Stack) -> None:
    RegistryReplication(home, "Replication", mode=ReplicationMode.MERGE)
    keys = {
        stack.region: f"arn:aws:kms:{stack.region}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        for stack in (home, replicas)
    }
    repository = ReplicatedRepository(
        home, "Images", repository_name="training/pytorch", regions=[replicas.region], kms_keys=keys
    )
    ReplicaTemplates(replicas, "Templates", repositories=[repository])
    gate = ReplicationGate(home, "Gate", repositories=[repository])
    gate.wait(repository, "1")
    gate.backfill(repository)


def _sweeps(stack: Stack) -> None:
    SweepStore(stack, "Store", store_name="own")
    store = SweepStore.from_bucket_name(stack, "Imported", "sweeps", store_name="search", encryption_key=KEY_ARN)
    store.grants.run(_person(stack, "Run"))
    store.grants.read(_person(stack, "Reader"))
    submitter = _person(stack, "Submitter")
    store.grants.submit(submitter)
    reason = "AWS Batch allows these actions only for the whole account"
    cdk.Validations.of(submitter).acknowledge(cdk.Acknowledgment(id="AwsSolutions-IAM5[Resource::*]", reason=reason))


def _fan_outs(stack: Stack) -> None:
    fan_out = TrainingFanOut(
        stack,
        "FanOut",
        fan_out_name="campaigns",
        queues={"us-east-1": "training-p4"},
        template=(_ENVIRONMENTS / "fan-outs" / "campaigns.json").read_text(),
        execution_roles={"search": TrainingExecutionRole(stack, "ExecutionRole")},
        query="SELECT id, region, data FROM drives.campaigns",
        query_databases=["drives"],
        query_data=["s3://tables/drives/"],
        query_table_buckets=["drives"],
        query_catalogs=["sales"],
        query_connectors={"aurora": "aurora-connector"},
        query_spill=["s3://models/containers/"],
        schedule="rate(1 day)",
        copy_from=["s3://datasets/imagenet/"],
        copy_to=["s3://models/search/"],
        store=SweepStore(stack, "Store", store_name="arrays"),
        encryption_key=KEY_ARN,
    )
    fan_out.grants.start(_person(stack, "Starter"))
    fan_out.grants.read(_person(stack, "Reader"))
    fan_out.grants.stop(_person(stack, "Stopper"))


def _governed(stack: Stack) -> None:
    teams = [team("research"), team("inference")]
    TaskGovernance(stack, "Governance", cluster=Cluster(stack), governance=Governance(), teams=teams, native_types=())
