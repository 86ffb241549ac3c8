"""GPU machines: the data is EC2's, the rules are those of AWS Batch."""

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

# Typed in from "Use GPU jobs" in the AWS Batch User Guide, not taken from the library.
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
MACHINES = st.sampled_from(gpu_instance_types())


def test_the_data_is_what_the_command_makes_of_ec2s_answer() -> None:
    packed = files("moto").joinpath("ec2/resources/instance_types.json.gz").read_bytes()
    rows = as_json(gpu_rows(json.loads(gzip.decompress(packed)).values()))
    published = files("fairlane.catalog").joinpath("gpu_instance_types.json").read_text()
    assert published == rows, "run: make catalog"


@pytest.mark.parametrize(("name", "expected"), BATCH_USER_GUIDE.items())
def test_the_data_agrees_with_the_user_guide(name: str, expected: tuple[int, int, int]) -> None:
    machine = gpu_instance_type(name)
    assert machine is not None
    assert (machine.gpus, machine.vcpus, machine.memory_mib // 1024) == expected


def test_the_network_cards_of_a_p6_b300_are_seventeen_and_the_first_has_no_efa() -> None:
    machine = gpu_instance_type("p6-b300.48xlarge")
    assert machine is not None
    assert (machine.network_cards, machine.efa_cards) == (17, tuple(range(1, 17)))
    assert machine.capacity_block


def test_a_search_is_by_what_one_needs() -> None:
    def names(**wanted: object) -> list[str]:
        return [machine.instance_type for machine in gpu_instance_types(**wanted)]  # type: ignore[arg-type]

    assert names(gpu_model="h100") == ["p5.4xlarge", "p5.48xlarge"]
    assert names(gpu_model="A10G", gpus=4) == ["g5.12xlarge", "g5.24xlarge"]
    assert names(gpu_memory_mib=200_000) == ["p6-b300.48xlarge"]
    assert names(gpus=1, memory_mib=262_144, gpu_model="L40S") == ["g6e.8xlarge", "g6e.16xlarge"]
    assert names(gpu_model="T4g") == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("p2.xlarge", "does not support"),
        ("p3.2xlarge", "does not support"),
        ("p3dn.24xlarge", "does not support"),
        ("g3.4xlarge", "does not support"),
        ("g4ad.xlarge", "AMD"),
        ("trn1.32xlarge", "no GPUs"),
        ("trn2.48xlarge", "no GPUs"),
        ("inf2.xlarge", "no GPUs"),
        ("dl1.24xlarge", "no GPUs"),
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
def test_a_machine_that_batch_cannot_use_for_gpu_jobs_is_refused(name: object, why: str) -> None:
    (problem,) = check_gpu_instance_type(("instance_types", 0), name)
    assert why in problem.allowed


@pytest.mark.parametrize("name", ["g5.12xlarge", "p6-b300.48xlarge", "g7.2xlarge", "p9.48xlarge", "${Token[T.1]}"])
def test_known_and_new_machines_pass(name: str) -> None:
    assert not list(check_gpu_instance_type((), name))


def test_new_machines_and_families_that_the_documentation_does_not_name_are_unverified() -> None:
    assert [is_unverified(name) for name in ("g5.xlarge", "g7.2xlarge", "g7e.48xlarge", "p9.48xlarge")] == [
        False,
        True,
        True,
        True,
    ]


def test_the_gpus_of_sagemaker_types() -> None:
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


@given(machine=MACHINES, data=st.data())
def test_as_many_parts_fit_as_the_machine_has_gpus_for(machine: GpuInstanceType, data: st.DataObject) -> None:
    gpus = data.draw(st.integers(1, machine.gpus))
    part = JobNeeds.part_of(machine, gpus, efa=data.draw(st.booleans()))
    assert list(shortcomings(part, machine)) == []
    at_once = machine.gpus // gpus
    assert part.memory_mib * at_once <= machine.memory_mib * 0.96 - 256
    assert part.vcpus * at_once <= machine.vcpus
    assert part.memory_mib * (at_once + 1) > (machine.memory_mib * 0.96 - 256) / machine.gpus * gpus * at_once


def test_what_a_machine_lacks_is_told() -> None:
    machine = gpu_instance_type("g5.12xlarge")
    assert machine is not None
    needs = JobNeeds(gpus=8, vcpus=64, memory_mib=2_000_000, efa=2, architecture="arm64")
    assert list(shortcomings(needs, machine)) == [
        "it is x86_64, the job arm64",
        "it has 4 GPUs of 8",
        "it has 48 vCPUs of 64",
        "it has 188487 MiB of usable memory of 2000000",
        "it has 1 EFA interfaces of 2",
    ]
    small, large = gpu_instance_type("g5.xlarge"), gpu_instance_type("g5.48xlarge")
    assert small is not None
    assert large is not None
    assert closest(JobNeeds(gpus=8, vcpus=8, memory_mib=2_000_000), [small, machine, large]) is large
