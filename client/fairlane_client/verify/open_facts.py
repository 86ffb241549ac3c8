"""Facts that a run cannot settle, with the reasons."""

from typing import Final

from fairlane_client.verify.fact import Fact

_METRICS: Final = "docs/job-metrics.md"
_POLICY: Final = "docs/choosing-a-policy.md"
_POLLER: Final = "lambda/fairlane_lambda/queue_poller/handler.py"
_LOCAL: Final = "docs/aws-on-localhost.md"
_EXPORTER: Final = "constructs/fairlane/monitoring/exporter/job_metrics.py"
_UPDATES: Final = "docs/updating-without-killing-jobs.md"
_ENVIRONMENT: Final = "constructs/fairlane/capacity/gpu_compute_environment.py"

_NO_GPU: Final = "needs GPU instances, which cost more than this run may"
_CLUSTER: Final = "needs a HyperPod cluster, which runs all the time and costs more than this run may"
_LONG: Final = "needs jobs that train or wait for hours"

OPEN_FACTS: Final = (
    Fact(
        "alarms-in-an-account",
        "Alarms, composite alarms and the exporter work in an account as on the local AWS.",
        (
            "docs/alarms.md",
            _METRICS,
            _EXPORTER,
            _POLLER,
            "docs/runbooks/README.md",
            "constructs/fairlane/monitoring/alarms/queue_alarms.py",
            "constructs/fairlane/monitoring/alarms/fan_out_alarms.py",
        ),
        reason="needs a deployment of a monitoring stack and hours of metrics: deploy an environment with alarms",
    ),
    Fact(
        "deployments-in-an-account",
        "The deployments and commands of these pages work in an account as they are described.",
        (
            "docs/adopting-a-queue.md",
            "docs/day-2.md",
            "docs/gpu-queues.md",
            "docs/log-encryption.md",
            "docs/runbooks/README.md",
            "docs/fine-tuning.md",
            "README.md",
            "constructs/fairlane/schedules/training_schedule.py",
            "constructs/fairlane/fan_out/fan_out_region.py",
            "constructs/fairlane/fan_out/training_fan_out.py",
            "constructs/fairlane/sweeps/sweep_store.py",
            "constructs/fairlane/monitoring/archive/job_archive.py",
            "docs/job-archive.md",
        ),
        reason="needs the CDK and resources of your own: try the page in a test account",
    ),
    Fact(
        "jobs-that-never-run",
        "A job that can never run blocks its quota share only, and its time limit counts while other shares are first.",
        ("docs/rehearsal.md",),
        reason="needs SageMaker training jobs in a queue with quotas, and a queue that stays blocked for 10 minutes",
    ),
    Fact(
        "training-exclusions",
        "SageMaker refuses MaxWaitTimeInSeconds without managed Spot, and InstanceCount beside InstanceGroups.",
        ("docs/checking-a-submission.md", "client/fairlane_client/checks/training_rules.py"),
        reason="needs a training job: a request that is not refused would start one",
    ),
    Fact(
        "service-event-capacity",
        "Last events of service jobs have `capacityUsage` and `preemptionSummary`, as DescribeServiceJob has.",
        ("docs/job-archive.md", "constructs/fairlane/monitoring/archive/job_archive.py"),
        reason="needs a training job on an instance, and one that is preempted",
    ),
    Fact(
        "stack-tags",
        "Tags of a stack reach a compute environment, and a change of them replaces it.",
        (_UPDATES, _ENVIRONMENT),
        reason="a replacement of the compute environment takes longer than the rest of the run",
    ),
    Fact(
        "efa-zone-change",
        "With EFA, instances in a subnet of another zone start only after the last one in the old zone has stopped.",
        (_ENVIRONMENT,),
        reason=_NO_GPU,
    ),
    Fact(
        "new-gpu-families",
        "AWS Batch accepts g7 and g7e instances for GPU jobs.",
        ("constructs/fairlane/catalog/gpu_catalog.py", _ENVIRONMENT, "constructs/fairlane/environment/acknowledge.py"),
        reason=_NO_GPU,
    ),
    Fact(
        "lustre-retry",
        "An instance that cannot mount an FSx for Lustre file system accepts no jobs.",
        ("constructs/fairlane/capacity/lustre.py",),
        reason="needs a file system of FSx for Lustre, which costs more than this run may",
    ),
    Fact(
        "images-in-an-account",
        "CloudFormation adopts and keeps rules of an ECR registry, and Lambda's boto3 supports backfills.",
        (
            "docs/images.md",
            "constructs/fairlane/images/replication_gate.py",
            "constructs/fairlane/images/registry_replication.py",
            "constructs/fairlane/images/replication_alarm.py",
            "constructs/fairlane/images/replicated_repository.py",
            "constructs/fairlane/images/replica_templates.py",
            "lambda/fairlane_lambda/registry_rules/handler.py",
        ),
        reason="changes the rules of the whole registry of the account, which jobs of others can depend on",
    ),
    Fact(
        "query-permissions",
        "The permissions of a fan-out's query are sufficient for federated catalogs and S3 Tables.",
        ("constructs/fairlane/fan_out/query_permissions.py",),
        reason="needs a catalog and a connector of your own",
    ),
    Fact(
        "copy-jobs",
        "Manifests, prefixes and reports of S3 Batch Operations across Regions are as Fairlane writes and reads them.",
        ("lambda/fairlane_lambda/fan_out/copy_jobs.py",),
        reason="needs buckets in two Regions, and the deployment of a fan-out",
    ),
    Fact(
        "training-prices",
        "AWS Price List describes SageMaker training by the attributes that Fairlane looks for.",
        ("lambda/fairlane_lambda/fan_out/capacity/prices.py",),
        reason="Fairlane reads the attributes at run time; `fairlane fanout check` shows the prices that it found",
    ),
    Fact(
        "preemption",
        "Preempted service jobs wait again, use no attempt, and are chosen as the model of Fairlane assumes.",
        (_LOCAL, _POLICY, "docs/for-scientists.md"),
        reason=_LONG,
    ),
    Fact(
        "fair-share-decay",
        "Use of a share loses its weight linearly over the window.",
        (_LOCAL, _POLICY),
        reason=_LONG,
    ),
    Fact(
        "consumable-position",
        "The snapshot of a queue has jobs that wait for consumable resources behind the others.",
        ("local/fairlane_local/batch/jobs/snapshot.py",),
        reason="needs a job that holds a consumable resource while others wait: the run holds its only instance once",
    ),
    Fact(
        "repeated-dependency",
        "A job that `dependsOn` names several times counts once.",
        ("local/fairlane_local/batch/jobs/dependencies.py",),
        reason="the run submits container jobs without dependencies",
    ),
    Fact(
        "blocked-reports",
        "AWS Batch reports each reason that blocks a queue once.",
        ("docs/runbooks/blocked.md", "constructs/fairlane/monitoring/alarms/kinds/queue_blocked.py"),
        reason=_LONG,
    ),
    Fact(
        "dashboard-regions",
        "A dashboard shows the states of alarms of several Regions.",
        ("docs/dashboards.md", "constructs/fairlane/monitoring/dashboards/queue_dashboard.py"),
        reason="no call tells what the console shows: deploy an environment with two Regions, and look at it",
    ),
    Fact(
        "environment-in-use",
        "AWS Batch refuses to delete an environment that a queue uses.",
        ("docs/your-own-app.md",),
        reason="a deletion that is not refused would end the run",
    ),
    Fact(
        "price-attributes",
        "The prices of SageMaker training and HyperPod have the instance type in `usagetype`.",
        ("docs/costs.md", "constructs/fairlane/costs/price_files.py"),
        reason="needs the permission to read prices: run the commands of the page on costs",
    ),
    Fact(
        "service-retention",
        "Service jobs that ended are listed for at least seven days.",
        (_LOCAL,),
        reason="needs seven days",
    ),
    Fact(
        "hyperpod",
        "HyperPod clusters, their quotas, elastic jobs and monitoring behave as Fairlane assumes.",
        (
            "docs/hyperpod.md",
            "docs/hyperpod-monitoring.md",
            "docs/elastic-training.md",
            "README.md",
            "constructs/fairlane/hyperpod/hyperpod_cluster.py",
            "constructs/fairlane/hyperpod/task_governance.py",
            "constructs/fairlane/hyperpod/elastic_sizes.py",
            "constructs/fairlane/hyperpod/elastic_rules.py",
            "constructs/fairlane/hyperpod/elastic_recipes.py",
            "constructs/fairlane/hyperpod/elastic_cluster_rules.py",
            "constructs/fairlane/hyperpod/kueue_queues.py",
            "constructs/fairlane/hyperpod/quota_table.py",
            "constructs/fairlane/hyperpod/monitoring/hyperpod_monitoring.py",
            "lambda/fairlane_lambda/hyperpod_governance/handler.py",
        ),
        reason=_CLUSTER,
    ),
)
"""Facts that need other resources, more time or more money than a run has."""
