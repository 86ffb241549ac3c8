"""Seeded mistakes in elastic jobs: Fairlane names the field of each, and README states who finds how many."""

import pytest

from tests.fairlane.hyperpod.elastic_cases import (
    Mistake,
    good_cluster,
    good_manifest,
    manifest,
    manifest_mistakes,
    model_refuses,
    problems,
    schema_refuses,
)
from tests.fairlane.hyperpod.elastic_mistakes import all_mistakes
from tests.support import REPOSITORY

MISTAKES = all_mistakes()


@pytest.mark.parametrize("mistake", MISTAKES, ids=[mistake.name for mistake in MISTAKES])
def test_fairlane_names_the_field_of_a_mistake(mistake: Mistake) -> None:
    found = [problem.field for problem in problems(mistake)]
    assert mistake.field in found
    assert len(set(found)) <= 3


@pytest.mark.parametrize("job", ["llama", "parts"])
def test_all_tools_accept_a_right_job(job: str) -> None:
    right = good_manifest(job)
    assert (manifest_mistakes(right, job), model_refuses(right), schema_refuses(right)) == ([], False, False)


def test_a_mistake_changes_the_manifest_or_only_the_file() -> None:
    assert [job.job_name for job in good_cluster().jobs] == ["llama", "parts"]
    assert len({mistake.name for mistake in MISTAKES}) == len(MISTAKES)
    for mistake in MISTAKES:
        assert (manifest(mistake) != good_manifest(mistake.job)) == mistake.in_manifest


def test_readme_states_who_finds_how_many() -> None:
    wrong = [manifest(mistake) for mistake in MISTAKES]
    model, schema = sum(map(model_refuses, wrong)), sum(map(schema_refuses, wrong))
    number = len(MISTAKES)
    assert (
        f"{number} mistakes in elastic jobs: Fairlane finds {number}, AWS's model of a job {model}, "
        f"strict Kubernetes schemas {schema}"
    ) in (REPOSITORY / "README.md").read_text()
