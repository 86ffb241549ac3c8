"""Model of Kueue, which admits the jobs of HyperPod clusters.

`Kueue` makes the decisions of the scheduler of Kueue 0.19.2 with its default feature gates: admission, borrowing,
preemption and fair sharing. The tests replay 212 scenarios that were recorded from the real scheduler. These scenarios
have one resource and one flavor; several of them follow the source of Kueue, and are tested against a slow reference
only.

| Left out | In its place |
|---|---|
| Flavor fungibility, affinity and taints | Each pod set states its flavors. |
| Topology, node failures | Quota only. |
| Nested cohorts, quota of a cohort | Flat cohorts, whose quota is that of their queues. |
| Partial admission, workload slices | An elastic job is several workloads. |
| Admission checks, PodsReady, second passes | A workload with quota is admitted. |
| Back-off and deactivation of workloads | A released workload is tried in the next cycle. |
| Admission fair sharing, LocalQueues | A queue is a ClusterQueue. |
| Stopped queues, namespaces | All queues are active. |
| Batches of requeues (1 second), races of the API | Changes take effect before the next cycle. |
| Alpha and optional feature gates | Defaults of 0.19.2. |
| The version and the controllers of HyperPod | Unknown. The model is that of the open source. |
"""

from fairlane._internal.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
