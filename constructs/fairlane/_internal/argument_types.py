"""Check of the arguments of public constructs against their annotations, with errors in words. Imports no aws_cdk."""

import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum, StrEnum
from functools import cache, wraps
from importlib import import_module
from inspect import Parameter, Signature, signature
from types import FunctionType, GenericAlias, NoneType, UnionType
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

from fairlane._internal.checks import alternatives
from fairlane._internal.tokens import is_token
from fairlane.errors import ConfigurationError, Path, Problem

Class = TypeVar("Class", bound=type)
Method = TypeVar("Method", bound=Callable[..., Any])

_SCALARS: Final = {str: "a text", int: "a whole number", float: "a number", bool: "True or False"}
_PLURALS: Final = {str: "texts", int: "whole numbers", float: "numbers", bool: "True or False"}
_DEFERRED: Final = {
    "SweepStoreBase": "fairlane.sweeps",
    "cloudwatch": "aws_cdk.aws_cloudwatch",
    "secretsmanager": "aws_cdk.aws_secretsmanager",
}
"""Modules of names that annotations have, and that are imported for type checkers only."""
_DATA: Final = "a text, a number, True, False, None, a list or a mapping"
_EXAMPLES: Final = {
    "Construct": "a stack, or a construct in a stack",
    "IGrantable": "an IAM role, user or group, such as Role.from_role_arn(...)",
    "IKeyRef": "a KMS key, such as Key.from_key_arn(...)",
}
_CHECKED: Final = "__fairlane_checked__"


def check_construct(value: object) -> None:
    """Check the arguments of a class, if it is a construct: of its constructor and of its public methods."""
    if isinstance(value, type) and hasattr(value, "__jsii_type__"):
        for base in value.__mro__:
            if base.__module__.startswith("fairlane"):
                check_methods(base, constructor=base is value)


def check_methods(owner: Class, *, constructor: bool = False) -> Class:
    """Check the arguments of the public methods of a class, and return the class.

    Args:
        owner: Class. Its methods are replaced once.
        constructor: True to check the constructor, too.
    """
    for name, member in list(vars(owner).items()):
        function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        is_public = not name.startswith("_") or (constructor and name == "__init__")
        if is_public and isinstance(function, FunctionType) and not hasattr(function, _CHECKED):
            checked = _checked(function, owner)
            setattr(owner, name, checked if function is member else type(member)(checked))
    return owner


def _checked(function: Method, owner: type) -> Method:
    shape = signature(function)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        arguments = _bind(shape, args, kwargs)
        problems = [
            _with_encoding(problem)
            for name, got in arguments.items()
            if name in shape.parameters and got is not shape.parameters[name].default
            for problem in type_problems((name,), got, _annotation(function, name))
        ]
        if not problems:
            return function(*args, **kwargs)
        subject = _subject(function, owner, arguments)
        if _is_construct(arguments.get("scope")) and "construct_id" in arguments:
            own = _own_problems(shape, function, arguments)
            problems = [*own, *(problem for problem in problems if not _is_reported(problem, own))]
        raise ConfigurationError(subject, problems)

    setattr(call, _CHECKED, True)
    return call  # type: ignore[return-value]


def _with_encoding(problem: Problem) -> Problem:
    """Return a problem with the conversion of its value, if the value is a token as an object, such as `Fn.get_att`."""
    is_object = is_token(problem.got) and not isinstance(problem.got, str | float | Sequence)
    conversion = "; Token.as_string(...), as_number(...) or as_list(...) converts the value"
    return problem.followed_by(conversion) if is_object else problem


def _own_problems(shape: Signature, function: Callable[..., object], arguments: Mapping[str, Any]) -> Sequence[Problem]:
    """Return the problems that a construct itself finds, which know more than annotations.

    The construct is created in an app of its own, where it leaves no node and no claim on a name behind.
    """
    from aws_cdk import App, Environment, Stack  # noqa: PLC0415 (loaded by the construct already)

    from fairlane._internal.claims import Claims  # noqa: PLC0415 (imports aws_cdk)

    try:
        place = Claims.regional(arguments["scope"])
        is_known = not is_token(place.account) and not is_token(place.region)
        environment = Environment(account=place.account, region=place.region) if is_known else None
        stack = Stack(App(auto_synth=False), "Stack", env=environment)
        bound = shape.bind_partial()
        bound.arguments.update({**arguments, "scope": stack})
        function(*bound.args, **bound.kwargs)
    except ConfigurationError as error:
        return [problem for problem in error.problems if not problem.field or problem.field[0] in shape.parameters]
    except Exception:
        return ()
    return ()


def _is_reported(problem: Problem, own: Sequence[Problem]) -> bool:
    """Return True if one of a construct's own problems is about the same value or argument."""
    path, argument = problem.field, problem.field[:1]
    values = [each.field for each in own if not each.sentence]
    return any(each.field[: len(path)] == path for each in own) or any(field[:1] == argument for field in values)


def _bind(shape: Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the arguments by name; none if Python would refuse the call itself."""
    try:
        return shape.bind(*args, **kwargs).arguments
    except TypeError:
        return {}


def _subject(function: Callable[..., Any], owner: type, arguments: Mapping[str, Any]) -> str:
    """Return the path of the construct that the call creates or belongs to, and the name of its method."""
    if "construct_id" in arguments and "scope" in arguments:
        scope = arguments["scope"]
        return f"{scope.node.path}/{arguments['construct_id']}" if _is_construct(scope) else owner.__name__
    name = function.__name__
    instance: Any = arguments.get("self")
    if _is_construct(instance):
        return f"{instance.node.path}.{name}"
    attributes = vars(instance).values() if hasattr(instance, "__dict__") else ()
    construct = next(filter(_is_construct, attributes), None)
    return f"{construct.node.path}.grants.{name}" if construct else f"{owner.__name__}.{name}"


def _is_construct(value: object) -> bool:
    return hasattr(type(value), "__jsii_type__") and hasattr(value, "node")


@cache
def _annotation(function: Callable[..., Any], name: str) -> Any:
    parameter = signature(function).parameters[name]
    if parameter.annotation is Parameter.empty or parameter.kind is Parameter.VAR_KEYWORD:
        return Any
    annotation: Any = parameter.annotation
    if isinstance(annotation, str):
        annotation = _evaluated(annotation, vars(sys.modules[function.__module__]))
    return GenericAlias(Sequence, (annotation,)) if parameter.kind is Parameter.VAR_POSITIONAL else annotation


def _evaluated(annotation: str, names: Mapping[str, Any]) -> Any:
    deferred = {
        name: getattr(import_module(source), name, None) or import_module(source)
        for name, source in _DEFERRED.items()
        if name in annotation
    }
    return eval(annotation, {**names, **deferred})


def type_problems(field: Path, got: object, expected: Any) -> Iterator[Problem]:
    """Yield the values in `got` that have another type than `expected`, an annotation.

    Tokens pass if the CDK encodes them as texts, numbers or lists.
    """
    origin, inner = get_origin(expected), get_args(expected)
    if origin in (Union, UnionType):
        yield from _union_problems(field, got, inner)
    elif origin in (Sequence, Collection, list):
        if isinstance(got, Collection) and not isinstance(got, str | bytes | Mapping) and not is_token(got):
            for index, item in enumerate(got):
                yield from type_problems((*field, index), item, inner[0])
        elif not (isinstance(got, list | tuple) and is_token(got)):
            yield Problem(field, got, type_text(expected))
    elif origin in (Mapping, dict):
        if isinstance(got, Mapping):
            for key, value in got.items():
                yield from type_problems((*field, str(key)), key, inner[0])
                yield from type_problems((*field, str(key)), value, inner[1])
        else:
            yield Problem(field, got, type_text(expected))
    elif expected is Any:
        if len(field) > 1 and not _is_data(got):
            yield Problem(field, got, _DATA)
    elif isinstance(expected, type):
        if not _is_instance(got, expected):
            yield Problem(field, got, type_text(expected))
        elif is_dataclass(got) and got.__class__.__module__.startswith("fairlane"):
            for name, (annotation, default) in _fields(got.__class__).items():
                if (value := getattr(got, name)) is not default:
                    yield from type_problems((*field, name), value, annotation)


@cache
def _fields(owner: Any) -> Mapping[str, tuple[Any, Any]]:
    """Return annotation and default of the fields of a dataclass."""
    hints = get_type_hints(owner)
    return {field.name: (hints[field.name], field.default) for field in fields(owner) if field.init}


def _union_problems(field: Path, got: object, choices: tuple[Any, ...]) -> Iterator[Problem]:
    problems = [list(type_problems(field, got, choice)) for choice in choices]
    if not all(problems):
        return
    inside = [found for found in problems if all(len(problem.field) > len(field) for problem in found)]
    yield from inside[0] if inside else [Problem(field, got, type_text(Union[choices]))]  # noqa: UP007


def _is_instance(got: object, expected: type) -> bool:
    if expected is str:
        return isinstance(got, str)
    if expected in _SCALARS:
        kinds = (int, float) if expected is float else expected
        is_encoded = is_token(got) and (expected is bool or isinstance(got, float))
        return is_encoded or (isinstance(got, kinds) and isinstance(got, bool) == (expected is bool))
    if issubclass(expected, StrEnum):
        return isinstance(got, str) and (got in set(expected) or is_token(got))
    if getattr(expected, "_is_protocol", False):
        return _implements(got, expected)
    return isinstance(got, expected)


def _is_data(got: object) -> bool:
    """Return True for a value of JSON, in which tokens and objects of the CDK are allowed."""
    if isinstance(got, Mapping):
        return all(isinstance(key, str) and _is_data(value) for key, value in got.items())
    if isinstance(got, list | tuple):
        return all(map(_is_data, got))
    return got is None or isinstance(got, str | int | float) or is_token(got) or hasattr(type(got), "__jsii_type__")


def _implements(got: object, protocol: type) -> bool:
    """Return True if a value has the members of a protocol, or if its class in the CDK declares an interface.

    Members of the CDK's interfaces are looked up in classes, because reading a property would call Node. Classes of the
    CDK lack optional members of the interfaces that they declare.
    """
    parts = getattr(got, "_delegates", [got])  # the CDK's classes for interfaces wrap several objects
    if hasattr(protocol, "__jsii_type__"):
        parts = [type(part) for part in parts]
        bases = (base for part in parts for base in part.__mro__)
        if any(protocol in interface.__mro__ for base in bases for interface in vars(base).get("__jsii_ifaces__", ())):
            return True
    return all(any(hasattr(part, name) for part in parts) for name in _members(protocol))


@cache
def _members(protocol: type) -> frozenset[str]:
    bases = [base for base in protocol.__mro__ if base.__module__ not in {"builtins", "typing", "typing_extensions"}]
    names = {name for base in bases for name in (*vars(base), *vars(base).get("__annotations__", ()))}
    return frozenset(name for name in names if not name.startswith("_"))


def type_text(expected: Any) -> str:
    """Return an annotation as a noun phrase, for example `a list of texts`."""
    origin, inner = get_origin(expected), get_args(expected)
    if origin in (Union, UnionType):
        return alternatives(list(dict.fromkeys(type_text(choice) for choice in inner if choice is not NoneType)))
    if origin in (Sequence, Collection, list):
        return f"a list of {_plural(inner[0])}"
    if origin in (Mapping, dict):
        return f"a mapping of {_plural(inner[0])} to {_plural(inner[1])}"
    if expected in _SCALARS:
        return _SCALARS[expected]
    if issubclass(expected, StrEnum):
        return alternatives(list(expected))
    name = expected.__name__.removesuffix("Base")
    if issubclass(expected, Enum):
        return f"a member of {name}, such as {name}.{next(iter(expected)).name}"
    return _EXAMPLES.get(name) or f"{'an' if name[0] in 'AEIO' else 'a'} {name}{_imports(expected, name)}"


def _imports(expected: type, name: str) -> str:
    """Return the method that imports what exists, for example `, such as GpuQueue.from_job_queue_arn(...)`."""
    concrete = name[1:] if getattr(expected, "_is_protocol", False) else name
    owner = getattr(sys.modules[expected.__module__], concrete, None)
    methods = [method for method in dir(owner) if method.startswith("from_")]
    arns = [method for method in methods if method.endswith("_arn")]
    return f", such as {concrete}.{(arns or methods)[0]}(...)" if methods else ""


def _plural(expected: Any) -> str:
    if get_origin(expected) in (Union, UnionType):
        return alternatives(list(dict.fromkeys(map(_plural, get_args(expected)))))
    if expected is Any:
        return "values"
    if expected in _PLURALS:
        return _PLURALS[expected]
    return type_text(expected).removeprefix("a ").removeprefix("an ")
