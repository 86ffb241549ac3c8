"""CDK tokens, values known only at deployment, recognized without aws_cdk.

The encodings are those of the CDK's own `Token.is_unresolved`: a marker in a string, a marker in a list item, a double
whose first 16 bits are 0xFBFF, or an object with a method `resolve`.
"""

import os
import re
from typing import Final

_STRING_MARKER: Final = "${Token["
_LIST_MARKER: Final = "#{Token["
_STRING_TOKEN: Final = re.compile(r"\$\{Token\[[^]]*\]\}")
_NUMBER_TOKENS_ABOVE: Final = -(2.0**961)
_LARGEST_NUMBER_TOKEN: Final = -1.9375 * 2.0**960


def is_token(value: object) -> bool:
    """Return True if `value` is, or contains, a token, which cannot be checked at synth."""
    match value:
        case str():
            return _STRING_MARKER in value and _STRING_TOKEN.search(value) is not None
        case int() | float():
            return _NUMBER_TOKENS_ABOVE < value <= _LARGEST_NUMBER_TOKEN
        case list() | tuple():
            return any(isinstance(item, str) and _LIST_MARKER in item for item in value)
        case _:
            return callable(getattr(value, "resolve", None)) and not isinstance(value, os.PathLike)


def without_tokens(text: str, stand_in: str) -> str:
    """Return `text` with each token replaced by `stand_in`, so that the rest can be checked."""
    return _STRING_TOKEN.sub(stand_in, text)
