"""Dataclasses as parts of an environment file: pydantic reads their fields as keys."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import StrEnum
from functools import cache, reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin, get_type_hints

from pydantic import Discriminator, Field, GetCoreSchemaHandler, Tag, create_model
from pydantic_core import CoreSchema, core_schema

from fairlane.environment.base import Model


class SpecModel(Model):
    """Model with the fields of a dataclass as keys.

    Attributes:
        spec: The dataclass.
    """

    spec: ClassVar[type]

    def build(self) -> Any:
        """Return the dataclass."""
        return self.spec(**dict(self))


@dataclass(frozen=True, slots=True)
class Keys:
    """Annotation of a field that holds a dataclass, written in the file as a mapping of the dataclass's fields.

    Fields without a default are required in the schema, and None where they are missing: `problems()` reports them
    together with all other mistakes.

    Args:
        without: Fields that are not written in the mapping, for example because its key in the file gives the value.
        model: Model whose `build` returns the dataclass, where the mapping has other keys. Default: the fields as keys.
        description: Description of the mapping in the schema. Default: first paragraph of the dataclass's docstring.
    """

    without: tuple[str, ...] = ()
    model: type[Model] | None = None
    description: str | None = None

    def __get_pydantic_core_schema__(self, spec: type, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of the model, whose value is the dataclass."""
        model = self.model or model_of(spec, self.without, self.description)
        return core_schema.no_info_after_validator_function(lambda value: value.build(), handler.generate_schema(model))


@cache
def model_of(spec: type, without: tuple[str, ...] = (), description: str | None = None) -> type[SpecModel]:
    """Return the model of a dataclass."""
    hints = get_type_hints(spec, include_extras=True)
    keys: dict[str, Any] = {}
    required: list[str] = []
    for field in fields(spec):
        if not field.init or field.name in without:
            continue
        default = field.default if field.default_factory is MISSING else field.default_factory()
        if default is MISSING:
            required.append(field.name)
            default = None
        keys[field.name] = (_as_keys(hints[field.name]), default)
    extra = {"json_schema_extra": {"required": required}} if required else {}
    text = description or spec.__doc__
    model = create_model(spec.__name__, __base__=SpecModel, __doc__=text, __cls_kwargs__=extra, **keys)
    model.spec = spec
    return model


def _as_keys(annotation: Any) -> Any:
    """Return the annotation of a key that holds the values of a dataclass's field."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return annotation
    if origin in (Union, UnionType):
        choices = [choice for choice in inner if choice is not type(None)]
        if len(choices) > 1 and all(map(is_dataclass, choices)):
            return _union(choices)
        return reduce(or_, map(_as_keys, inner))
    if origin is Mapping:
        return dict[inner[0], _as_keys(inner[1])]  # type: ignore[misc, valid-type]
    if origin is Sequence:
        return list[_as_keys(inner[0])]  # type: ignore[misc]
    if is_dataclass(annotation):
        return Annotated[annotation, Keys()]
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return Annotated[annotation, Field(strict=False)]
    return annotation


def _union(choices: Sequence[Any]) -> Any:
    """Return a union that selects the dataclass that alone has one of the mapping's keys."""
    own_keys = {
        choice: {field.name for field in fields(choice)}
        - {field.name for other in choices if other is not choice for field in fields(other)}
        for choice in choices
    }

    def tag(value: object) -> str:
        matches = (choice for choice in choices if isinstance(value, Mapping) and own_keys[choice] & set(value))
        return f"<{next(matches, choices[-1]).__name__}>"

    tagged = [Annotated[choice, Keys(), Tag(f"<{choice.__name__}>")] for choice in choices]
    return Annotated[reduce(or_, tagged), Discriminator(tag)]
