"""Tests of the catalog of GPU instance types."""

import gzip
import json
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlane.catalog import (
    GpuInstanceType,
    JobNeeds,
    gpu_instance_type,
    gpu_instance_types,
    training_gpus,
    training_instance_types,
)
from fairlane.catalog.generate import as_json, gpu_rows
from fairlane.catalog.gpu_catalog import check_gpu_instance_type, is_unverified
from fairlane.catalog.job_needs import closest, shortcomings

# Values of "Use GPU jobs" in the AWS Batch User Guide, typed in by hand.
BATCH_USER_GUIDE = {
    "g4dn.xlarge": (1, 4, 16),
    "g4dn.12xlarge": (4, 48, 192),
    "g5.xlarge": (1, 4, 16),
    "g5.12xlarge": (4, 48, 192),
    "g5.48xlarge": (8, 192, 768),
    "g6.xlarge": (1, 4, 16),
    "g6e.48xlarge": (8, 192, 1536),
    "gr6.8xlarge": (1, 32, 256),
    "p4d.24xlarge": (8, 96, 1152),
    "p4de.24xlarge": (8, 96, 1152),
    "p5.48xlarge": (8, 192, 2048),
    "p5e.48xlarge": (8, 192, 2048),
    "p5en.48xlarge": (8, 192, 2048),
    "p6-b200.48xlarge": (8, 192, 2048),
}
INSTANCE_TYPES = st.sampled_from(gpu_instance_types())


def test_the_data_file_is_the_output_of_the_command() -> None:
    packed = files("moto").joinpath("ec2/resources/instance_types.json.gz").read_bytes()
    rows = as_json(gpu_rows(json.loads(gzip.decompress(packed)).values()))
    published = files("fairlane.catalog").joinpath("gpu_instance_types.json").read_text()
    assert published == rows, "run: make catalog"


@pytest.mark.parametrize(("name", "expected"), BATCH_USER_GUIDE.items())
def test_the_data_file_agrees_with_the_user_guide(name: str, expected: tuple[int, int, int]) -> None:
    instance = gpu_instance_type(name)
    assert instance is not None
    assert (instance.gpus, instance.vcpus, instance.memory_mib // 1024) == expected


def test_a_p6_b300_has_17_network_cards_and_no_efa_on_the_first() -> None:
    instance = gpu_instance_type("p6-b300.48xlarge")
    assert instance is not None
    assert (instance.network_cards, instance.efa_cards) == (17, tuple(range(1, 17)))
    assert instance.capacity_block


def test_a_search_finds_instance_types_by_model_gpus_and_memory() -> None:
    def names(**criteria: object) -> list[str]:
        return [instance.instance_type for instance in gpu_instance_types(**criteria)]  # type: ignore[arg-type]

    assert names(gpu_model="h100") == ["p5.4xlarge", "p5.48xlarge"]
    assert names(gpu_model="A10G", gpus=4) == ["g5.12xlarge", "g5.24xlarge"]
    assert names(gpu_memory_mib=200_000) == ["p6-b300.48xlarge"]
    assert names(gpus=1, memory_mib=262_144, gpu_model="L40S") == ["g6e.8xlarge", "g6e.16xlarge"]
    assert names(gpu_model="T4g") == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("p2.xlarge", "does not support"),
        ("p3.2xlarge", "does not support"),
        ("p3dn.24xlarge", "does not support"),
        ("g3.4xlarge", "does not support"),
        ("g4ad.xlarge", "AMD"),
        ("trn1.32xlarge", "accelerators instead of GPUs"),
        ("trn2.48xlarge", "accelerators instead of GPUs"),
        ("inf2.xlarge", "accelerators instead of GPUs"),
        ("dl1.24xlarge", "accelerators instead of GPUs"),
        ("g6f.large", "fractions of a GPU"),
        ("gr6f.4xlarge", "fractions of a GPU"),
        ("g5g.xlarge", "arm64"),
        ("c5.xlarge", "with NVIDIA GPUs"),
        ("ml.p4d.24xlarge", "an EC2 instance type"),
        ("optimal", "an EC2 instance type"),
        ("g5.12xlarge\n", "an EC2 instance type"),
        (5, "an EC2 instance type"),
    ],
)
def test_an_instance_type_that_cannot_run_gpu_jobs_is_refused(name: object, reason: str) -> None:
    (problem,) = check_gpu_instance_type(("instance_types", 0), name)
    assert reason in problem.allowed


@pytest.mark.parametrize("name", ["g5.12xlarge", "p6-b300.48xlarge", "g7.2xlarge", "p9.48xlarge", "${Token[T.1]}"])
def test_catalog_types_and_new_types_pass(name: str) -> None:
    assert not list(check_gpu_instance_type((), name))


def test_new_types_and_undocumented_families_are_unverified() -> None:
    assert [is_unverified(name) for name in ("g5.xlarge", "g7.2xlarge", "g7e.48xlarge", "p9.48xlarge")] == [
        False,
        True,
        True,
        True,
    ]


def test_the_number_of_gpus_of_sagemaker_types() -> None:
    assert {
        name: training_gpus(name) for name in ("ml.p4d.24xlarge", "ml.p3.8xlarge", "ml.c5.xlarge", "ml.x9.big")
    } == {
        "ml.p4d.24xlarge": 8,
        "ml.p3.8xlarge": 4,
        "ml.c5.xlarge": 0,
        "ml.x9.big": None,
    }
    assert [name for name in training_instance_types() if training_gpus(name) is None] == []
    assert training_gpus("ml.trn1.32xlarge") == 0


@given(instance=INSTANCE_TYPES, data=st.data())
def test_an_instance_has_room_for_a_part_for_each_of_its_gpus(instance: GpuInstanceType, data: st.DataObject) -> None:
    gpus = data.draw(st.integers(1, instance.gpus))
    part = JobNeeds.part_of(instance, gpus, efa=data.draw(st.booleans()))
    assert list(shortcomings(part, instance)) == []
    at_once = instance.gpus // gpus
    assert part.memory_mib * at_once <= instance.memory_mib * 0.96 - 256
    assert part.vcpus * at_once <= instance.vcpus
    assert part.memory_mib * (at_once + 1) > (instance.memory_mib * 0.96 - 256) / instance.gpus * gpus * at_once


def test_the_shortcomings_of_an_instance_type() -> None:
    instance = gpu_instance_type("g5.12xlarge")
    assert instance is not None
    needs = JobNeeds(gpus=8, vcpus=64, memory_mib=2_000_000, efa=2, architecture="arm64")
    assert list(shortcomings(needs, instance)) == [
        "the architecture x86_64 instead of arm64",
        "4 of 8 GPUs",
        "48 of 64 vCPUs",
        "188487 of 2000000 MiB of usable memory",
        "1 of 2 EFA interfaces",
    ]
    small, large = gpu_instance_type("g5.xlarge"), gpu_instance_type("g5.48xlarge")
    assert small is not None
    assert large is not None
    assert closest(JobNeeds(gpus=8, vcpus=8, memory_mib=2_000_000), [small, instance, large]) is large
