"""COCO: JSON files with lists of images, categories and annotations.

A box is x, y, width, height; its numbers are positions of edges, with fractions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import unquote

import numpy as np
from pydantic import JsonValue

from wsol.arrays import BoolArray
from wsol.data.benchmark import Report
from wsol.data.importing.box_checks import Size
from wsol.data.importing.coco_masks import MaskReader, read_segmentation
from wsol.data.importing.entry import Edges
from wsol.data.importing.form_checks import GivenBox
from wsol.data.importing.json_fields import JsonObject, key, number, numbers, objects, text, whole
from wsol.data.importing.raw import RawImage, RawObject
from wsol.data.importing.source import SourceReader
from wsol.data.importing.walk import files_below
from wsol.errors import DataError
from wsol.files import read_json

CHUNK = 2**20
"""Bytes that are searched for keys at a time, because files can be large."""
SNIFFED = 50
"""Most files that are searched for the format."""
COMPANIONS = re.compile(r"(?:person_keypoints|stuff|panoptic|captions|image_info)_", re.IGNORECASE)
"""Names of the files that COCO has beside ``instances_…json``, for the same images."""
LISTS = ("images", "annotations", "categories")
"""Lists of a COCO file."""


class CocoReader(SourceReader):
    """COCO JSON."""

    name = "coco"
    summary = "COCO JSON; boxes are x, y, width, height in pixels with fractions, masks are polygons or run lengths"

    @classmethod
    def recognise(cls, source: Path) -> str:
        """See :meth:`SourceReader.recognise`: the first JSON file with the keys of a COCO file."""
        return next((str(path) for path in _json_files(source)[:SNIFFED] if len(_keys(path)) >= 2), "")

    def raw_images(self, report: Report) -> list[RawImage]:
        """See :meth:`SourceReader.raw_images`."""
        return [image for path in self._files() for image in self._file(path, report)]

    def _files(self) -> list[Path]:
        """All JSON files; beside COCO's instances not those of the same images' key points, captions or stuff."""
        files = _json_files(self.source)
        folders = {path.parent for path in files if path.name.lower().startswith("instances_")}
        others = [path for path in files if path.parent in folders and COMPANIONS.match(path.name)]
        for path in others:
            self.notes.add("other file", "JSON files left out beside COCO's instances", str(path))
        return [path for path in files if path not in others]

    def _file(self, path: Path, report: Report) -> Iterable[RawImage]:
        if "images" not in _keys(path) and path != self.source:
            self.notes.add("other file", "JSON files left out, which have no list of images", str(path))
            return []
        try:
            content = read_json(path, "a COCO file")
        except DataError as error:
            report("unreadable annotation", str(error))
            return []
        missing = [name for name in LISTS if not isinstance(content, dict) or name not in content]
        if missing and path != self.source:
            self.notes.add("other file", f"JSON files left out, which lack the list '{missing[0]}'", str(path))
            return []
        lists = [objects(content.get(name)) for name in LISTS] if isinstance(content, dict) else [None, None, None]
        images, annotations, categories = lists
        if images is None or annotations is None or categories is None:
            report("unreadable annotation", f"{path}: {', '.join(LISTS)} should be lists of objects")
            return []
        found = self._images(path, images, report)
        names = {k: name for item in categories if (k := key(item.get("id"))) and (name := text(item, "name"))}
        self._annotate(path, annotations, found, names, report)
        return [image for image in found.values() if image.name]

    def _images(self, path: Path, items: Sequence[JsonObject], report: Report) -> dict[str, RawImage]:
        """Id → image; an image that has no file has no name, and was reported."""
        found: dict[str, RawImage] = {}
        for place, item in enumerate(items):
            where, image_id = f"{path}: images[{place}]", key(item.get("id"))
            if image_id is None:
                report("bad image", f"{where} has no id")
            elif image_id in found:
                report("bad image", f"{where}: the id {image_id:.40} is that of another image too")
            else:
                found[image_id] = self._image(path, where, item, report)
        return found

    def _image(self, path: Path, where: str, item: JsonObject, report: Report) -> RawImage:
        named = text(item, "file_name", "filename", "path", "coco_url")
        references = [self.named_in(path, name) for name in dict.fromkeys((named, unquote(named))) if name]
        name = self.find_image(references, f"{where} ('{named}')", report)
        return RawImage(
            name,
            where,
            stated=(whole(item.get("width")), whole(item.get("height"))),
            split=self.split_in(path),
        )

    def _annotate(
        self,
        path: Path,
        items: Sequence[JsonObject],
        images: Mapping[str, RawImage],
        names: Mapping[str, str],
        report: Report,
    ) -> None:
        ignored: dict[str, list[MaskReader]] = {}
        for place, item in enumerate(items):
            where = f"{path}: annotations[{place}]" + (f" (id {found:.40})" if (found := key(item.get("id"))) else "")
            image = images.get(key(item.get("image_id")) or "")
            category = names.get(key(item.get("category_id")) or "")
            if image is None:
                report("unknown id", f"{where}: there is no image with the id {item.get('image_id')!r:.40}")
            elif number(item.get("iscrowd")) or number(item.get("ignore")):
                self.notes.add(
                    "ignored region",
                    "crowds (iscrowd, ignore): no objects, but pixels that masks leave out of scores",
                    where,
                )
                region = self._region(where, item, report)
                if region:
                    ignored.setdefault(image.name, []).append(region)
                    image.ignore = partial(_union, ignored[image.name])
            elif category is None:
                report("unknown class", f"{where}: there is no category with the id {item.get('category_id')!r:.40}")
            elif (made := self._made(where, category, item, report)) is not None:
                image.objects.append(made)

    def _made(self, where: str, category: str, item: JsonObject, report: Report) -> RawObject | None:
        segmentation, given = item.get("segmentation"), item.get("bbox")
        if not segmentation and not given:
            self.reject("bad box", where, "has neither bbox nor segmentation", report)
            return None
        mask, edges, problem = read_segmentation(segmentation, where) if segmentation else (None, None, "")
        if problem:
            self.reject("bad mask", where, f"the segmentation {problem}", report)
            return None
        shown = numbers(given) if given else None
        if given:
            edges = _box_edges(given)
        if edges is None:
            self.reject("bad box", where, f"bbox {given!r:.80} should be four numbers: x, y, width, height", report)
            return None
        box = GivenBox((shown[0], shown[1], shown[2], shown[3]), "size") if shown else None
        return RawObject(category, where, partial(_fixed, edges), mask, box)

    def _region(self, where: str, item: JsonObject, report: Report) -> MaskReader | None:
        if segmentation := item.get("segmentation"):
            mask, _, problem = read_segmentation(segmentation, where)
            if problem:
                report("bad mask", f"{where}: the segmentation {problem}")
            return None if problem else mask
        edges = _box_edges(item.get("bbox"))
        if edges is None:
            report("bad box", f"{where}: has neither bbox nor segmentation")
            return None
        return partial(_box_mask, edges)


def _box_edges(given: JsonValue) -> Edges | None:
    values = numbers(given)
    if values is None or len(values) != 4:
        return None
    x, y, width, height = values
    return x, y, x + width, y + height


def _fixed(edges: Edges, size: Size) -> Edges:
    return edges


def _box_mask(edges: Edges, size: Size) -> BoolArray:
    """All pixels that a box meets."""
    mask = np.zeros((size[1], size[0]), dtype=bool)
    x0, y0, x1, y1 = edges
    mask[max(int(y0), 0) : max(int(np.ceil(y1)), 0), max(int(x0), 0) : max(int(np.ceil(x1)), 0)] = True
    return mask


def _union(readers: Sequence[Callable[[Size], BoolArray]], size: Size) -> BoolArray:
    mask = np.zeros((size[1], size[0]), dtype=bool)
    for read in readers:
        mask |= read(size)
    return mask


def _json_files(source: Path) -> list[Path]:
    return [source] if source.is_file() else files_below(source, ".json")


def _keys(path: Path) -> set[str]:
    """Which of the names of COCO's lists are in a file, whether it is complete or not."""
    found: set[str] = set()
    rest = b""
    try:
        with path.open("rb") as file:
            while len(found) < len(LISTS) and (chunk := file.read(CHUNK)):
                content = rest + chunk
                found |= {name for name in LISTS if f'"{name}"'.encode() in content}
                rest = chunk[-20:]
    except OSError:
        return set()
    return found
