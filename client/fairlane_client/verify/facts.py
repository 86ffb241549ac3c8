"""Facts about AWS that Fairlane states unverified. docs/verify.md maps each unverified statement to them."""

from dataclasses import dataclass
from typing import Final

_SWEEPS: Final = "docs/sweeps.md"
_METRICS: Final = "docs/job-metrics.md"
_POLICY: Final = "docs/choosing-a-policy.md"
_POLLER: Final = "lambda/fairlane_lambda/queue_poller/handler.py"
_LOCAL: Final = "docs/aws-on-localhost.md"
_EXPORTER: Final = "constructs/fairlane/monitoring/exporter/job_metrics.py"
_FAIR_SHARE: Final = "constructs/fairlane/scheduling/fair_share.py"
_UPDATES: Final = "docs/updating-without-killing-jobs.md"
_ENVIRONMENT: Final = "constructs/fairlane/capacity/gpu_compute_environment.py"


@dataclass(frozen=True, slots=True)
class Fact:
    """Statement about AWS that was not compared with AWS.

    Attributes:
        id: ID of the fact.
        sentence: Statement.
        stated: Files that state it.
        how: Check that settles it. Empty if the command cannot settle it.
        reason: Reason why the command cannot settle it. Empty if it can.
    """

    id: str
    sentence: str
    stated: tuple[str, ...]
    how: str = ""
    reason: str = ""


_SUBMISSIONS: Final = (
    Fact(
        "share-required",
        "SubmitJob to a fair-share queue is refused without a share identifier.",
        (_LOCAL, _FAIR_SHARE),
        "a submission without it",
    ),
    Fact(
        "share-fifo",
        "SubmitJob to a FIFO queue is refused with a share identifier.",
        (_LOCAL,),
        "a submission with one",
    ),
    Fact(
        "share-unlisted",
        "A share identifier that the policy does not list is accepted.",
        (_LOCAL, _FAIR_SHARE),
        "a submission with `other`",
    ),
    Fact(
        "share-prefix",
        "A share identifier that starts with the prefix of the policy is accepted.",
        (_LOCAL, _FAIR_SHARE),
        "a submission with `lab1`; the policy has `lab*`",
    ),
    Fact(
        "share-asterisk",
        "A job cannot have the prefix itself as its share identifier.",
        (_LOCAL,),
        "a submission with `lab*`",
    ),
    Fact(
        "share-characters",
        "Share identifiers of jobs can have hyphens and underscores.",
        (_LOCAL, _FAIR_SHARE),
        "a submission with `team-b_1`",
    ),
    Fact(
        "priority-required",
        "SubmitJob to a fair-share queue is refused if neither job nor job definition has a priority.",
        (_LOCAL,),
        "a submission without a priority",
    ),
    Fact(
        "priority-without-share",
        "SubmitJob to a FIFO queue is accepted with a scheduling priority.",
        (_LOCAL,),
        "a submission with a priority",
    ),
    Fact(
        "listing-delay",
        "A new job is in ListJobs within 60 seconds.",
        (_SWEEPS, "client/fairlane_client/sweeps/submission.py"),
        "ListJobs with the name of a new job, each second",
    ),
    Fact(
        "array-usage",
        "The `capacityUsage` of an array job in ListJobs is that of each child.",
        (_POLLER,),
        "ListJobs of an array job with two children that wait",
    ),
)
_SERVICE_JOBS: Final = (
    Fact(
        "service-listing-delay",
        "A new service job is in ListServiceJobs within 60 seconds.",
        (_SWEEPS, "client/fairlane_client/sweeps/submission.py"),
        "ListServiceJobs with the name of a new job, each second",
    ),
    Fact(
        "service-token",
        "A second SubmitServiceJob with the same client token and payload is refused.",
        (_LOCAL,),
        "the same submission twice",
    ),
    Fact(
        "service-usage",
        "Service jobs in state RUNNABLE have a `capacityUsage`.",
        (_POLLER,),
        "ListServiceJobs of a job that waits",
    ),
    Fact(
        "service-fair-share-unit",
        "The capacity of service jobs in fair-share queues is counted in instances, not in vCPUs.",
        (_POLLER, _FAIR_SHARE),
        "unit of a job that waits in such a queue",
    ),
    Fact(
        "service-event-shape",
        "Events of service jobs have the job's queue, name and status, and neither tags nor payload.",
        (_METRICS, _EXPORTER),
        "events of jobs that wait and are terminated",
    ),
    Fact(
        "service-event-share",
        "Events of service jobs have the quota share or share identifier and the priority.",
        (_METRICS, _EXPORTER),
        "events of jobs that wait and are terminated",
    ),
)
_LIFECYCLE: Final = (
    Fact(
        "event-shape",
        "Events of jobs have the ID, name, queue, status and time of creation of the job, and no `jobStatus`.",
        (_METRICS, _EXPORTER),
        "events of jobs that run and are terminated",
    ),
    Fact(
        "event-share",
        "Events of jobs in a fair-share queue have the share identifier and the priority.",
        (_METRICS, _EXPORTER),
        "events of jobs in such a queue",
    ),
    Fact(
        "event-order",
        "A job that runs has the events RUNNABLE, STARTING, RUNNING and SUCCEEDED, whose times never decrease.",
        (_METRICS, _EXPORTER),
        "events of a job that succeeds",
    ),
    Fact(
        "event-submission",
        "No event reports the submission of a job.",
        (_METRICS,),
        "events of all jobs",
    ),
    Fact(
        "event-milliseconds",
        "Times in events are milliseconds since the epoch.",
        (_EXPORTER,),
        "times in the events of a job that succeeds",
    ),
    Fact(
        "same-priority",
        "Jobs of a share with the same priority keep the order of submission, behind those with a higher one.",
        (_POLICY, _LOCAL),
        "front of a queue in GetJobQueueSnapshot",
    ),
    Fact(
        "snapshot-front",
        "The snapshot of a queue has its RUNNABLE jobs, each with the time at its position.",
        (_METRICS, _EXPORTER),
        "GetJobQueueSnapshot while jobs wait",
    ),
    Fact(
        "snapshot-usage",
        "The snapshot of a queue has the vCPUs in use, in all and of each share, and no GPUs.",
        (_METRICS, _EXPORTER),
        "GetJobQueueSnapshot while a job runs",
    ),
    Fact(
        "disabled-queue",
        "Jobs that wait in a queue start after the queue is disabled.",
        (_UPDATES,),
        "a queue that is disabled while a job waits",
    ),
)
_NATIVE_METRICS: Final = (
    Fact(
        "metric-names",
        "AWS Batch publishes the metrics of a queue by its name in `AWS/Batch`, in the documented names.",
        (_METRICS, "constructs/fairlane/queues/native_metrics.py"),
        "GetMetricStatistics of each metric that the jobs of the run cause",
    ),
    Fact(
        "metric-units",
        "Durations in `AWS/Batch` are in milliseconds, and the other metrics are counts.",
        (_METRICS, "constructs/fairlane/queues/native_metrics.py"),
        "units of the same metrics",
    ),
)

_NO_GPU: Final = "needs GPU instances, which cost more than this run may"
_CLUSTER: Final = "needs a HyperPod cluster, which runs all the time and costs more than this run may"
_LONG: Final = "needs jobs that train or wait for hours"

_UNSETTLED: Final = (
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
        ),
        reason="needs the CDK and resources of your own: try the page in a test account",
    ),
    Fact(
        "deletion-policy-update",
        "CloudFormation accepts an update that changes deletion policies only.",
        (_UPDATES,),
        reason="an update that keeps resources could leave them behind when the run ends",
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
        "blocked-reports",
        "AWS Batch reports each reason that blocks a queue once.",
        ("docs/runbooks/blocked.md", "constructs/fairlane/monitoring/alarms/kinds/queue_blocked.py"),
        reason=_LONG,
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

SERVICE_FACTS: Final = tuple(fact.id for fact in _SERVICE_JOBS)
"""IDs of the facts about service jobs."""

FACTS: Final = {fact.id: fact for fact in (*_SUBMISSIONS, *_SERVICE_JOBS, *_LIFECYCLE, *_NATIVE_METRICS, *_UNSETTLED)}
"""All facts by ID, those that a run can settle first."""
