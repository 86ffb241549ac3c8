"""HyperPod cluster with task governance: its teams, their quotas, and pods at their caps."""

from collections.abc import Iterator
from typing import Any, Final

from rich.console import Console

from fairlane.cli.hyperpod import quotas_text
from fairlane.environment import Environment
from fairlane_local.console.sample_pods import GPUS, PUBLISHED_CAP, create_object, submit_pods
from fairlane_local.console.tables import caps_table, teams_table
from fairlane_local.console.texts import sharing_text
from fairlane_local.errors import LocalAwsError
from fairlane_local.kubernetes.api import KubernetesApi
from fairlane_local.kubernetes.clusters import cluster_locations, kubernetes_api
from fairlane_local.kubernetes.kinds import kind_at
from fairlane_local.server.access import client
from fairlane_local.server.local_aws import LocalAws

_GPU: Final = "nvidia.com/gpu"
_PUBLISHED: Final = "aws-example"


def print_hyperpod(aws: LocalAws, environment: Environment) -> None:
    """Print the groups and teams of the first cluster, the table of quotas, and the pods that the caps admit.

    Args:
        aws: Local AWS with the deployed environment.
        environment: Environment with a HyperPod cluster.

    Raises:
        LocalAwsError: If the environment has no HyperPod cluster.
    """
    if not environment.hyperpod:
        raise LocalAwsError("the environment has no HyperPod cluster: add one to the key hyperpod")
    (name, settings), *_ = environment.hyperpod.items()
    location, *_ = cluster_locations()
    sagemaker = client("sagemaker", aws.port, location.account_id, location.region)
    console = Console()
    _print_title(console, f"HyperPod cluster {name} in {location.region}")
    cluster = sagemaker.describe_cluster(ClusterName=name)
    for group in cluster["InstanceGroups"]:
        print(f"{group['InstanceGroupName']}: {group['CurrentCount']} x {group['InstanceType']}")
    console.print("", teams_table(_teams(sagemaker, cluster["ClusterArn"]), title="Teams"), sep="\n")
    _print_title(console, "fairlane hyperpod quotas -c environment=hyperpod")
    print(quotas_text(name, settings))
    kubernetes_name = cluster["Orchestrator"]["Eks"]["ClusterArn"].rpartition("/")[2]
    _print_caps(console, kubernetes_api(location.account_id, location.region, kubernetes_name))


def _teams(sagemaker: Any, cluster_arn: str) -> Iterator[tuple[str, ...]]:
    listed = sagemaker.list_compute_quotas(ClusterArn=cluster_arn, SortBy="Name", SortOrder="Ascending")
    for quota in listed["ComputeQuotaSummaries"]:
        target, config = quota["ComputeQuotaTarget"], quota["ComputeQuotaConfig"]
        amounts = (
            f"{resource.get('Count', 'part')} x {resource['InstanceType']}"
            for resource in config["ComputeQuotaResources"]
        )
        sharing = sharing_text(config["ResourceSharingConfig"])
        yield target["TeamName"], "\n".join(amounts), sharing, str(target["FairShareWeight"])


def _print_caps(console: Console, api: KubernetesApi) -> None:
    create_object(api, "Namespace", "", {"metadata": {"name": _PUBLISHED}})
    create_object(api, "ResourceQuota", _PUBLISHED, {"metadata": {"name": "quota"}, "spec": {"hard": PUBLISHED_CAP}})
    rows, refusals = [], []
    for namespace, key, cap in list(_caps(api)):
        number = cap // GPUS + 1
        admitted, refusal = submit_pods(api, namespace, number)
        last = "refused" if refusal else "admitted"
        rows.append((namespace, f"{key}: {cap}", str(admitted), str(admitted * GPUS), last))
        refusals += [f"{namespace}: {refusal}"] if refusal else []
    title = f"Pods with {GPUS} GPUs each, up to one above the cap"
    console.print("", caps_table(rows, title=title), sep="\n")
    console.print("", *refusals[-1:], sep="\n", highlight=False, markup=False)
    print(f"\n{_PUBLISHED} has the ResourceQuota that AWS publishes for 64 GPUs. Kubernetes counts GPUs only under")
    print(f"requests.{_GPU}, so it caps none.")


def _caps(api: KubernetesApi) -> Iterator[tuple[str, str, int]]:
    """Yield namespace, key and amount of each cap on GPUs, those of teams first."""
    kind = kind_at("v1", "resourcequotas")
    assert kind is not None
    quotas = api.list(kind)["items"]
    for quota in sorted(quotas, key=lambda quota: quota["metadata"]["namespace"] == _PUBLISHED):
        for key, amount in quota["spec"]["hard"].items():
            if key.removeprefix("requests.") == _GPU:
                yield quota["metadata"]["namespace"], key, int(amount)


def _print_title(console: Console, title: str) -> None:
    console.print(f"\n{title}", style="bold", highlight=False)
