"""Values of wrong types as arguments of all public constructs: each is accepted, or an error names the argument."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import is_dataclass
from importlib import import_module
from inspect import Parameter, isfunction, signature
from itertools import product
from typing import Any

import pytest

from fairlane import ConfigurationError
from tests.fairlane.valid_calls import CONSTRUCTS, FUNCTIONS, IMPORTS, METHODS, Call, World
from tests.fairlane.valid_values import VALUES

PACKAGES = ("capacity", "fan_out", "hyperpod", "images", "jobs", "monitoring", "monitoring.alarms", "queues", "sweeps")
CALLED_BY_CONSTRUCTS = {"HyperPodCluster.add_dependant", "RegistryReplication.add", "ReplicatedRepository.add_template"}
NO_ARGUMENTS = {"ElasticRecipe", "JobSize", "Limit", "Problem", "QuotaRow", "SizeBatch"}
NAMED_BY_VALUE = {("MonitoredFanOut", "region"), ("QuotaShare", "name")}
WRONG: list[Any] = [None, "x", 1.5, True, [object()], {"x": object()}, object()]
WRONG_FIELDS: list[Any] = [None, "x", 1.5, [object()], {"x": object()}]


def public_names() -> dict[str, Any]:
    packages = [import_module(name) for name in ("fairlane", *(f"fairlane.{name}" for name in PACKAGES))]
    return {name: getattr(package, name) for package in packages for name in package.__all__}


def public_constructs() -> dict[str, type]:
    return {
        name: value
        for name, value in public_names().items()
        if isinstance(value, type) and hasattr(value, "__jsii_type__") and not name.endswith("Base")
    }


def public_methods(owner: type) -> Iterator[str]:
    """Yield the methods of a construct and of its grants that have arguments, except for metrics."""
    for base in owner.__mro__:
        grants = getattr(vars(base).get("grants"), "fget", None)
        if base.__module__.startswith("fairlane") and grants is not None:
            kind = signature(grants, eval_str=True).return_annotation
            yield from (
                f"{kind.__name__}.{name}" for name in dir(kind) if not name.startswith(("_", "submit_statements"))
            )
        for name, member in vars(base).items() if base.__module__.startswith("fairlane") else ():
            function = getattr(member, "__func__", member)
            if (
                isfunction(function)
                and not name.startswith(("_", "metric"))
                and len(signature(function).parameters) > 1
            ):
                yield f"{owner.__name__}.{name}"


def test_each_public_construct_and_method_has_valid_arguments() -> None:
    constructs = public_constructs()
    assert set(constructs) == set(CONSTRUCTS)
    methods = {name for construct in constructs.values() for name in public_methods(construct)}
    assert methods - CALLED_BY_CONSTRUCTS == {*IMPORTS, *METHODS}


def parameters_of(call: Callable[..., object]) -> Mapping[str, Parameter]:
    function = vars(call)["__init__"] if isinstance(call, type) else call
    return {name: parameter for name, parameter in signature(function).parameters.items() if name != "self"}


def _call(call: Callable[..., object], arguments: Mapping[str, Any]) -> None:
    """Call with keyword arguments, `jobs` except, which is the name of positional ones."""
    values = dict(arguments)
    call(*([values.pop("jobs")] if "jobs" in values else []), **values)


def placed(build: Callable[[World], Call], world: World) -> Call:
    call, arguments = build(world)
    names = parameters_of(call)
    place = {"scope": world.stack, "construct_id": "New"}
    return call, {name: value for name, value in place.items() if name in names} | arguments


@pytest.mark.parametrize("name", [*CONSTRUCTS, *IMPORTS, *METHODS])
def test_a_value_of_a_wrong_type_is_accepted_or_an_error_names_the_argument(name: str) -> None:
    build = (CONSTRUCTS | IMPORTS | METHODS)[name]
    call, valid = placed(build, World())
    _call(call, valid)
    world: World | None = None
    defaults = parameters_of(call)
    for argument, wrong in product(defaults, WRONG):
        if wrong is not defaults[argument].default:
            world = world or World()
            again, arguments = placed(build, world)
            before = len(world.stack.node.children)
            try:
                _call(again, arguments | {argument: wrong})
            except ConfigurationError as error:
                assert argument in str(error), f"{argument}={wrong!r}: {error}"
                assert len(world.stack.node.children) == before, f"{argument}={wrong!r} left a node behind"
            except Exception as error:
                raise AssertionError(f"{argument}={wrong!r}: {type(error).__name__}: {error}") from error
            else:
                world = None


def test_each_public_value_object_has_valid_fields() -> None:
    values = {name for name, value in public_names().items() if isinstance(value, type) and is_dataclass(value)}
    assert values - NO_ARGUMENTS == set(VALUES)


@pytest.mark.parametrize("name", VALUES)
def test_a_field_of_a_wrong_type_is_accepted_or_an_error_names_it(name: str) -> None:
    create, valid, use = VALUES[name]
    world: World | None = None
    names = ["shares"] if name == "QuotaManagement" else [*parameters_of(create)]
    for field, wrong in [("", None), *product(names, WRONG_FIELDS)]:
        world = world or World()
        try:
            construct, changes = use(create(**valid | ({field: wrong} if field else {})))
            call, arguments = placed((CONSTRUCTS | FUNCTIONS)[construct], world)
            call(**arguments | changes)
        except ConfigurationError as error:
            assert field, error
            named = field if (name, field) not in NAMED_BY_VALUE else str(wrong)
            assert named in str(error), f"{field}={wrong!r}: {error}"
        except Exception as error:
            raise AssertionError(f"{field}={wrong!r}: {type(error).__name__}: {error}") from error
        else:
            world = None
