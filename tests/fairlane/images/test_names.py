"""How images are named: what ECR takes, and which Regions belong together."""

import re
from typing import Any

import botocore.session
import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER
from hypothesis import given
from hypothesis import strategies as st

from fairlane.images.names import Place, check_repository_name, image_uri, namespace_of, partition_of
from fairlane.images.replication_rules import Rules, added, as_api, grouped

SCHEMA: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::ECR::Repository").schema
NAME = SCHEMA["properties"]["RepositoryName"]["pattern"]
PLACES = st.builds(Place, st.sampled_from(["1", "2"]), st.sampled_from(["a", "b", "c"]))


def test_every_region_is_in_the_partition_that_aws_says() -> None:
    session = botocore.session.get_session()
    for partition in session.get_available_partitions():
        for region in session.get_available_regions("ecr", partition):
            assert partition_of(region) == partition, region


@given(st.text("ab1._-/", min_size=1, max_size=12))
def test_a_name_that_passes_is_one_that_cloudformation_takes(name: str) -> None:
    if not list(check_repository_name((), name)):
        assert re.fullmatch(NAME, name)


@pytest.mark.parametrize("name", ["training", "training/pytorch", "a1", "team.x/a_b/c-d", "a__b", "a--b", "x" * 256])
def test_names_that_ecr_takes(name: str) -> None:
    assert list(check_repository_name((), name)) == []


@pytest.mark.parametrize(
    "name", ["a", "x" * 257, "Training", "/a", "a/", "a//b", "a..b", "-ab", "ab-", "a b", "", 5, None, "${Token[X.1]}"]
)
def test_names_that_ecr_refuses(name: object) -> None:
    (problem,) = check_repository_name(("repository_name",), name)
    assert problem.field == ("repository_name",)


def test_a_uri_tells_a_digest_from_a_tag() -> None:
    place = Place("111122223333", "eu-west-1")
    host = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
    assert image_uri(place, "amazonaws.com", "a/b", "1.0") == f"{host}/a/b:1.0"
    assert image_uri(place, "amazonaws.com", "a/b", "sha256:00") == f"{host}/a/b@sha256:00"
    assert (namespace_of("a/b/c"), namespace_of("a")) == ("a/b", "")


@given(st.lists(st.tuples(st.text("xyz", min_size=2, max_size=3), st.frozensets(PLACES)), max_size=8))
def test_rules_say_exactly_what_was_asked_for_with_one_for_each_set_of_destinations(
    asked: list[tuple[str, frozenset[Place]]],
) -> None:
    rules: Rules = {}
    for prefix, to in asked:
        rules = added(rules, prefix, to)
    told = {(prefix, place) for prefixes, places in grouped(rules) for prefix in prefixes for place in places}
    assert told == {(prefix, place) for prefix, to in asked for place in to}
    assert len({frozenset(places) for _, places in grouped(rules)}) == len(as_api(rules))
