"""Recognises CDK tokens, values known only at deployment, without importing aws_cdk.

The encodings are those of the CDK's own `Token.is_unresolved`: a marker in a string, a marker in a
list item, a number below every real one, or an object that resolves itself.
"""

import re
from typing import Final

_STRING_MARKER: Final = "${Token["
_LIST_MARKER: Final = "#{Token["
_STRING_TOKEN: Final = re.compile(r"\$\{Token\[[^]]*\]\}")
_LARGEST_NUMBER_TOKEN: Final = -1e288


def is_token(value: object) -> bool:
    """Tells whether `value` is, or contains, a token: such a value cannot be checked at synth."""
    match value:
        case str():
            return _STRING_MARKER in value
        case int() | float():
            return value < _LARGEST_NUMBER_TOKEN
        case list() | tuple():
            return any(isinstance(item, str) and _LIST_MARKER in item for item in value)
        case _:
            return callable(getattr(value, "resolve", None))


def without_tokens(text: str, stand_in: str) -> str:
    """Puts something else where tokens stand in a text, so that the rest of it can be checked."""
    return _STRING_TOKEN.sub(stand_in, text)
