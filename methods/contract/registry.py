"""The registry of methods: ours by the import of their modules, plugins by their entry points."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import metadata
from typing import Any, TypeVar

from ...common import plugins
from ...common.names import did_you_mean
from .errors import MethodError, SettingError, UnknownNameError
from .method import Method

ENTRY_POINT_GROUP = "decompbench.methods"
"""Entry-point group in which a package announces its methods: ``name = "package.module:ClassName"``."""

M = TypeVar("M", bound=type[Method])

_methods: dict[str, type[Method]] = {}
_plugins_loaded = False


def register(name: str) -> Callable[[M], M]:
    """Give a method class its ``name`` and make it known.

    Raises
    ------
    MethodError
        If another class has that name already.
    """

    def decorate(cls: M) -> M:
        known = _methods.get(name)
        same = known is not None and (known.__module__, known.__qualname__) == (cls.__module__, cls.__qualname__)
        if known is not None and not same:
            raise MethodError(f"two methods are named {name!r}: {known.__module__}.{known.__qualname__} "
                              f"and {cls.__module__}.{cls.__qualname__}")  # fmt: skip
        cls.name = name
        _methods[name] = cls
        return cls

    return decorate


def entry_points(group: str) -> list[metadata.EntryPoint]:
    """Return the entry points of a group; with ``DECOMPBENCH_PLUGINS=none`` only those of our own distribution.

    Raises
    ------
    MethodError
        The variable says neither ``all`` nor ``none``.
    """
    try:
        return plugins.entry_points(group)
    except plugins.PluginError as error:
        raise MethodError(str(error)) from None


def _load_plugins() -> None:
    """Import every plugin once; for one that fails there is a warning with its name, and the others are imported."""
    global _plugins_loaded
    if _plugins_loaded:
        return
    found = entry_points(ENTRY_POINT_GROUP)
    _plugins_loaded = True
    plugins.load_installed()
    for entry in found:
        try:
            loaded = entry.load()
            if not (isinstance(loaded, type) and issubclass(loaded, Method)):
                raise TypeError(f"{entry.value} is not a subclass of decompbench.methods.Method")
            if loaded.name != entry.name:
                raise ValueError(f"it is registered as {loaded.name!r}; use @register({entry.name!r})")
        except Exception as error:  # a package from outside may fail in any way
            warnings.warn(f"method plugin {entry.name!r} ({entry.value}) was skipped: {error!r}", stacklevel=2)


def list_methods() -> list[str]:
    """Return the names of all methods, plugins included, in alphabetical order."""
    _load_plugins()
    return sorted(_methods)


def method_class(name: str) -> type[Method]:
    """Return the class registered as ``name``.

    Raises
    ------
    UnknownNameError
        If there is none; the message gives the nearest names.
    """
    _load_plugins()
    if name not in _methods:
        raise UnknownNameError(f"no method is named {name!r}: {did_you_mean(name, _methods)}")
    return _methods[name]


def get_method(name: str, **settings: Any) -> Method:
    """Return the method ``name`` with ``settings`` changed from their defaults.

    Raises
    ------
    UnknownNameError
        If no method has that name.
    SettingError
        If it has no such setting, or the value is not allowed.

    Examples
    --------
    >>> get_method("svd", rank=0.3)
    SVD(rank=0.3)
    """
    try:
        return method_class(name)().with_settings(**settings)
    except TypeError as error:
        raise SettingError(f"method {name!r}: {error}") from error
