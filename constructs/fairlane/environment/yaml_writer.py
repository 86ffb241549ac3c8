"""Writer of plain Python values as YAML that readers of version 1.1, for example kubectl, read as the same values."""

import re
from typing import IO, Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import SafeRepresenter

_ESCAPED: Final = re.compile("[\\x85\\u2028\\u2029\\ufeff]")
"""Characters that ruamel.yaml escapes between double quotes only."""
_OTHER_TYPE: Final = re.compile(
    r"[yn]|yes|no|on|off|[-+]?0b[01_]+|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?", re.IGNORECASE
)
"""Texts without quotes that YAML 1.1 reads as a truth value or a number, and YAML 1.2 as a text."""


def write_yaml(data: dict[str, Any], stream: IO[str]) -> None:
    """Write plain values as YAML, which `YamlFile` reads as the same values.

    Args:
        data: Content of a file.
        stream: Stream that the text is written to.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.allow_unicode = True
    yaml.width = 1_000_000  # no line breaks inside of texts
    yaml.dump(data, stream)


class _Representer(SafeRepresenter):
    def represent_str(self, data: str) -> ScalarNode:
        style = '"' if _ESCAPED.search(data) or _OTHER_TYPE.fullmatch(data) else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Representer.add_representer(str, _Representer.represent_str)
