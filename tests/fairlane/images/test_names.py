"""Names of repositories and images in ECR, and partitions of Regions."""

import re
from typing import Any

import botocore.session
import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER
from hypothesis import given
from hypothesis import strategies as st

from fairlane.images.names import Place, check_repository_name, image_uri, partition_name, repository_namespace
from fairlane.images.replication_rules import Rules, add_rule, group_rules, render_rules

SCHEMA: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::ECR::Repository").schema
NAME = SCHEMA["properties"]["RepositoryName"]["pattern"]
PLACES = st.builds(Place, st.sampled_from(["1", "2"]), st.sampled_from(["a", "b", "c"]))


def test_each_region_has_the_partition_of_botocore() -> None:
    session = botocore.session.get_session()
    for partition in session.get_available_partitions():
        for region in session.get_available_regions("ecr", partition):
            assert partition_name(region) == partition, region


@given(st.text("ab1._-/", min_size=1, max_size=12))
def test_cloudformation_accepts_each_name_that_passes(name: str) -> None:
    if not list(check_repository_name((), name)):
        assert re.fullmatch(NAME, name)


@pytest.mark.parametrize("name", ["training", "training/pytorch", "a1", "team.x/a_b/c-d", "a__b", "a--b", "x" * 256])
def test_valid_names_pass(name: str) -> None:
    assert list(check_repository_name((), name)) == []


@pytest.mark.parametrize(
    "name", ["a", "x" * 257, "Training", "/a", "a/", "a//b", "a..b", "-ab", "ab-", "a b", "", 5, None, "${Token[X.1]}"]
)
def test_invalid_names_are_refused(name: object) -> None:
    (problem,) = check_repository_name(("repository_name",), name)
    assert problem.field == ("repository_name",)


def test_a_uri_has_a_colon_before_a_tag_and_an_at_sign_before_a_digest() -> None:
    place = Place("111122223333", "eu-west-1")
    host = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
    assert image_uri(place, "amazonaws.com", "a/b", "1.0") == f"{host}/a/b:1.0"
    assert image_uri(place, "amazonaws.com", "a/b", "sha256:00") == f"{host}/a/b@sha256:00"
    assert (repository_namespace("a/b/c"), repository_namespace("a")) == ("a/b", "")


@given(st.lists(st.tuples(st.text("xyz", min_size=2, max_size=3), st.frozensets(PLACES)), max_size=8))
def test_rules_have_all_destinations_and_one_rule_for_each_set_of_destinations(
    requested: list[tuple[str, frozenset[Place]]],
) -> None:
    rules: Rules = {}
    for prefix, to in requested:
        rules = add_rule(rules, prefix, to)
    rendered = {(prefix, place) for prefixes, places in group_rules(rules) for prefix in prefixes for place in places}
    assert rendered == {(prefix, place) for prefix, to in requested for place in to}
    assert len({frozenset(places) for _, places in group_rules(rules)}) == len(render_rules(rules))
