"""Docstrings say what the code does: parameters, defaults and errors that they name are those that there are."""

from __future__ import annotations

import builtins
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import cache
from types import FunctionType
from typing import Any

import pytest
from airflow.providers.common.compat import sdk

import airflow_provider_walmart
from tests.helpers.airflow_line import AIRFLOW
from tests.helpers.documents import DOCUMENTS
from tests.helpers.public_names import public_names

PARAM = re.compile(r"^ *:param (\w+): *(.*(?:\n(?! *:).+)*)", re.MULTILINE)
RAISES = re.compile(r"^ *:raises ([\w.]+):", re.MULTILINE)
SHOWN = re.compile(r"^\.\. autoclass:: ([\w.]+)\.(\w+)$", re.MULTILINE)
# They are for the rest of the package, and the reference leaves them out.
NOT_FOR_USERS = {"client", "client_of", "settings_of"}
UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
NUMBERS = {"one": 1, "two": 2, "ten": 10}


def all_modules() -> list[Any]:
    """Return all modules of the package that can be imported here."""
    names = [
        found.name
        for found in pkgutil.walk_packages(airflow_provider_walmart.__path__, "airflow_provider_walmart.")
        if not found.name.endswith(".__main__")
    ]
    if AIRFLOW < (3, 3):
        names.remove("airflow_provider_walmart.retry_policy")
    return [importlib.import_module(name) for name in names]


def documented(thing: Any) -> Iterator[tuple[str, Any]]:
    """Yield a class or function with its name, and of a class its methods."""
    yield f"{thing.__module__}.{thing.__qualname__}", thing
    for member in vars(thing).values() if isinstance(thing, type) else ():
        method = getattr(member, "__func__", member)
        if isinstance(method, FunctionType) and method.__module__ == thing.__module__:
            yield f"{method.__module__}.{method.__qualname__}", method


@cache
def everything() -> dict[str, Any]:
    """Return all classes, functions and methods of the package by their names."""
    return dict(
        found
        for module in all_modules()
        for thing in vars(module).values()
        if isinstance(thing, (type, FunctionType)) and thing.__module__ == module.__name__
        for found in documented(thing)
    )


@cache
def public() -> dict[str, Any]:
    """Return the classes and functions that users call, by their names."""
    return {f"{thing.__module__}.{thing.__qualname__}": thing for thing in public_things()}


def public_things() -> Iterator[Callable[..., Any]]:
    """Yield the classes and functions that users call, and the methods of those that they keep in hand."""
    for part, _, thing in public_names():
        if isinstance(thing, (type, FunctionType)):
            yield thing
        if isinstance(thing, type) and part in ("hooks", "more"):
            yield from public_methods(thing)
    # What a page shows with its docstring, the retry policy apart, which takes nothing and needs Airflow 3.3.
    for module, name in SHOWN.findall("".join(path.read_text() for path in DOCUMENTS)):
        if not module.endswith("retry_policy"):
            yield getattr(importlib.import_module(module), name)


def public_methods(thing: type) -> Iterator[Callable[..., Any]]:
    """Yield the methods of a class, and those it has from other classes of this package."""
    for name, member in inspect.getmembers(thing, inspect.isroutine):
        is_ours = str(getattr(member, "__module__", "")).startswith("airflow_provider_walmart.")
        if is_ours and not name.startswith("_") and name not in NOT_FOR_USERS:
            yield member


def family(thing: Any) -> list[Any]:
    """Return a class with those it is made of, as far as they are ours, and a function alone."""
    if not isinstance(thing, type):
        return [thing]
    return [one for one in thing.__mro__ if one.__module__.startswith("airflow_provider_walmart.")]


def told(thing: Any) -> dict[str, str]:
    """Return what the docstring says of each parameter."""
    return {
        name: re.sub(r"\s+", " ", text)
        for one in reversed(family(thing))
        for name, text in PARAM.findall(one.__doc__ or "")
    }


def parameters(thing: Any) -> dict[str, inspect.Parameter]:
    """Return what can be given to a function, or to a class and, through it, to those it is made of."""
    found: dict[str, inspect.Parameter] = {}
    makers = (
        [base for base in inspect.getmro(thing)[1:] if "__init__" in vars(base)]
        if isinstance(thing, type)
        else []
    )
    for one in (thing, *makers):
        with suppress(TypeError, ValueError):
            found = {**inspect.signature(one).parameters, **found}
    return {name: found[name] for name in found if name not in ("self", "cls")}


def own_parameters(thing: Any) -> set[str]:
    """Return the parameters that a class or function names itself."""
    if isinstance(thing, type) and "__init__" not in vars(thing) and family(thing)[1:]:
        return set()
    return {
        name
        for name, one in inspect.signature(thing).parameters.items()
        if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
    } - {"self", "cls"}


def test_all_parameters_of_public_names_are_described():
    wrong = {
        name: missing
        for name, thing in public().items()
        if (missing := own_parameters(thing) - set(told(thing))) or not thing.__doc__
    }
    assert len(public()) > 60
    assert wrong == {}


def test_results_and_errors_of_tasks_are_described():
    tasks = {
        name: thing.__doc__
        for name, thing in public().items()
        if name.split(".")[1] in ("operators", "sensors")
    }
    assert len([name for name in tasks if name.endswith(("Operator", "Sensor"))]) > 10
    wrong = [
        name
        for name, text in tasks.items()
        if name.endswith(("Operator", "Sensor")) and not (":return:" in text and RAISES.search(text))
    ]
    assert wrong == []


def test_described_parameters_are_there():
    wrong = {
        name: gone
        for name, thing in everything().items()
        if (gone := {name for name, _ in PARAM.findall(thing.__doc__ or "")} - set(parameters(thing)))
    }
    assert wrong == {}


def test_described_errors_are_there():
    wrong = {
        name: gone
        for name, thing in everything().items()
        if (gone := [error for error in RAISES.findall(thing.__doc__ or "") if not is_error(error)])
    }
    assert wrong == {}


def is_error(name: str) -> bool:
    """Return whether there is such an error: in this package, in Airflow, or where the name says."""
    ours = {thing.__name__: thing for thing in everything().values() if isinstance(thing, type)}
    module, _, last = name.rpartition(".")
    place = importlib.import_module(module) if module else sdk
    found = ours.get(name) or getattr(place, last, None) or getattr(builtins, last, None)
    return isinstance(found, type) and issubclass(found, BaseException)


def test_described_defaults_are_the_real_ones():
    checked = [
        (name, parameter, said, parameters(thing)[parameter].default)
        for name, thing in public().items()
        for parameter, text in told(thing).items()
        if (said := default_in(text)) is not None
    ]
    assert len(checked) > 40
    assert [found for found in checked if not agrees(*found[2:])] == []


def default_in(text: str) -> Any:
    """Return the value that a text calls the default, if it is one that can be compared; a duration in seconds."""
    if found := re.search(r"``([^`]+)`` \(default\b|\bdefault:? ``([^`\[]+)``", text):
        return found[1] or found[2]
    if found := re.search(r"\b(None|True|False) \(default\)|\bdefault:? (None|True|False)\b", text):
        return {"None": "None", "True": True, "False": False}[found[1] or found[2]]
    if found := re.search(
        r"\bdefault:? (\d[\d.,]*\d|\d|one|two|ten)(?: (second|minute|hour|day)s?)?\b", text
    ):
        number = NUMBERS.get(found[1]) or float(found[1].replace(",", ""))
        return number * UNITS.get(found[2] or "second", 1)
    return None


def test_values_that_parameters_have_by_default_are_described():
    missing = [
        (name, parameter)
        for name, thing in public().items()
        for parameter, text in told(thing).items()
        if "default" not in text and is_value(parameters(thing)[parameter].default)
    ]
    assert missing == []


def is_value(default: Any) -> bool:
    """Return whether a default is a text, a number or a duration, and neither empty nor 0."""
    return (
        isinstance(default, (str, int, float, timedelta)) and not isinstance(default, bool) and bool(default)
    )


def agrees(said: Any, real: Any) -> bool:
    if isinstance(real, timedelta):
        return said == real.total_seconds()
    return real in (said, (said,)) or (said == "None" and real is None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("how far back to read, in hours; default 24.", 24),
        ("as timedelta or seconds; default 7 days. Stock", 7 * 86400),
        ("``fail`` (default), or ``resubmit``", "fail"),
        ("Walmart's code; default ``CD-002``.", "CD-002"),
        ("None (default): by age", "None"),
        ("True fails; default False.", False),
        ("default one hour; zero: always a new one", 3600),
        ("only these; default: all.", None),
        ("default: ``[operators] default_deferrable``", None),
    ],
)
def test_defaults_are_found_in_a_text(text, value):
    assert default_in(text) == value


def test_wrong_defaults_and_errors_are_seen():
    assert not agrees(24, 25)
    assert not agrees("fail", "resubmit")
    assert agrees(3600, timedelta(hours=1))
    assert is_error("WalmartConfigError")
    assert not is_error("WalmartNoSuchError")
