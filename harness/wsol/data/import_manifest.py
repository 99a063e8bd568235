"""The manifest of an imported data set: how its files and its split were made from an annotated source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

from pydantic import Field, ValidationError

from wsol.data.decoding.options import DecodingOptions
from wsol.errors import DataError
from wsol.files import read_text
from wsol.options import describe_validation
from wsol.recipes import Model


class MaskValues(Model):
    """What the pixel values of an imported data set's masks mean; all other values are background.

    Attributes:
        object: Values of the object.
        ignore: Values of pixels that are left out of the score.
    """

    object: tuple[int, ...] = (255,)
    ignore: tuple[int, ...] = (127,)


class ImportManifest(Model):
    """How an imported data set was made. Equal sources and options give equal manifests on every machine.

    Attributes:
        file_name: Name of the file in the folder of the data set.
        wsol_import: Version of the manifest's form.
        format: Format of the source: ``"voc"``.
        conventions: How the source's coordinates were read, in words.
        options: The options that decided the content, as given on the command line.
        classes: Class of the source → class of the data set, for every class that was imported.
        source: Hash of the source: names and sizes of its images, their classes, boxes, and which have masks; 16
            hexadecimal digits.
        split_rule: How images were assigned to train, val and test, for example ``"seed 0, 60/20/20, class-balanced,
            near-copies together, rule 1, source 1a2b3c4d"``; empty where the source assigns them.
        masks: What the values of masks mean; None without masks.
        decoding: How image files are decoded.
        images: Split → class → number of images.
        skipped: Reason → names of the images of the source that were left out; control characters are escaped.
    """

    file_name: ClassVar[str] = "import.json"

    wsol_import: int = Field(1, ge=1, le=1)
    format: str
    conventions: str
    options: dict[str, str]
    classes: dict[str, str]
    source: str
    split_rule: str
    masks: MaskValues | None
    decoding: DecodingOptions = DecodingOptions()
    images: dict[str, dict[str, int]]
    skipped: dict[str, tuple[str, ...]]

    def to_text(self) -> str:
        """The content of the file."""
        return json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"


def read_import_manifest(root: Path) -> ImportManifest | None:
    """Read the manifest of an imported data set.

    Args:
        root: Folder of the data set.

    Returns:
        The manifest; None for a folder that ``wsol data import`` did not write.

    Raises:
        DataError: It cannot be read, or was changed to something that is no manifest.

    Example:
        >>> read_import_manifest(Path("/nowhere")) is None
        True
    """
    path = root / ImportManifest.file_name
    if not path.exists():
        return None
    text = read_text(path)
    try:
        return ImportManifest.model_validate_json(text)
    except ValidationError as error:
        line = describe_validation(error, f"{path}: not a manifest of 'wsol data import'").splitlines()[0]
        raise DataError(line) from None
