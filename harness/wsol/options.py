"""Options of components: pydantic models whose fields state default and search distribution on one line."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeAlias, TypeVar, Union, get_args, get_origin

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, ValidationInfo, field_validator

from wsol.errors import UsageError

T = TypeVar("T")
OptionsT = TypeVar("OptionsT", bound="Options")
Kind = Literal["choice", "uniform", "loguniform", "integer"]
OptionValues: TypeAlias = dict[str, Any]
"""Option, or ``part.option`` → value; any YAML value."""
MAX_CHOICES = 1000
"""Most values of a choice."""


@dataclass(frozen=True)
class Distribution:
    """A distribution that hyper-parameters are drawn from; its JSON form is ``{kind: [arguments]}``.

    Attributes:
        kind: ``choice``: one of the arguments. ``uniform``: a float in [low, high). ``loguniform``: a float whose
            logarithm is uniform, 0 < low < high. ``integer``: low <= value <= high.
        arguments: The choices, or low and high.

    Raises:
        UsageError: The arguments do not fit the kind.
    """

    kind: Kind
    arguments: tuple[JsonValue, ...]

    def __post_init__(self) -> None:
        if self.kind == "choice":
            self._check_choices()
            return
        low, high = self._bounds()
        if not low < high or (self.kind == "loguniform" and low <= 0):
            raise UsageError(
                f"{self.kind}({low}, {high}) is empty: it needs {'0 < ' * (self.kind[0] == 'l')}low < high"
            )
        if self.kind == "integer" and not (isinstance(low, int) and isinstance(high, int)):
            raise UsageError(f"integer({low}, {high}) needs two whole numbers")
        if self.kind == "integer" and not -(2**63) <= low < high < 2**63:
            raise UsageError(f"integer({low}, {high}) needs numbers of at most 64 bits")

    def _check_choices(self) -> None:
        if not self.arguments:
            raise UsageError("choice needs at least one value")
        if len(self.arguments) > MAX_CHOICES:
            raise UsageError(
                f"choice has {len(self.arguments)} values, at most {MAX_CHOICES} are accepted: each is tested"
            )
        written = [repr(value) for value in self.arguments]
        twice = next((text for index, text in enumerate(written) if text in written[:index]), None)
        if twice is not None:
            raise UsageError(f"choice names {twice:.60} twice; all values have the same probability")

    def _bounds(self) -> tuple[float, float]:
        """Return low and high of a distribution of numbers, finite and at a finite distance."""
        match self.arguments:
            case (bool(), _) | (_, bool()):
                pass
            case (int() | float() as low, int() | float() as high):
                try:
                    if math.isfinite(float(high) - float(low)):
                        return low, high
                except OverflowError:  # an integer beyond all floats
                    pass
                raise UsageError(f"{self} needs two finite numbers (low, high)")
        raise UsageError(f"{self.kind} needs two numbers (low, high), got {list(self.arguments)!r:.80}")

    def draw(self, rng: np.random.Generator) -> JsonValue:
        """Draw one value, as a plain Python object."""
        if self.kind == "choice":
            return self.arguments[int(rng.integers(len(self.arguments)))]
        low, high = self._bounds()
        if self.kind == "integer":
            return int(rng.integers(int(low), int(high), endpoint=True))
        if self.kind == "uniform":
            return float(rng.uniform(low, high))
        return float(math.exp(rng.uniform(math.log(low), math.log(high))))

    def extremes(self) -> list[JsonValue]:
        """Return all values of a choice, or the smallest and the largest value that can be drawn from a range."""
        if self.kind == "choice":
            return list(self.arguments)
        low, high = self._bounds()
        if self.kind == "integer":
            return [int(low), int(high)]
        # The ends themselves are never drawn, or with probability zero, and may be excluded by a constraint.
        return [float(np.nextafter(low, high)), float(np.nextafter(high, low))]

    def to_json(self) -> dict[str, list[JsonValue]]:
        """Return the form that studies, plans and ``wsol plugins --json`` use."""
        return {self.kind: list(self.arguments)}

    def __str__(self) -> str:
        return f"{self.kind}({', '.join(str(a) for a in self.arguments)})"

    @classmethod
    def from_json(cls, value: Any) -> Distribution | None:
        """Return the distribution that ``value`` describes, or None for an ordinary value."""
        if not isinstance(value, Mapping) or len(value) != 1:
            return None
        kind, arguments = next(iter(value.items()))
        if kind not in ("choice", "uniform", "loguniform", "integer") or not isinstance(arguments, list | tuple):
            return None
        return cls(kind, tuple(arguments))


def choice(*values: JsonValue) -> Distribution:
    """Draw one of ``values``, each with the same probability.

    Args:
        *values: The values, of any JSON types.

    Returns:
        The distribution, for :func:`hparam` or a study.
    """
    return Distribution("choice", values)


def uniform(low: float, high: float) -> Distribution:
    """Draw a float in [low, high).

    Args:
        low: Lower end, included.
        high: Upper end, excluded.

    Returns:
        The distribution, for :func:`hparam` or a study.
    """
    return Distribution("uniform", (low, high))


def loguniform(low: float, high: float) -> Distribution:
    """Draw a float in [low, high) whose logarithm is uniform.

    Args:
        low: Lower end, above 0.
        high: Upper end, excluded.

    Returns:
        The distribution, for :func:`hparam` or a study.
    """
    return Distribution("loguniform", (low, high))


def integer(low: int, high: int) -> Distribution:
    """Draw an integer, both ends included.

    Args:
        low: Lower end, included.
        high: Upper end, included.

    Returns:
        The distribution, for :func:`hparam` or a study.
    """
    return Distribution("integer", (low, high))


def hparam(
    default: T,
    search: Distribution,
    help: str = "",
    *,
    gt: float | None = None,
    ge: float | None = None,
    lt: float | None = None,
    le: float | None = None,
) -> T:
    """Declare a field that a search draws.

    ``lr: float = hparam(1e-3, loguniform(1e-5, 1), help="learning rate", gt=0)``. A study may fix the value or give
    another distribution.

    Args:
        default: Value of the field where nothing is drawn.
        search: Distribution that a search draws the field from.
        help: One line for ``wsol plugins``.
        gt: The value must be greater than this number.
        ge: The value must be greater than or equal to this number.
        lt: The value must be less than this number.
        le: The value must be less than or equal to this number.

    Returns:
        The declaration of the field, typed as its default.
    """
    extra: dict[str, JsonValue] = {"search": {**search.to_json()}}
    return Field(default, description=help, json_schema_extra=extra, gt=gt, ge=ge, lt=lt, le=le)


def option(
    default: T,
    help: str = "",
    *,
    gt: float | None = None,
    ge: float | None = None,
    lt: float | None = None,
    le: float | None = None,
) -> T:
    """Declare a field that a search leaves at its default unless the study says otherwise.

    Args:
        default: Value of the field.
        help: One line for ``wsol plugins``.
        gt: The value must be greater than this number.
        ge: The value must be greater than or equal to this number.
        lt: The value must be less than this number.
        le: The value must be less than or equal to this number.

    Returns:
        The declaration of the field, typed as its default.
    """
    return Field(default, description=help, gt=gt, ge=ge, lt=lt, le=le)


def path(default: T, help: str = "", *, condition: str = "", words: Sequence[str] = ()) -> T:
    """Declare a field that names a file or a folder, or several in a list.

    The content belongs to what identifies a run: it is hashed before training, and a run with another content does not
    go on with a search or a sealed choice. A relative path starts at the working directory. A file that is missing is
    reported when the study is planned. ``boxes: str = wsol.path("ddt", "a CSV file", words=("ddt",))``

    Args:
        default: Value of the field; None names no file.
        help: One line for ``wsol plugins``.
        condition: A mark that the record gets when the field names a file, such as ``"boxes from file"``; runs with the
            mark are ranked apart.
        words: Values that name no file.

    Returns:
        The declaration of the field, typed as its default.
    """
    extra: dict[str, JsonValue] = {"path": {"condition": condition, "words": list(words)}}
    return Field(default, description=help, json_schema_extra=extra)


def part(kind: str, default: str | None = None, help: str = "") -> Any:
    """Declare a field that names another component.

    A study gives the component's name, or a mapping with its name and options. Both are validated when the study is
    planned; the component's own search distributions are drawn with the rest, as ``method.field.option``. The harness
    builds the component, so that the field holds an instance:
    ``backbone: wsol.Backbone | None = wsol.part("backbones", help="null: the recipe's")``.

    Args:
        kind: Kind of the component, in the plural: ``"backbones"``.
        default: Name of the component where the study names none; None leaves the field at None.
        help: One line for ``wsol plugins``.

    Returns:
        The declaration of the field; its type is the annotation of the field.
    """
    return Field(default, description=help, json_schema_extra={"part": kind})


@dataclass(frozen=True)
class FileOption:
    """A field that names files, as :func:`path` declares it.

    Attributes:
        condition: Mark of a run whose field names a file; empty for none.
        words: Values that name no file.
    """

    condition: str = ""
    words: tuple[str, ...] = ()

    def files(self, value: JsonValue) -> list[Path]:
        """List the files and folders that a value of the field names.

        Args:
            value: A path, a list of paths, or a value that names none.

        Example:
            >>> FileOption(words=("ddt",)).files("ddt")
            []
        """
        named = value if isinstance(value, list | tuple) else [value]
        return [Path(v).expanduser() for v in named if isinstance(v, str) and v not in ("", *self.words)]


class StrictKinds(BaseModel):
    """Base of what users write: booleans, text and fractions are never taken for numbers, nor infinity for a float."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _check_kind(cls, value: JsonValue, info: ValidationInfo) -> JsonValue:
        field = cls.model_fields[info.field_name or ""]
        if not any(hasattr(extra, "func") for extra in field.metadata):  # its own validator reads other kinds
            check_kind(value, set(_leaves(field.annotation)))
        return value


def check_kind(value: JsonValue, accepted: set[type]) -> None:
    """Check that a value, or every value of a list, is of a kind that a field accepts; pydantic converts more.

    Args:
        value: A value as a study gives it.
        accepted: All types in the annotation of the field.

    Raises:
        ValueError: A boolean, a text or a fraction where a number is expected, or a number or text for a boolean.

    Example:
        >>> check_kind(3, {int})
        >>> check_kind(True, {int})
        Traceback (most recent call last):
            ...
        ValueError: Input should be a whole number
    """
    if isinstance(value, list | tuple):
        for entry in value:
            check_kind(entry, accepted)
    elif type(value) in (bool, int, float, str):
        numbers = accepted & {int, float}
        good = accepted | ({int} if float in accepted else set())
        if (
            type(value) not in good
            and numbers
            and (isinstance(value, int | float) or not accepted - {int, float, _NONE})
        ):
            raise ValueError(f"Input should be a {'number' if float in numbers else 'whole number'}")
        if type(value) not in good and accepted <= {bool, _NONE}:
            raise ValueError("Input should be true or false")


_NONE = type(None)


class Options(StrictKinds):
    """Base of every component's ``Options``: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True)

    @classmethod
    def space(cls) -> dict[str, Distribution]:
        """Return the search distribution of every field declared with :func:`hparam`."""
        found = {}
        for name, extra in cls._extras().items():
            search = Distribution.from_json(extra.get("search"))
            if search is not None:
                found[name] = search
        return found

    @classmethod
    def part_kinds(cls) -> dict[str, str]:
        """Return the kind of component of every field declared with :func:`part`."""
        return {name: str(extra["part"]) for name, extra in cls._extras().items() if "part" in extra}

    @classmethod
    def file_options(cls) -> dict[str, FileOption]:
        """Return every field declared with :func:`path`."""
        found = {}
        for name, extra in cls._extras().items():
            if isinstance(given := extra.get("path"), Mapping):
                words = given.get("words")
                found[name] = FileOption(
                    str(given.get("condition", "")), tuple(map(str, words)) if isinstance(words, list) else ()
                )
        return found

    @classmethod
    def nested(cls) -> dict[str, type[Options]]:
        """Return the class of every field that holds options itself, also where it may be None."""
        return {name: found for name, (found, direct) in cls._inner().items() if direct}

    @classmethod
    def hidden(cls) -> dict[str, type[Options]]:
        """Return the class of every field that holds options in a container, such as a list."""
        return {name: found for name, (found, direct) in cls._inner().items() if not direct}

    @classmethod
    def _inner(cls) -> dict[str, tuple[type[Options], bool]]:
        """Return, for each field with options, their class and whether the field holds them without a container."""
        found: dict[str, tuple[type[Options], bool]] = {}
        for name, field in cls.model_fields.items():
            alternatives = get_args(field.annotation) if _is_union(field.annotation) else (field.annotation,)
            direct = {kind for kind in alternatives if isinstance(kind, type) and issubclass(kind, Options)}
            inside = {kind for kind in _leaves(field.annotation) if issubclass(kind, Options)}
            if direct or inside:
                found[name] = (next(iter(direct or inside)), bool(direct))
        return found

    @classmethod
    def _extras(cls) -> dict[str, Mapping[str, JsonValue]]:
        fields = cls.model_fields.items()
        return {name: f.json_schema_extra for name, f in fields if isinstance(f.json_schema_extra, Mapping)}

    def unbuilt(self) -> list[str]:
        """Return the fields, at any depth, whose default names a component that is not built yet."""
        found = [name for name in self.part_kinds() if isinstance(getattr(self, name), str)]
        for name in self.nested():
            inner = getattr(self, name)
            found += [f"{name}.{field}" for field in inner.unbuilt()] if isinstance(inner, Options) else []
        return found


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, UnionType)


def _leaves(annotation: Any) -> Iterator[type]:
    """Yield all classes in an annotation, also of the values of a literal."""
    arguments = get_args(annotation)
    if get_origin(annotation) is Literal:
        arguments = tuple(map(type, arguments))
    if isinstance(annotation, type) and not arguments:
        yield annotation
    for argument in arguments:
        yield from _leaves(argument)


def build_options(options: type[OptionsT], values: OptionValues, where: str) -> OptionsT:
    """Validate options.

    Args:
        options: Class of the options.
        values: Option → value.
        where: Beginning of each line of an error, such as ``"method 'cam'"``.

    Raises:
        UsageError: One line for each problem, with a suggestion for an unknown key.
    """
    try:
        return options.model_validate(values)
    except ValidationError as error:
        raise UsageError(describe_validation(error, where, options.model_fields)) from None


def describe_validation(error: ValidationError, where: str, known: Iterable[str] = ()) -> str:
    """Turn pydantic's report into lines that a user can act on.

    Args:
        error: What pydantic raised.
        where: Beginning of each line.
        known: Keys to suggest instead of an unknown one.
    """
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            lines.append(f"{where}: unknown key '{key:.80}'{suggest(str(problem['loc'][-1]), known)}")
        else:
            message = problem["msg"].removeprefix("Value error, ")
            joint = not key and problem["type"] == "value_error"  # of several values together, which it names
            single = f"{key[:80] or 'value'}: {message}, got {problem.get('input')!r:.80}"
            lines.append(f"{where}: {message if joint else single}")
    return "\n".join(lines[:MAX_LINES] + [f"{where}: {len(lines) - MAX_LINES} more"] * (len(lines) > MAX_LINES))


MAX_LINES = 20
"""Most problems that an error lists."""


def suggest(name: str, known: Iterable[str]) -> str:
    """Suggest a name for an unknown one.

    Args:
        name: The unknown name.
        known: The names that exist.

    Returns:
        ``"; did you mean 'x'?"``, or ``"; available: x, y"`` when none is similar; the end of an error message.

    Example:
        >>> suggest("resnt50", ["resnet18", "resnet50"])
        "; did you mean 'resnet50'?"
    """
    names = sorted(known)
    if len(name) > 100:  # the comparison takes time that grows with the square of the length
        return ""
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; available: {', '.join(names)}" if names else ""
