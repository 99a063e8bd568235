"""Masks of a benchmark that are images of labels, one for each image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wsol.arrays import BoolArray
from wsol.data.benchmark import Masks
from wsol.data.decoding.settings import MAX_PIXELS
from wsol.data.masks.advice import (
    TRIMAP,
    advise,
    advise_rest,
    advise_stating,
    looks_soft,
    name_values,
    with_other_commands,
    write,
)
from wsol.data.masks.levels import Levels, UnsuitableMaskError, level_name, masked, read_levels
from wsol.data.masks.rule import MaskRule
from wsol.errors import DataError

_MEANINGS = {"object": "the object", "outside": "the background"}


class UnclearMaskError(DataError):
    """A mask with values that nothing says the meaning of.

    Args:
        message: What is wrong, where, and what to do.
        values: The values of the mask, see :class:`ReadMask`.
    """

    def __init__(self, message: str, values: tuple[tuple[int, bool], ...]) -> None:
        super().__init__(message)
        self.values = values


@dataclass(frozen=True)
class ReadMask:
    """A mask as it was read.

    Attributes:
        foreground: The object, bool [H, W].
        ignore: The pixels to ignore, bool [H, W] or None.
        values: The values of the file, each with whether it is a colour; empty where a threshold is compared.
        follows: The value whose meaning is not stated but follows, see :class:`wsol.MaskRule`; None if there is none.
    """

    foreground: BoolArray
    ignore: BoolArray | None
    values: tuple[tuple[int, bool], ...] = ()
    follows: tuple[int, bool] | None = None


class LabelMasks:
    """Reads masks from image files whose pixel values say what is the object.

    Called with the index of an image, as :attr:`wsol.Annotations.masks`. Where the meaning of a value follows without
    being stated, it must be the same value in all masks that the object reads.

    Args:
        paths: The mask of each image.
        rule: What the values mean.
        max_pixels: Files with more pixels are an error.

    Example:
        >>> LabelMasks(["/data/cat/1.png"], MaskRule(object=(1,), ignore=(3,))).paths
        ['/data/cat/1.png']
    """

    def __init__(self, paths: Sequence[str], rule: MaskRule | None = None, *, max_pixels: int = MAX_PIXELS) -> None:
        self.paths = paths
        self.max_pixels = max_pixels
        self.rule = rule or MaskRule()
        self._followed: dict[str, tuple[tuple[int, bool], int]] = {}

    def __call__(self, index: int) -> Masks:
        """Read the mask of image ``index``.

        Returns:
            The foreground and the pixels to ignore, bool [H, W] or None.

        Raises:
            DataError: The file is missing or broken, of a kind that does not say what is the object, or the meaning of
                a value is not clear.
        """
        try:
            mask = self.read(index)
        except UnclearMaskError as error:
            raise UnclearMaskError(with_other_commands(str(error)), error.values) from None
        except UnsuitableMaskError as error:
            raise DataError(with_other_commands(str(error))) from None
        if mask.follows is not None:
            known, first = self._followed.setdefault("value", (mask.follows, index))
            if known != mask.follows:
                here, there = level_name(*mask.follows), level_name(*known)
                advice = with_other_commands(advise_stating(self.rule.follows, [known, mask.follows]))
                raise DataError(
                    f"{self.paths[index]}: {_MEANINGS[self.rule.follows]} is {here} here, and {there} in "
                    f"{self.paths[first]}; {advice}"
                )
        return mask.foreground, mask.ignore

    def read(self, index: int) -> ReadMask:
        """Read the mask of image ``index`` without comparing it with others.

        Raises:
            UnclearMaskError: The meaning of a value is not clear.
            UnsuitableMaskError: The file is of a kind that does not say what is the object.
            DataError: The file is missing or broken.
        """
        path, rule = Path(self.paths[index]), self.rule
        soft = rule.threshold is not None
        levels = read_levels(path, alpha=rule.alpha, colours=rule.coloured, soft=soft, max_pixels=self.max_pixels)
        self._check_kind(path, levels)
        ignore = masked(levels, rule.ignore) if rule.ignore else None
        if rule.threshold is not None:
            foreground = np.asarray(levels.pixels > rule.threshold)
            return ReadMask(foreground if ignore is None else foreground & ~ignore, ignore)
        present = levels.present()
        values = tuple((value, levels.coloured) for value in present)
        left = rule.open_values(present)
        if rule.unclear(left):
            raise UnclearMaskError(
                f"{path}: the mask has the values {name_values(present, levels.coloured)}, and not every one is stated "
                f"to be object or background; {self.advise(present, levels.coloured, len(present))}",
                values,
            )
        follows = (left[0], levels.coloured) if left and rule.rest is None else None
        return ReadMask(masked(levels, rule.objects(left)), ignore, values, follows)

    def advise(self, present: Sequence[int], coloured: bool, levels: int) -> str:
        """Say which options state what values mean.

        Args:
            present: All values of one mask, or of several, sorted.
            coloured: Whether they are colours.
            levels: Most values in one mask.

        Returns:
            The end of an error message.
        """
        objects, left = self.rule.object or (), self.rule.open_values(present)
        trimap = tuple(present) == TRIMAP and objects == TRIMAP[:1]
        if trimap or not any(value in objects for value in present) or looks_soft(left, coloured, levels):
            return advise(present, coloured, levels)
        return advise_rest(left, coloured)

    def _check_kind(self, path: Path, levels: Levels) -> None:
        """Check that the values are of the kind that the rule states."""
        rule = self.rule
        numbers = bool(rule.object or rule.outside or rule.ignore) and not rule.coloured
        if levels.coloured and numbers:
            raise UnsuitableMaskError(path, "a mask of colours, but values are stated as numbers; state '#rrggbb'")
        if rule.threshold is None and not levels.whole:
            half = 0.5 if levels.pixels.max() <= 1 else 127
            text = f"it has values between whole numbers; {write('state a threshold', threshold=half)}"
            raise UnsuitableMaskError(path, text)
        if rule.threshold is not None and 0 < rule.threshold < levels.pixels.max() / 100:
            scales = {"u1": "127", "u2": "32767"}
            usual = scales.get(levels.pixels.dtype.str[1:], "half of the largest value")
            text = f"a threshold is in the file's own scale, such as {usual}; 0 takes every value above 0"
            raise UnsuitableMaskError(path, f"the threshold {rule.threshold:g} is below 1 % of the values; {text}")
        self._check_palette(path, levels)

    def _check_palette(self, path: Path, levels: Levels) -> None:
        """Check that index 0 is black where no value is stated: some programs sort colours as they like."""
        rule, palette = self.rule, levels.palette
        if palette is None or not len(palette) or rule.object or rule.outside or rule.rest or not palette[0].any():
            return
        colour = "#{:02x}{:02x}{:02x}".format(*palette[0])
        other = next((value for value in levels.present() if value), 1)
        either = f"{write('state the index of the object', object=0)} or {write('', object=other)}"
        raise UnsuitableMaskError(path, f"index 0 of its palette is {colour}, not black; {either}")
