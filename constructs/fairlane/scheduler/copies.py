"""Copies of engines."""

import copyreg
import pickle
from io import BytesIO
from types import MappingProxyType
from typing import Any


def freeze(value: Any) -> bytes:
    """Return a value, such as an engine, as bytes that `thaw` turns into any number of copies."""
    buffer = BytesIO()
    pickler = pickle.Pickler(buffer, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = copyreg.dispatch_table | {MappingProxyType: _reduce_mapping}
    pickler.dump(value)
    return buffer.getvalue()


def thaw(frozen: bytes) -> Any:
    """Return a new copy of a value from the bytes of `freeze`."""
    return pickle.loads(frozen)


def _read_only(mapping: dict[Any, Any]) -> "MappingProxyType[Any, Any]":
    return MappingProxyType(mapping)


def _reduce_mapping(mapping: "MappingProxyType[Any, Any]") -> tuple[Any, tuple[dict[Any, Any]]]:
    return _read_only, (dict(mapping),)
