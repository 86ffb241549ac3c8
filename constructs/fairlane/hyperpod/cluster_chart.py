"""HyperPod Helm chart on an EKS cluster."""

from collections.abc import Mapping
from typing import Any, Final

from aws_cdk import Duration
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from fairlane.hyperpod.chart_rules import OCI

_RELEASE: Final = "hyperpod-dependencies"
_NAMESPACE: Final = "kube-system"
_MINUTES: Final = 15


def install_chart(
    scope: Construct, kubernetes: eks.ICluster, chart: assets.Asset | str, values: Mapping[str, Any] | None
) -> eks.HelmChart:
    """Install the chart without a wait for its pods, because HyperPod adds nodes only afterwards.

    Args:
        scope: Scope of the chart.
        kubernetes: EKS cluster.
        chart: Directory of the chart as an asset, or location of the chart.
        values: Values of the chart. None for its defaults.
    """
    source: dict[str, Any]
    if not isinstance(chart, str):
        source = {"chart_asset": chart}
    elif match := OCI.fullmatch(chart):
        source = {"chart": match["name"], "repository": match["repository"], "version": match["version"]}
    else:
        source = {"chart": chart}
    return eks.HelmChart(
        scope,
        "Chart",
        cluster=kubernetes,
        release=_RELEASE,
        namespace=_NAMESPACE,
        create_namespace=False,
        timeout=Duration.minutes(_MINUTES),
        values=values,
        **source,
    )
