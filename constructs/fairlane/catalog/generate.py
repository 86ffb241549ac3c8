"""Generator of the data file of GPU instance types, from the output of EC2's `DescribeInstanceTypes`."""

import json
from collections.abc import Iterable, Mapping
from typing import Any


def gpu_rows(instance_types: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one row for each instance type with NVIDIA GPUs, sorted by name.

    Args:
        instance_types: Items of `InstanceTypes` in the output of `DescribeInstanceTypes`, from all pages.
    """
    return sorted(
        (
            _row(instance_type)
            for instance_type in instance_types
            if any(gpu["Manufacturer"] == "NVIDIA" for gpu in instance_type.get("GpuInfo", {}).get("Gpus", []))
        ),
        key=lambda row: row["instance_type"],
    )


def as_json(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the rows as JSON, one row per line, so that a diff shows the changed rows."""
    return "[\n" + ",\n".join(f"  {json.dumps(row)}" for row in rows) + "\n]\n"


def _row(instance_type: Mapping[str, Any]) -> dict[str, Any]:
    (gpu,) = instance_type["GpuInfo"]["Gpus"]
    network = instance_type["NetworkInfo"]
    cards = [card for card in network["NetworkCards"] if "efa" in card.get("InterfaceTypes", ["efa"])]
    efa = network.get("EfaInfo", {}).get("MaximumEfaInterfaces", 0)
    return {
        "instance_type": instance_type["InstanceType"],
        "gpus": gpu["Count"],
        "gpu_model": gpu["Name"],
        "gpu_memory_mib": gpu["MemoryInfo"]["SizeInMiB"],
        "vcpus": instance_type["VCpuInfo"]["DefaultVCpus"],
        "memory_mib": instance_type["MemoryInfo"]["SizeInMiB"],
        "efa_cards": [card["NetworkCardIndex"] for card in cards][:efa],
        "network_cards": network["MaximumNetworkCards"],
        "architecture": "arm64" if "arm64" in instance_type["ProcessorInfo"]["SupportedArchitectures"] else "x86_64",
        "capacity_block": "capacity-block" in instance_type.get("SupportedUsageClasses", []),
    }
