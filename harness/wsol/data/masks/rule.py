"""Which pixel values of a mask are the object, and which pixels are left out of the score."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import model_validator

from wsol.data.benchmark import BenchmarkOptions
from wsol.data.masks.advice import ANY
from wsol.data.masks.levels import level_name
from wsol.options import Options, option

MAX_VALUE = 2**31 - 1
MaskValue = int | str
"""A pixel value, or a colour as ``"#rrggbb"``."""
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class MaskRule:
    """Says what the pixel values of masks mean.

    What is not stated follows where there is no choice. Without ``object``, 0 (black) is outside the object, and one
    other value is the object. With ``object``, the one value that is not stated is outside. A mask with more values
    than that is an error.

    Attributes:
        object: Values of the object; None: not stated.
        outside: Values of the background; None: not stated.
        ignore: Values of pixels that are left out of the score.
        rest: What all values are that are not stated; None: they follow as above.
        threshold: The object is where the value is greater, in the file's own scale (8 bits: 0 to 255).
        alpha: Whether the transparency of the file is the mask; None: a file whose transparency varies is an error.
        coloured: Whether the values are colours, 0xRRGGBB.
    """

    object: tuple[int, ...] | None = None
    outside: tuple[int, ...] | None = None
    ignore: tuple[int, ...] = ()
    rest: Literal["object", "outside"] | None = None
    threshold: float | None = None
    alpha: bool | None = None
    coloured: bool = False

    @property
    def follows(self) -> Literal["object", "outside"]:
        """What the one value is that is not stated."""
        return "object" if self.object is None else "outside"

    def open_values(self, present: Iterable[int]) -> list[int]:
        """The values that occur in a mask and are not stated, without the 0 that is outside by default."""
        stated = {*(self.object or ()), *(self.outside or ()), *self.ignore}
        if self.outside is None and (self.object is None or self.rest == "object") and 0 not in stated:
            stated.add(0)
        return [value for value in present if value not in stated]

    def unclear(self, open_values: Sequence[int]) -> bool:
        """Whether nothing says what these values are, see :meth:`open_values`."""
        both = self.object is not None and self.outside is not None
        return self.rest is None and len(open_values) > (0 if both else 1)

    def objects(self, open_values: Sequence[int]) -> list[int]:
        """The values of the object in a mask whose values are clear, see :meth:`open_values`."""
        follows = (self.rest or self.follows) == "object"
        return [*(self.object or ()), *(open_values if follows else ())]


class MaskValueOptions(Options):
    """Options for masks that are images of labels; :meth:`mask_rule` says what they mean together."""

    object: MaskValue | tuple[MaskValue, ...] | None = option(
        None, "value or values of mask pixels of the object, or any: all values but 0 that are not stated"
    )
    outside: MaskValue | tuple[MaskValue, ...] | None = option(
        None, "value or values of mask pixels outside the object, or any: all values that are not stated"
    )
    ignore: MaskValue | tuple[MaskValue, ...] | None = option(
        None, "value or values of mask pixels that are left out of the score"
    )
    threshold: float | None = option(
        None, "the object is where a mask's value is greater, in the file's own scale (8 bits: 0 to 255)"
    )
    alpha: bool | None = option(
        None, "true: a mask file's transparency is the mask (0 to 255: opaque); false: it is ignored"
    )

    @model_validator(mode="after")
    def _values_are_consistent(self) -> MaskValueOptions:
        self.mask_rule()
        return self

    def mask_rule(self) -> MaskRule:
        """The rule that the options state.

        Raises:
            ValueError: They contradict each other, or a value is no pixel value.
        """
        given = {name: _values(name, getattr(self, name)) for name in ("object", "outside", "ignore")}
        if given["outside"] == [ANY] and not given["object"]:
            raise ValueError("'outside: any' needs object: the values of the object")
        if given["outside"] == given["object"] == [ANY]:
            raise ValueError("object and outside are both 'any'; state the values of one of them")
        if self.threshold is not None and (given["object"] or given["outside"]):
            raise ValueError("threshold says where the object is, and so does object or outside; give one of them")
        coloured = _coloured(given)
        numbers = {name: _numbers(values) for name, values in given.items()}
        _check_apart(numbers, coloured)
        return MaskRule(
            object=_stated(given["object"], numbers["object"]),
            outside=_stated(given["outside"], numbers["outside"]),
            ignore=numbers["ignore"],
            rest="object" if given["object"] == [ANY] else "outside" if given["outside"] == [ANY] else None,
            threshold=self.threshold,
            alpha=self.alpha,
            coloured=coloured,
        )


class MaskOptions(BenchmarkOptions, MaskValueOptions):
    """Options of benchmarks whose masks are images of labels."""


def _values(name: str, given: MaskValue | tuple[MaskValue, ...] | None) -> list[MaskValue]:
    """The values of an option, each checked."""
    values = list(given) if isinstance(given, tuple) else [] if given is None else [given]
    if isinstance(given, tuple) and not given:
        raise ValueError(f"{name} is an empty list; leave it out")
    for value in values:
        if value == ANY and (name == "ignore" or len(values) > 1):
            raise ValueError(f"{name}: 'any' is for object or outside, without other values")
        if isinstance(value, str) and value != ANY and not _COLOUR.fullmatch(value):
            text = "write a number, a colour as '#ff0000', several as [1, 2]" + (", or any" if name != "ignore" else "")
            raise ValueError(f"{name}: '{value:.40}' is no value of a pixel; {text}")
        if isinstance(value, int) and abs(value) > MAX_VALUE:
            raise ValueError(f"{name}: {value:.6g} has more than 32 bits")
    return values


def _coloured(given: dict[str, list[MaskValue]]) -> bool:
    kinds = {isinstance(value, str) for values in given.values() for value in values if value != ANY}
    if len(kinds) > 1:
        raise ValueError("values of masks are numbers or colours, not both")
    return True in kinds


def _numbers(values: Sequence[MaskValue]) -> tuple[int, ...]:
    """The values as numbers, without ``any``."""
    return tuple(int(v[1:], 16) if isinstance(v, str) else v for v in values if v != ANY)


def _stated(given: Sequence[MaskValue], numbers: tuple[int, ...]) -> tuple[int, ...] | None:
    return numbers if given and given != [ANY] else None


def _check_apart(numbers: dict[str, tuple[int, ...]], coloured: bool) -> None:
    """Check that no value has two meanings, and that only one option takes the rest."""
    names = list(numbers)
    for place, name in enumerate(names):
        for other in names[place + 1 :]:
            if shared := sorted({*numbers[name]} & {*numbers[other]}):
                raise ValueError(f"{level_name(shared[0], coloured)} is in {name} and in {other}; leave it in one")
