"""Image labels from objects: every entry of the imported data has one class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from wsol.data.benchmark import Report
from wsol.data.importing.areas import covered_area
from wsol.data.importing.entry import SourceImage, SourceObject
from wsol.data.importing.notes import listed

SeveralClasses = Literal["skip", "largest", "each"]
"""What becomes of an image with objects of several classes. ``skip``: it is left out. ``largest``: it gets the class
whose objects cover most of it by their boxes, so that boxes make image labels. ``each``: one entry for each class."""
SEVERAL_CLASSES: tuple[SeveralClasses, ...] = get_args(SeveralClasses)


@dataclass(frozen=True)
class LabelledImage:
    """An entry of the imported data.

    Attributes:
        source: The image.
        category: Its class.
        objects: Its objects of that class; objects of other classes are background.
        mark: What distinguishes the entries of one image, ``#class``; empty for the only one.
    """

    source: SourceImage
    category: str
    objects: tuple[SourceObject, ...]
    mark: str = ""


def label_images(images: Sequence[SourceImage], rule: SeveralClasses, report: Report) -> list[LabelledImage]:
    """Give every image its class, or one entry for each class.

    Args:
        images: Images of a source.
        rule: What becomes of images with several classes.
        report: Receives as notes how many images are left out or have several classes, and as a problem that no image
            remains.

    Returns:
        The entries, in the order of the images, then of the names of classes.
    """
    empty = [image.name for image in images if not image.objects]
    if empty:
        text = f"images left out, because they have no object: {len(empty)} ({listed(empty)})"
        report("no object", text, note=True)
    several = [image.name for image in images if len(_classes(image)) > 1]
    entries = [entry for image in images if image.objects for entry in _entries(image, rule)]
    if several:
        report("several classes", f"{_consequence(rule)}: {len(several)} ({listed(several)})", note=True)
    if not entries:
        hint = " (choose largest or each for images with several classes)" if several else ""
        report("nothing to import", f"no image with a class remains of {len(images)}{hint}")
    return entries


def _entries(image: SourceImage, rule: SeveralClasses) -> Iterable[LabelledImage]:
    classes = _classes(image)
    if len(classes) == 1 or rule == "each":
        for name in classes:
            yield LabelledImage(image, name, _of(image, name), f"#{name}" if len(classes) > 1 else "")
    elif rule == "largest":
        name = largest_class(image)
        yield LabelledImage(image, name, _of(image, name))


def largest_class(image: SourceImage) -> str:
    """The class whose objects cover the largest area, by their boxes, or else by their masks.

    What several objects of a class cover counts once. Of areas that differ by less than a thousandth of a pixel, the
    class that is first in alphabetical order is taken.
    """
    areas = {name: round(1000 * covered_area(image, _of(image, name))) for name in _classes(image)}
    return min(areas, key=lambda name: (-areas[name], name))


def _classes(image: SourceImage) -> list[str]:
    return sorted({item.category for item in image.objects})


def _of(image: SourceImage, category: str) -> tuple[SourceObject, ...]:
    return tuple(item for item in image.objects if item.category == category)


def _consequence(rule: SeveralClasses) -> str:
    match rule:
        case "skip":
            return "images left out, because they have objects of several classes (choose largest or each to use them)"
        case "largest":
            return "images labelled with the class of the largest area (boxes were used to make image labels)"
        case "each":
            return "images with several classes, imported once for each class; objects of the others are background"
