"""Key `hyperpod` of environment files: values, names, and mistakes with their lines."""

import textwrap
from pathlib import Path

import pytest

from fairlane import ConfigurationError
from fairlane.environment import Environment, load_environment
from fairlane.hyperpod import InstanceGroup, NodePool, PriorityClass, QuotaResource, Sharing, Team
from fairlane.hyperpod.quota_table import quota_rows
from fairlane.monitoring.alarms import HyperPodLimits
from tests.support import REPOSITORY

START = """
region: us-east-1
network: {nat_gateways: 1}
hyperpod:
"""
CHART = "kubernetes: {chart: oci://registry.example.com/chart:1.0.0}"
SYSTEM = "system: {instance_type: ml.m5.2xlarge, instance_count: 2}"

SEEDED = f"""
region: us-east-1
network: {{availability_zone_ids: [use1-az4]}}
hyperpod:
  groups:
    kubernetes:
      chart: chart
      version: "1.29"
    lifecycle_bucket: scripts
    instance_groups:
      both: {{instance_type: ml.p5.48xlarge, instance_types: [ml.p4d.24xlarge], instance_count: 1}}
      neither: {{instance_count: 1}}
      minimum: {{instance_type: ml.p5.48xlarge, instance_count: 1, min_instance_count: 2}}
      sized: {{instance_type: ml.p5.48xlarge, instance_count: 1, root_volume: {{size_gib: 500, encryption_key: "arn:aws:kms:us-east-1:123456789012:key/1"}}}}
      keyless: {{instance_type: ml.p5.48xlarge, instance_count: 1, root_volume: {{}}}}
      hooks: {{instance_type: ml.p5.48xlarge, instance_count: 1, lifecycle_script: a.sh, init_script: b.sh}}
      spot: {{instance_type: ml.p5.48xlarge, instance_count: 1, purchase: SPOT, training_plan: "arn:aws:sagemaker:us-east-1:123456789012:training-plan/p"}}
      unknown: {{instance_type: ml.p9.48xlarge, instance_count: 1}}
      unknown: {{instance_type: ml.p5.48xlarge, instance_count: 1}}
  karpenter:
    {CHART}
    node_recovery: false
    continuous_provisioning: false
    instance_groups:
      scaled: {{instance_type: ml.p5.48xlarge, instance_count: 4, training_plan: "arn:aws:sagemaker:us-east-1:123456789012:training-plan/p", deep_health_checks: [InstanceStress]}}
    autoscaling:
      pool: {{instance_groups: [scaled, other]}}
    teams:
      uncapped: {{quota: {{ml.p5.48xlarge: 1}}, weight: 10}}
  governance:
    {CHART}
    encryption_key: arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
    admin_roles: ["arn:aws:iam::123456789012:role/a"]
    native_types: ["AWS::SageMaker::Quota"]
    instance_groups:
      {SYSTEM}
      p5: {{instance_type: ml.p5.48xlarge, instance_count: 4}}
    priority_classes:
      High: 10
      higher: 200
    teams:
      idle-resource-sharing-1: {{quota: {{ml.p5.48xlarge: 1}}, sharing: Lend}}
      a-team-whose-name-has-more-than-38-characters: {{quota: {{ml.p5.48xlarge: 1}}, sharing: Lend}}
      nothing: {{quota: {{}}, sharing: Lend}}
      differ: {{quota: {{ml.p5.48xlarge: {{count: 1, accelerators: 4}}}}, sharing: Lend}}
      mig: {{quota: {{ml.p5.48xlarge: {{partition: mig-1g.5gb, partitions: 1}}}}, sharing: Lend}}
      limit: {{quota: {{ml.p5.48xlarge: 1}}, sharing: DontLend, borrow_limit: 50}}
      other: {{quota: {{ml.p4d.24xlarge: 1}}, sharing: Lend, weight: 101}}
      greedy: {{quota: {{ml.m5.2xlarge: 1}}, borrow_limit: 200}}
      zero:
        quota: {{ml.p5.48xlarge: 1}}
        roles: ["arn:aws:iam::123456789012:role/a"]
        cap:
          requests: {{nvidia.com/gpu: 4, gpu: 8, limits.cpu: 8}}
        container_defaults: {{maximum: {{cpu: 8}}}}
regions:
  eu-west-1:
    hyperpod:
      homeless: {{{CHART}, instance_groups: {{{SYSTEM}}}}}
  eu-west-2:
    network: {{}}
    hyperpod:
      shared: {{kubernetes: {{chart: "https://example.com/a.zip", cluster: shared, version: "1.34"}}, instance_groups: {{{SYSTEM}}}}}
"""

EXPECTED = """
line 3, network: an EKS cluster requires private subnets in two zones: use a VPC with more zones
line 7, hyperpod.groups.kubernetes.chart: the folder charts lacks the dependencies cert-manager: run helm dependency build FOLDER/chart before synth
line 8, hyperpod.groups.kubernetes.version: got '1.29', allowed: an EKS version that HyperPod supports: 1.30, 1.31, 1.32, 1.33, 1.34, 1.35
line 9, hyperpod.groups.lifecycle_bucket: got 'scripts', allowed: a bucket whose name starts with "sagemaker-", because SageMaker refuses others
line 11, hyperpod.groups.instance_groups.both.instance_type: instance_type and instance_types exclude each other: remove one of them
line 12, hyperpod.groups.instance_groups.neither.instance_type: missing; use either instance_type or instance_types
line 13, hyperpod.groups.instance_groups.minimum.min_instance_count: the minimum of 2 is above instance_count, 1, so that the group would roll back after three hours: use at most instance_count
line 14, hyperpod.groups.instance_groups.sized.root_volume.size_gib: SageMaker determines the size of the root volume: remove size_gib, or use data_volume
line 15, hyperpod.groups.instance_groups.keyless.root_volume.encryption_key: missing; use the ARN of a KMS key, or no root_volume
line 16, hyperpod.groups.instance_groups.hooks.lifecycle_script: lifecycle_script and init_script exclude each other: remove one of them
line 16, hyperpod.groups.instance_groups.hooks.lifecycle_script: got 'a.sh', allowed: none; give the directory of the script as lifecycle_scripts
line 16, hyperpod.groups.instance_groups.hooks.init_script: got 'b.sh', allowed: none; give the directory of the script as lifecycle_scripts
line 17, hyperpod.groups.instance_groups.spot.training_plan: the instances of a training plan are reserved, not Spot: remove purchase or training_plan
line 18, hyperpod.groups.instance_groups.unknown.instance_type: got 'ml.p9.48xlarge', allowed: an instance type that HyperPod offers, for example ml.p5.48xlarge or ml.p5e.48xlarge or ml.p5.4xlarge
line 19, hyperpod.groups.instance_groups.unknown: the mapping has this key twice: remove one of them
line 22, hyperpod.karpenter.node_recovery: Karpenter requires node_recovery: use true, or remove autoscaling
line 23, hyperpod.karpenter.continuous_provisioning: Karpenter requires continuous_provisioning: use true, or remove autoscaling
line 24, hyperpod.karpenter.instance_groups: no group can run the add-ons: add one outside of autoscaling, for example 2 ml.m5.2xlarge, with an instance_count of 1 or more and without taints NoSchedule and NoExecute
line 25, hyperpod.karpenter.instance_groups.scaled.instance_count: Karpenter scales the group, for node pool pool: use an instance_count of 0, not 4
line 25, hyperpod.karpenter.instance_groups.scaled.training_plan: Karpenter scales the group, for node pool pool, and does not support training plans: remove training_plan, or the group from autoscaling
line 25, hyperpod.karpenter.instance_groups.scaled.deep_health_checks: Karpenter scales the group, for node pool pool, and does not support deep health checks: remove deep_health_checks, or the group from autoscaling
line 27, hyperpod.karpenter.autoscaling.pool.instance_groups[1]: got 'other', allowed: a name in instance_groups: scaled
line 29, hyperpod.karpenter.teams.uncapped.cap: missing; without a cap, Karpenter adds nodes in pool for each pod of the team that waits: use instances or requests
line 32, hyperpod.governance.encryption_key: the key is in Region us-west-2: use a key in Region us-east-1, where the cluster is
line 34, hyperpod.governance.native_types: got 'AWS::SageMaker::Quota', allowed: AWS::SageMaker::ComputeQuota or AWS::SageMaker::ClusterSchedulerConfig
line 39, hyperpod.governance.priority_classes.High: got 'High', allowed: 1 to 40 lower-case letters, digits and -, with a letter or digit at both ends
line 40, hyperpod.governance.priority_classes.higher: got 200, allowed: a whole number, 0 to 100
line 41, hyperpod.governance.teams: weight is 0 for all teams that borrow, the lowest priority, so fair_share has nothing to share by: give the teams weights of 1 to 100, or set fair_share to false
line 42, hyperpod.governance.teams.idle-resource-sharing-1: HyperPod's own queues start with idle-resource-sharing: use another name
line 43, hyperpod.governance.teams.a-team-whose-name-has-more-than-38-characters: got 'a-team-whose-name-has-more-than-38-characters', allowed: 1 to 38 lower-case letters, digits and -, with a letter or digit at both ends
line 44, hyperpod.governance.teams.nothing.quota: the team has a quota of nothing, of which the borrow limit is a percentage: it could run no job; give it a quota or remove the team
line 45, hyperpod.governance.teams.differ.quota."ml.p5.48xlarge".accelerators: count 1 has 8 accelerators, and accelerators are 4: use one of them
line 46, hyperpod.governance.teams.mig.quota."ml.p5.48xlarge".partition: got 'mig-1g.5gb', allowed: a MIG profile of H100: mig-1g.10gb, mig-1g.20gb, mig-2g.20gb, mig-3g.40gb, mig-4g.40gb, mig-7g.80gb
line 47, hyperpod.governance.teams.limit.borrow_limit: sharing DontLend never borrows: remove borrow_limit or use LendAndBorrow
line 48, hyperpod.governance.teams.other.weight: got 101, allowed: a whole number, 0 to 100
line 48, hyperpod.governance.teams.other.quota."ml.p4d.24xlarge": got 'ml.p4d.24xlarge', allowed: an instance type of the instance groups: ml.m5.2xlarge, ml.p5.48xlarge
line 49, hyperpod.governance.teams.greedy.borrow_limit: 200 % of its own 8 cpu is 16, and 8 can be borrowed: use at most 100
line 51, hyperpod.governance.teams.zero.quota."ml.p5.48xlarge": the quotas add up to 40 nvidia.com/gpu and the instance groups and node pools have 32: lower the quotas or add instances
line 51, hyperpod.governance.teams.zero.quota."ml.p5.48xlarge": the quotas add up to 960 cpu and the instance groups and node pools have 768: lower the quotas or add instances
line 51, hyperpod.governance.teams.zero.quota."ml.p5.48xlarge": the quotas add up to 10240 memory and the instance groups and node pools have 8192: lower the quotas or add instances
line 52, hyperpod.governance.teams.zero.roles[0]: arn:aws:iam::123456789012:role/a is in admin_roles, and EKS allows one access entry for a role: use another role
line 54, hyperpod.governance.teams.zero.cap.requests.gpu: Kubernetes counts no resource of this name: use cpu, memory, ephemeral-storage, hugepages-<size> or an extended resource such as nvidia.com/gpu
line 54, hyperpod.governance.teams.zero.cap.requests."limits.cpu": limits.cpu refuses each container that states no limit of cpu: use requests.cpu
line 54, hyperpod.governance.teams.zero.cap.requests."nvidia.com/gpu": 4 is below the team's quota of 8 nvidia.com/gpu, so pods are refused that the quota admits: raise the cap or lower the quota
line 55, hyperpod.governance.teams.zero.container_defaults.maximum.cpu: containers that state no cpu would request the maximum: add requests.cpu or limits.cpu
line 57, regions.eu-west-1.network: missing; use vpc_id and subnet_ids of an existing VPC, or {} for a new VPC
line 63, regions.eu-west-2.hyperpod.shared.kubernetes.chart: got 'https://example.com/a.zip', allowed: the directory of the HyperPod Helm chart, oci://REGISTRY/CHART:VERSION or https://HOST/CHART.tgz; clone aws/sagemaker-hyperpod-cli and give its folder helm_chart/HyperPodHelmChart
line 63, regions.eu-west-2.hyperpod.shared.kubernetes.security_group: missing; use the id of a security group, such as sg-0123456789abcdef0
line 63, regions.eu-west-2.hyperpod.shared.kubernetes.version: the EKS cluster that exists has its own version: remove version or cluster
line 63, regions.eu-west-2.hyperpod.shared.kubernetes.cluster: HyperPod runs in the VPC of the EKS cluster: use vpc_id and subnet_ids in network
"""


MONITORING = """
line 7, hyperpod.a-monitoring: the monitoring stack of cluster a has this name: use another name
line 7, hyperpod.a-monitoring.prometheus_workspace: cluster a has the same workspace: add labels to prometheus_labels that only cluster a-monitoring has
line 8, hyperpod.labels.prometheus_labels.1st: got '1st', allowed: a label of letters, digits and _ that starts with no digit
line 8, hyperpod.labels.prometheus_labels.b: got 'c"d', allowed: a text of 1 to 255 characters without ", \\ and line breaks
line 8, hyperpod.labels.prometheus_labels: labels require prometheus_workspace: add prometheus_workspace or remove the labels
line 9, hyperpod.none.prometheus_workspace: got 'ws-1', allowed: the ARN of a workspace of Amazon Managed Service for Prometheus
line 11, alarms.hyperpod_capacity.Warning.minutes: got 1, allowed: a whole number of minutes, 10 to 1440
line 12, alarms.hyperpod_restarts.Page.per_day: unknown key; use per_hour
line 13, alarms.notify.Panic: got 'Panic', allowed: a severity of these alarms: Warning, Critical, Page
line 15, regions.eu-west-1.hyperpod.a.prometheus_workspace: got 'arn:aws:aps:us-east-1:123456789012:workspace/ws-1', allowed: a workspace in eu-west-1, the Region of the cluster
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    chart = tmp_path / "chart"
    chart.mkdir()
    (chart / "Chart.yaml").write_text("name: chart\nversion: 1.0.0\ndependencies: [{name: cert-manager}]\n")
    return tmp_path


def mistakes(folder: Path, text: str) -> list[str]:
    file = folder / "prod.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        load_environment(file)
    return [str(problem) for problem in raised.value.problems]


def loaded(folder: Path, text: str) -> Environment:
    file = folder / "prod.yaml"
    file.write_text(START + textwrap.indent(textwrap.dedent(text), "  "))
    return load_environment(file)


def test_all_mistakes_of_a_file_are_reported_at_once_with_their_lines(folder: Path) -> None:
    assert [text.replace(str(folder), "FOLDER") for text in mistakes(folder, SEEDED)] == EXPECTED.strip().splitlines()


def test_a_training_plan_is_in_the_region_of_its_cluster(folder: Path) -> None:
    group = "{instance_type: ml.p5.48xlarge, instance_count: 1, training_plan: PLAN}"
    plan = "arn:aws:sagemaker:us-east-1:123456789012:training-plan/p"
    cluster = f"{{{CHART}, instance_groups: {{{SYSTEM}, p5: {group.replace('PLAN', plan)}}}}}"
    text = f"{START}  home: {cluster}\nregions: {{eu-west-1: {{network: {{}}, hyperpod: {{other: {cluster}}}}}}}\n"
    assert mistakes(folder, text) == [
        "line 6, regions.eu-west-1.hyperpod.other.instance_groups.p5.training_plan: the plan is in Region us-east-1: use "
        "a plan in Region eu-west-1, where the cluster is"
    ]


def test_settings_of_monitoring_are_checked(folder: Path) -> None:
    workspace = "arn:aws:aps:us-east-1:123456789012:workspace/ws-1"
    cluster = f"{CHART}, instance_groups: {{{SYSTEM}}}"
    text = f"""{START}
      a: {{{cluster}, prometheus_workspace: "{workspace}", prometheus_labels: {{cluster: a}}}}
      a-monitoring: {{{cluster}, prometheus_workspace: "{workspace}"}}
      labels: {{{cluster}, prometheus_labels: {{1st: a, b: 'c"d'}}}}
      none: {{{cluster}, prometheus_workspace: ws-1}}
alarms:
  hyperpod_capacity: {{Warning: {{minutes: 1}}}}
  hyperpod_restarts: {{Page: {{per_day: 1}}}}
  notify: {{Panic: [gpus@example.com]}}
regions:
  eu-west-1: {{network: {{}}, hyperpod: {{a: {{{cluster}, prometheus_workspace: "{workspace}"}}}}}}
"""
    assert "\n".join(mistakes(folder, text)) == MONITORING.strip()


def test_alarms_and_dashboards_need_a_cluster_or_metrics_of_queues(folder: Path) -> None:
    text = f"""
        train: {{{CHART}, instance_groups: {{{SYSTEM}}}}}
    """
    keys = "alarms: {hyperpod_failed: {}}\ndashboard: {percentiles: [50]}\nmonitoring_cost_limit: 50\n"
    file = folder / "prod.yaml"
    file.write_text(START + textwrap.indent(textwrap.dedent(text), "  ") + keys)
    environment = load_environment(file)
    assert environment.alarms is not None
    assert environment.alarms.hyperpod_limits == HyperPodLimits(hyperpod_failed={})


def test_the_file_is_read_as_the_value_objects_of_the_constructs(folder: Path) -> None:
    environment = loaded(
        folder,
        f"""
        train:
          {CHART}
          instance_groups:
            {SYSTEM}
            g6: {{instance_type: ml.g6.12xlarge, instance_count: 0}}
          autoscaling:
            g6: {{instance_groups: [g6], max_accelerators: 16}}
          priority_classes: {{high: 100}}
          fair_share: false
          teams:
            a: {{quota: {{ml.g6.12xlarge: 2}}, cap: {{instances: {{ml.g6.12xlarge: 3}}}}}}
            b: {{quota: {{ml.g6.12xlarge: {{accelerators: 4}}}}, sharing: DontLend, cap: {{requests: {{nvidia.com/gpu: 4}}}}}}
        """,
    )
    cluster = environment.hyperpod["train"]
    assert cluster.instance_groups == [
        InstanceGroup(group_name="system", instance_type="ml.m5.2xlarge", instance_count=2),
        InstanceGroup(group_name="g6", instance_type="ml.g6.12xlarge", instance_count=0),
    ]
    assert cluster.node_pools == [NodePool(pool_name="g6", instance_groups=["g6"], max_accelerators=16)]
    assert cluster.governance.priority_classes == [PriorityClass(class_name="high", weight=100)]
    assert (cluster.governance.fair_share, cluster.governance.share_unallocated) == (False, True)
    first, second = cluster.teams
    assert (first.team_name, first.quota) == ("a", [QuotaResource(instance_type="ml.g6.12xlarge", count=2)])
    assert (second.sharing, second.quota) == (
        Sharing.DONT_LEND,
        [QuotaResource(instance_type="ml.g6.12xlarge", accelerators=4)],
    )
    assert all(isinstance(team, Team) for team in cluster.teams)


def test_paths_are_relative_to_the_folder_of_the_file(folder: Path) -> None:
    (folder / "chart" / "Chart.yaml").write_text("name: chart\nversion: 1.0.0\n")
    (folder / "scripts").mkdir()
    (folder / "scripts" / "mount.sh").write_text("mount")
    text = """
        train:
          kubernetes: {chart: chart}
          lifecycle_scripts: scripts
          instance_groups:
            system: {instance_type: ml.m5.2xlarge, instance_count: 2, init_script: mount.sh}
    """
    cluster = loaded(folder, text).hyperpod["train"]
    assert cluster.kubernetes.chart == str(folder / "chart")
    assert cluster.lifecycle_scripts == str(folder / "scripts")


@pytest.mark.parametrize("path", ["elsewhere", "", "a" * 300])
def test_a_chart_that_does_not_exist_is_a_mistake(folder: Path, path: str) -> None:
    text = f"{START}  train:\n    kubernetes: {{chart: '{path}'}}\n    instance_groups: {{{SYSTEM}}}\n"
    (mistake,) = mistakes(folder, text)
    assert mistake.startswith("line 6, hyperpod.train.kubernetes.chart: ")
    assert "oci://REGISTRY/CHART:VERSION" in mistake


def test_training_borrows_in_the_example_what_inference_frees_at_night() -> None:
    cluster = load_environment(REPOSITORY / "environments" / "hyperpod.yaml").hyperpod["training"]
    rows = quota_rows(cluster.governance, cluster.teams, cluster.instance_groups, cluster.node_pools)
    gpus = {row.team_name: row for row in rows if row.resource == "nvidia.com/gpu"}
    assert sum(row.guaranteed for row in gpus.values()) == 256
    assert (gpus["inference"].lent, gpus["inference"].may_borrow) == (128, 0)
    assert (gpus["pretraining"].guaranteed, gpus["pretraining"].ceiling) == (96, 96 + 96)
    assert (gpus["research"].guaranteed, gpus["research"].ceiling) == (32, 32 + 96)
    assert all(row.cap == row.ceiling for row in gpus.values())


def test_a_team_can_have_several_mig_profiles_of_one_instance_type(folder: Path) -> None:
    def text(second: str) -> str:
        groups = "{p5: {instance_type: ml.p5.48xlarge, instance_count: 4}, " + SYSTEM + "}"
        quota = "{ml.p5.48xlarge: [{partition: mig-1g.10gb, partitions: 4}, " + second + "]}"
        return (
            f"{START}  train:\n    {CHART}\n    instance_groups: {groups}\n    teams:\n      mig: {{quota: {quota}}}\n"
        )

    (folder / "prod.yaml").write_text(text("{partition: mig-2g.20gb, partitions: 2}"))
    (team,) = load_environment(folder / "prod.yaml").hyperpod["train"].teams
    resources = [(item.instance_type, item.partition, item.partitions) for item in team.quota]
    assert resources == [("ml.p5.48xlarge", "mig-1g.10gb", 4), ("ml.p5.48xlarge", "mig-2g.20gb", 2)]
    path = 'line 9, hyperpod.train.teams.mig.quota."ml.p5.48xlarge"'
    assert mistakes(folder, text("4")) == [f"{path}[1]: got 4, allowed: a mapping"]
    assert mistakes(folder, text("{partition: mig-1g.10gb, partitions: 2}")) == [
        f"{path}: several resources with partition mig-1g.10gb: add them up in one"
    ]


def test_a_directory_of_scripts_that_does_not_exist_is_a_mistake(folder: Path) -> None:
    for path in ("elsewhere", "a" * 300):
        text = f"{START}  train:\n    {CHART}\n    instance_groups: {{{SYSTEM}}}\n    lifecycle_scripts: {path}\n"
        (mistake,) = mistakes(folder, text)
        assert mistake.startswith("line 8, hyperpod.train.lifecycle_scripts: ")
        assert mistake.endswith("allowed: a directory that exists")


def test_an_eks_cluster_has_one_hyperpod_cluster(folder: Path) -> None:
    def cluster(name: str | None) -> str:
        known = f", cluster: {name}, security_group: sg-0123456789abcdef0" if name else ""
        kubernetes = CHART.replace("}", f"{known}}}")
        return f"{{{kubernetes}, instance_groups: {{{SYSTEM}}}}}"

    network = "{vpc_id: vpc-0123456789abcdef0, subnet_ids: [subnet-0123456789abcdef0, subnet-0123456789abcdef1]}"
    clusters = {"a": "shared", "b": "shared", "c": "d", "d": None, "e": "other"}
    lines = "".join(f"  {name}: {cluster(kubernetes)}\n" for name, kubernetes in clusters.items())
    sentence = "an EKS cluster has one HyperPod cluster: use another EKS cluster, or more instance_groups"
    assert mistakes(folder, f"region: us-east-1\nnetwork: {network}\nhyperpod:\n{lines}") == [
        f"line 5, hyperpod.b.kubernetes.cluster: cluster a has this EKS cluster: {sentence}",
        f"line 6, hyperpod.c.kubernetes.cluster: cluster d has this EKS cluster: {sentence}",
    ]
