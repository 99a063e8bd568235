"""The base of all components, and the kinds that need neither a network nor data: normalizers and box rules.

Metrics are in :mod:`wsol.evaluation.metric`, benchmarks in :mod:`wsol.data.benchmark`, backbones, poolings and
extractors in :mod:`wsol.networks`, augmentations and methods in :mod:`wsol.training`.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from wsol.arrays import FloatArray, IntArray
from wsol.errors import PluginError, UsageError
from wsol.foreign_code import ContractError
from wsol.options import Options
from wsol.options import Options as AnyOptions


class Component:
    """A named component with options; the first line of its docstring describes it.

    Attributes:
        name: Name in studies and records: lower-case letters, digits, ``_`` and ``-``.
        paper: Citation of the paper that it comes from.
        Options: Class of its options, with defaults and search distributions.
        options: Its options, an instance of ``Options``.
    """

    name: ClassVar[str] = ""
    paper: ClassVar[str] = ""
    Options: ClassVar[type[Options]] = Options
    options: Any  # of the class's own Options; a precise type would make every component generic

    def __init__(self, options: AnyOptions | None = None) -> None:
        self.options = self.Options() if options is None else options
        if unbuilt := self.options.unbuilt():
            raise UsageError(
                f"'{self.name}': {unbuilt[0]} names a component that only Plugins.create builds; create it there"
            )

    @classmethod
    def check_class(cls) -> None:
        """Check the class attributes that every listing shows; raises PluginError for a wrong type."""
        if not (isinstance(cls.__doc__, str) and cls.summary().strip()):
            raise PluginError(f"{cls.__name__} has no docstring; its first line is what 'wsol plugins' shows")
        cls.require("paper", isinstance(cls.paper, str), "text")

    @classmethod
    def require(cls, name: str, valid: bool, wanted: str) -> None:
        """Check a class attribute.

        Args:
            name: The attribute.
            valid: Whether its value is one that is allowed; False where it is missing.
            wanted: What is allowed: ``"text"``.

        Raises:
            PluginError: It is missing or not valid.
        """
        if not hasattr(cls, name):
            raise PluginError(f"{cls.__name__}.{name} is missing; set it to {wanted}")
        if not valid:
            raise PluginError(f"{cls.__name__}.{name} is {getattr(cls, name)!r:.80}, not {wanted}")

    @classmethod
    def require_method(cls, name: str, *arguments: str | None, **named: bool) -> None:
        """Check that a method of a class can be called as the engine calls it.

        Args:
            name: The method.
            *arguments: Arguments for which its signature must have a place.
            **named: The same by keyword.

        Raises:
            PluginError: It is no method, has other parameters, or returns a generator or coroutine.
        """
        method, attribute = getattr(cls, name), inspect.getattr_static(cls, name)
        written = ", ".join([*map(repr, arguments), *(f"{key}={value}" for key, value in named.items())])
        if not callable(method):
            raise PluginError(f"{cls.__name__}.{name} is {method!r:.80}, not a method")
        if inspect.isgeneratorfunction(method) or inspect.iscoroutinefunction(method):
            raise PluginError(f"{cls.__name__}.{name} is a generator or coroutine; it must return its result")
        try:
            bound = attribute.__get__(cls.__new__, cls) if hasattr(attribute, "__get__") else attribute
            inspect.signature(bound).bind(*arguments, **named)
        except ValueError:  # a function of C without a signature
            return
        except TypeError as error:
            raise PluginError(f"{cls.__name__}.{name} cannot be called as {name}({written}): {error}") from None

    def check_built(self) -> None:
        """Check an instance after its constructor; raises ContractError for what a constructor must leave."""
        if not isinstance(getattr(self, "options", None), AnyOptions):
            raise ContractError("does not call super().__init__ with the options")

    @classmethod
    def summary(cls) -> str:
        """Return the first line of the docstring, at most 300 characters of it."""
        return (inspect.getdoc(cls) or "").split("\n", 1)[0][:300]


class Normalizer(Component, ABC):
    """Maps the values of a score map to [0, 1]."""

    @abstractmethod
    def __call__(self, score_map: FloatArray) -> FloatArray:
        """Normalise a map.

        Args:
            score_map: Float64 [H, W], upsampled to the evaluation frame, finite and not constant.

        Returns:
            Float64 [H, W] in [0, 1].
        """


class BoxRule(Component, ABC):
    """Turns a normalised score map into boxes with its own threshold, instead of the protocol's thresholds."""

    @abstractmethod
    def __call__(self, score_map: FloatArray) -> IntArray:
        """Find the boxes of a map.

        Args:
            score_map: Float64 [H, W] in [0, 1].

        Returns:
            Int64 [N, 4] with N >= 1: (x0, y0, x1, y1) in pixels of the map.
        """
