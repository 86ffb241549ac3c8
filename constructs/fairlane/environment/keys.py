"""Dataclasses as parts of an environment file: pydantic reads their fields as keys."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from enum import StrEnum
from functools import cache, reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin, get_type_hints

from pydantic import (
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    Tag,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    create_model,
)
from pydantic_core import CoreSchema, core_schema

from fairlane.environment.base import Model, branch


class SpecModel(Model):
    """Model with the fields of a dataclass as keys.

    Attributes:
        spec: The dataclass.
        names: Fields without a default that the file gives as a key.
    """

    spec: ClassVar[type]
    names: ClassVar[tuple[str, ...]] = ()

    def build(self) -> Any:
        """Return the dataclass, with empty `names`."""
        return self.spec(**dict.fromkeys(self.names, ""), **dict(self))


@dataclass(frozen=True, slots=True)
class Keys:
    """Annotation of a field that holds a dataclass, written in the file as a mapping of the dataclass's fields.

    Fields without a default are required in the schema, and None where they are missing: `problems()` reports them
    together with all other mistakes.

    Args:
        without: Fields that are not written in the mapping, for example because its key in the file gives the value.
        model: Model whose `build` returns the dataclass, where the mapping has other keys. Default: the fields as keys.
        description: Description of the mapping in the schema. Default: first paragraph of the dataclass's docstring.
        forms: Name and annotation of lists that the file has as mappings (`ByName`). A list that is missing is empty.
    """

    without: tuple[str, ...] = ()
    model: type[Model] | None = None
    description: str | None = None
    forms: tuple[tuple[str, Any], ...] = ()

    def __get_pydantic_core_schema__(self, spec: type, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of the model, whose value is the dataclass."""
        model = self.model or model_of(spec, self.without, self.description, self.forms)
        return core_schema.no_info_after_validator_function(lambda value: value.build(), handler.generate_schema(model))


@dataclass(frozen=True, slots=True)
class ByName:
    """Annotation of a list of dataclasses, written in the file as a mapping by their names.

    Args:
        name: Field with the name.
        short: Field that a number alone gives, for example `ml.p5.48xlarge: 8`. Default: no entry is a number.
        forms: Lists of the dataclass that the file has as mappings. Default: none.
        several: True if a name can have a list of mappings. Default: False.
    """

    name: str
    short: str | None = None
    forms: tuple[tuple[str, Any], ...] = ()
    several: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of the mapping, whose value is the list."""
        (spec,) = get_args(source)
        entry: Any = Annotated[spec, Keys(without=(self.name,), forms=self.forms)]
        if self.short is not None:
            others = {field.name for field in fields(spec)} - {self.name, self.short}
            number = Annotated[int, Tag("<number>")]
            choice = Discriminator(_form) if self.several else branch("<mapping>", otherwise="<number>")
            choices: Any = number | Annotated[entry, Tag("<mapping>")]
            if self.several:
                choices |= Annotated[list[entry], Tag("<list>")]
            entry = Annotated[choices, choice] if others else int
        schema = handler.generate_schema(dict[str, entry])

        def values(entries: dict[str, Any]) -> list[Any]:
            return [
                spec(**{self.name: name, str(self.short): value})
                if isinstance(value, int)
                else replace(value, **{self.name: name})
                for name, given in entries.items()
                for value in (given if isinstance(given, list) else [given])
            ]

        return core_schema.no_info_after_validator_function(values, schema)


@cache
def model_of(
    spec: type,
    without: tuple[str, ...] = (),
    description: str | None = None,
    forms: tuple[tuple[str, Any], ...] = (),
) -> type[SpecModel]:
    """Return the model of a dataclass."""
    by_name = dict(forms)
    hints = get_type_hints(spec, include_extras=True)
    keys: dict[str, Any] = {}
    required: list[str] = []
    names: list[str] = []
    for field in fields(spec):
        default = field.default if field.default_factory is MISSING else field.default_factory()
        if field.name in without and default is MISSING:
            names.append(field.name)
        if not field.init or field.name in without:
            continue
        if default is MISSING:
            required.append(field.name)
            default = () if field.name in by_name else None
        keys[field.name] = (by_name.get(field.name) or _as_keys(hints[field.name]), default)
    extra = {"json_schema_extra": {"required": required}} if required else {}
    text = description or spec.__doc__
    model = create_model(spec.__name__, __base__=SpecModel, __doc__=text, __cls_kwargs__=extra, **keys)
    model.spec, model.names = spec, tuple(names)
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
        if inner == (str, int):
            return Annotated[Annotated[str, Tag("<text>")] | Annotated[int, Tag("<number>")], Discriminator(_scalar)]
        return reduce(or_, map(_as_keys, inner))
    if origin is Mapping:
        return dict[inner[0], _as_keys(inner[1])]  # type: ignore[misc, valid-type]
    if origin is Sequence:
        return list[_as_keys(inner[0])]  # type: ignore[misc]
    if is_dataclass(annotation):
        return Annotated[annotation, Keys()]
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return Annotated[annotation, Field(strict=False), WrapValidator(_choice)]
    return annotation


def _choice(value: object, validate: ValidatorFunctionWrapHandler) -> object:
    """Return the value of an enumeration; another text stays a text, which `problems()` of the dataclass reports."""
    try:
        return validate(value)
    except ValidationError:
        if isinstance(value, str):
            return value
        raise


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


def _form(value: object) -> str:
    return "<list>" if isinstance(value, list) else "<mapping>" if isinstance(value, Mapping) else "<number>"


def _scalar(value: object) -> str:
    return "<number>" if isinstance(value, int) and not isinstance(value, bool) else "<text>"
