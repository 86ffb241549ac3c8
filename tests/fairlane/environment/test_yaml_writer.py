"""Writer of YAML: what it writes is read as the same values."""

from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from fairlane.environment.yaml_file import YamlFile
from fairlane.environment.yaml_nodes import UNPRINTABLE
from fairlane.environment.yaml_writer import write_yaml
from tests.fairlane.environment.test_loader_properties import everything

TEXTS = st.text(st.characters(exclude_categories=["Cs"]).filter(lambda letter: not UNPRINTABLE.search(letter)))
SCALARS = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(-1e12, 1e12) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=8
)


def test_every_key_is_written_as_it_is_read(tmp_path: Path) -> None:
    stream = StringIO()
    write_yaml(everything(), stream)
    (tmp_path / "shown.yaml").write_text(stream.getvalue())
    assert YamlFile(tmp_path / "shown.yaml").data == everything()


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_any_values_are_written_as_they_are_read(
    tmp_path_factory: pytest.TempPathFactory, data: dict[str, object]
) -> None:
    stream = StringIO()
    write_yaml(data, stream)
    file = tmp_path_factory.getbasetemp() / "values.yaml"
    file.write_text(stream.getvalue(), encoding="utf-8", newline="")
    assert YamlFile(file).data == data


@given(
    TEXTS
    | st.sampled_from(
        ["yes", "No", "on", "OFF", "y", "N", "12:30", "-1:00.5", "0b1", "0777", "1_0", "+.inf", "=", "<<"]
    )
)
def test_texts_are_texts_for_readers_of_yaml_1_1(text: str) -> None:
    """Kubectl reads YAML 1.1, where `yes` without quotes is a truth value, and 12:30 a number in some readers."""
    stream = StringIO()
    write_yaml({"value": text}, stream)
    assert YAML(typ="safe", pure=True).load(f"%YAML 1.1\n---\n{stream.getvalue()}") == {"value": text}
    assert text.lower() not in ("y", "n") or stream.getvalue() == f'value: "{text}"\n'
