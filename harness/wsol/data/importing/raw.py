"""Images and objects as a file of annotations states them, before their images are opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from wsol.arrays import BoolArray
from wsol.data.benchmark import Report
from wsol.data.importing.box_checks import Size
from wsol.data.importing.entry import Edges
from wsol.data.importing.form_checks import GivenBox
from wsol.split_names import Split


@dataclass(frozen=True)
class RawObject:
    """An object as a file states it.

    Attributes:
        category: Name of its class.
        where: Its place, ``FILE:LINE``.
        box: Computes its edges from the image's size; None where the source has no box.
        mask: Reads its mask, given the image's size; None where the source has none.
        given: The box as the file states it.
    """

    category: str
    where: str
    box: Callable[[Size], Edges] | None = None
    mask: Callable[[Size], BoolArray] | None = None
    given: GivenBox | None = None


@dataclass
class RawImage:
    """An image as a file states it.

    Attributes:
        name: The image, as :class:`ImageIndex` names it.
        where: Place of its annotations.
        objects: Its objects.
        stated: Width and height that the annotations state; None where they state none.
        exact: Whether that must be the file's size, whatever the options say: masks are of this size.
        split: The split that the source assigns it to.
        ignore: Reads the pixels to ignore, given the image's size.
    """

    name: str
    where: str
    objects: list[RawObject] = field(default_factory=list)
    stated: Size | None = None
    split: Split | None = None
    ignore: Callable[[Size], BoolArray] | None = None
    exact: bool = False


def merged(raws: Sequence[RawImage], report: Report) -> list[RawImage]:
    """One item for each image; an image that is annotated in two places is a problem."""
    found: dict[str, RawImage] = {}
    for raw in raws:
        first = found.setdefault(raw.name, raw)
        if first is not raw:
            report(
                "annotated twice",
                f"{raw.where}: '{raw.name}' is annotated in {first.where} already; remove one, or name one as SOURCE",
            )
    return list(found.values())
