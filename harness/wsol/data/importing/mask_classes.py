"""Masks with a value for each class, and masks that number their objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from wsol.arrays import Array, BoolArray
from wsol.data.importing.box_checks import Size
from wsol.data.importing.mask_values import VOC_IGNORED
from wsol.data.masks.levels import Levels, read_levels
from wsol.errors import DataError


@dataclass
class ClassMask:
    """What a mask contains.

    Attributes:
        size: Its width and height.
        objects: Class of each object, with what reads its mask.
        ignore: Reads the pixels to ignore; None if there are none.
        unknown: Values that have no class.
    """

    size: Size
    objects: list[tuple[str, Callable[[Size], BoolArray]]] = field(default_factory=list)
    ignore: Callable[[Size], BoolArray] | None = None
    unknown: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class ClassMaskReader:
    """Reads masks with a value for each class.

    Attributes:
        classes: Value → class; empty for background.
        coloured: Whether the values are colours.
        ignored: Values of pixels to ignore.
        max_pixels: Most pixels of a file.
    """

    classes: Mapping[int, str]
    coloured: bool
    ignored: Sequence[int]
    max_pixels: int

    def read(self, path: Path, instances: Path | None) -> ClassMask:
        """Read a mask.

        Args:
            path: The file.
            instances: The file that numbers its objects; None: all pixels of a class are one object.

        Raises:
            DataError: A file cannot be read, has colours where the classes have numbers, or the sizes differ.
        """
        pixels = self._pixels(path)
        numbers = self._instances(instances) if instances else None
        if numbers is not None and numbers.shape != pixels.shape:
            raise DataError(f"{instances}: its size differs from that of {path}")
        found = ClassMask((pixels.shape[1], pixels.shape[0]))
        for value in np.unique(pixels).tolist():
            if value in self.ignored:
                found.ignore = partial(self._ignored, path)
            elif (category := self.classes.get(value, "" if value == 0 else None)) is None:
                found.unknown.append(value)
            elif category:
                for number in _numbers(pixels, numbers, value):
                    found.objects.append((category, partial(self._instance, path, value, instances, number)))
        return found

    def _pixels(self, path: Path) -> Array:
        levels = self._levels(path, colours=self.coloured)
        if levels.coloured and not self.coloured:
            raise DataError(f"{path}: a mask of colours, but its classes are given for numbers; give '#rrggbb=CLASS'")
        return levels.pixels

    def _ignored(self, path: Path, size: Size) -> BoolArray:
        return np.asarray(np.isin(self._pixels(path), self.ignored))

    def _instance(self, path: Path, value: int, instances: Path | None, number: int, size: Size) -> BoolArray:
        mask = np.asarray(self._pixels(path) == value)
        return mask if instances is None else mask & np.asarray(self._instances(instances) == number)

    def _instances(self, path: Path) -> Array:
        """The numbers of the objects, 0 outside; colours are numbers too, 255 alone is the border between objects."""
        levels = self._levels(path, colours=False)
        return levels.pixels if levels.coloured else np.where(levels.pixels == VOC_IGNORED, 0, levels.pixels)

    def _levels(self, path: Path, *, colours: bool) -> Levels:
        return read_levels(path, alpha=False, colours=colours, soft=False, max_pixels=self.max_pixels)


def _numbers(pixels: Array, numbers: Array | None, value: int) -> list[int]:
    """The numbers of the objects of a class; 0 alone where objects are not numbered."""
    if numbers is None:
        return [0]
    return [number for number in np.unique(numbers[pixels == value]).tolist() if number]
