"""A benchmark from a folder of the user's images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import wsol
from wsol_folder.boxes import read_boxes
from wsol_folder.entries import folder_entries
from wsol_folder.images import Found, class_names, find_images
from wsol_folder.masks import compare_sizes, list_masks, mask_paths


class FolderOptions(wsol.MaskOptions):
    """Options of ``folder``."""

    label: str | None = wsol.option(None, "name of these data in results, which are not compared between folders")
    resize: int = wsol.option(256, "side in pixels that training images are resized to", ge=1)
    crop: int = wsol.option(224, "side in pixels of a network input, at most resize", ge=1)
    exclusive: bool = wsol.option(False, "x1, y1 of boxes are the first pixel after the box, not its last one")


class Folder(wsol.Benchmark):
    """Your own images: ROOT/train, val and test with a folder for each class; boxes in val.csv and test.csv, or masks.

    The metrics follow from the annotations of val: boxes, masks, or both (then selection uses boxes). Classes are the
    names of train's folders, sorted.
    """

    name = "folder"
    Options = FolderOptions
    options: FolderOptions
    metrics: tuple[str, ...] = ("maxboxaccv2", "maxboxacc", "pxap", "top1_loc", "top1_cls")
    schedule = wsol.Schedule(epochs=50, decay_every=15, batch_size=32)
    reads_imports = True
    study_template = Path(__file__).with_name("study.yaml").read_text(encoding="utf-8")
    licence = "your own"
    source = (
        "ROOT/train/CLASS/….jpg, ROOT/val/CLASS/….jpg, ROOT/test/CLASS/….jpg: your images in any format that "
        "Pillow reads, each directly in the folder of its class. Other files are left out with a note, hidden ones "
        "silently.\n"
        "Boxes: ROOT/val.csv and ROOT/test.csv, with '# wsol boxes: unit=pixels' as first line, the header "
        "image_id,x0,y0,x1,y1 as second, and then one line a box. An image is a path below ROOT/val or ROOT/test, "
        "such as cat/1.jpg; a box is in whole pixels of the stored image, its last column and row included; several "
        "lines are several boxes.\n"
        "Masks, instead or as well: ROOT/val_masks/cat/1.png for ROOT/val/cat/1.jpg, of the same size; 0 is "
        "the background and one other value the object, or state the values: object, ignore, outside, threshold, "
        "alpha.\n"
        "Train has no annotations. Then: wsol data check folder --root ROOT"
    )

    def __init__(self, options: wsol.Options | None = None) -> None:
        super().__init__(options)
        self.resize, self.crop = self.options.resize, self.options.crop
        if self.crop > self.resize:
            raise wsol.UsageError(f"benchmark 'folder': crop {self.crop} is larger than resize {self.resize}")
        found = self._kinds("val") or self._kinds("test")
        if "boxes" not in found and "masks" in found:
            self.metrics = ("pxap", "top1_cls")
        elif "masks" not in found and "boxes" in found:
            self.metrics = ("maxboxaccv2", "maxboxacc", "top1_loc", "top1_cls")

    def class_names(self) -> list[str]:
        """Names of train's folders, sorted."""
        return class_names(self.data_folder() / "train")

    def images(self, split: wsol.Split) -> wsol.ImageList:
        """Images of the class folders; an id is ``<split>/<class>/<file>``."""
        found = self._found(split, wsol.raise_data_error)
        return wsol.image_list(
            f"folder-{split}", self._ids(split, found), _labels(found), self._paths(split, found), self.decoding
        )

    def image_table(self, split: wsol.Split) -> wsol.ImageTable:
        """See :meth:`wsol.Benchmark.image_table`: the class folders are listed, and no image is opened."""
        found = self._found(split, wsol.raise_data_error)
        return wsol.ImageTable(self._ids(split, found), _labels(found))

    def annotations(self, split: wsol.Split) -> wsol.Annotations:
        """See :meth:`wsol.Benchmark.annotations`: boxes, masks or both."""
        if split == "train":
            raise wsol.UsageError("folder: train has image labels only; boxes and masks are of val and test")
        return self._annotations(split, self._found(split, wsol.raise_data_error), wsol.raise_data_error)

    def split_rule(self) -> str:
        """See :meth:`wsol.Benchmark.split_rule`: that of ``wsol data import``, from its manifest."""
        manifest = self.manifest()
        return "" if manifest is None else manifest.split_rule

    def manifest(self) -> wsol.ImportManifest | None:
        """The manifest of ``wsol data import``; None for another folder, and where no folder is given."""
        try:
            root = self.data_folder()
        except wsol.DataError:
            return None
        return wsol.read_import_manifest(root)

    @property
    def decoding(self) -> wsol.Decoding:
        """How image files are decoded: as the options state; what they do not state, as an import's manifest."""
        manifest = self.manifest()
        return self.options.decoding() if manifest is None else self.options.decoding(manifest.decoding.decoding())

    def mask_rule(self) -> wsol.MaskRule:
        """What the values of masks mean: as the options state; where they state nothing, as an import's manifest."""
        rule, manifest = self.options.mask_rule(), self.manifest()
        if rule != wsol.MaskRule() or manifest is None or manifest.masks is None:
            return rule
        return wsol.MaskRule(object=manifest.masks.object, ignore=manifest.masks.ignore)

    def annotation_files(self, split: wsol.EvalSplit) -> list[Path]:
        """See :meth:`wsol.Benchmark.annotation_files`: the file of boxes, the masks, and the manifest of an import."""
        root, kinds = self.data_folder(), self._kinds(split)
        boxes = [root / f"{split}.csv"] if "boxes" in kinds else []
        # The manifest says what the values of masks mean.
        manifest = [path for path in [root / wsol.ImportManifest.file_name] if path.is_file()]
        masks = root / f"{split}_masks"
        names = list_masks(masks, wsol.ignore_problem) if "masks" in kinds else []
        return [*boxes, *manifest, *(masks / name for name in names)]

    def examine(self, split: wsol.Split, report: wsol.Report) -> tuple[wsol.ImageList, wsol.Annotations | None]:
        """See :meth:`wsol.Benchmark.examine`."""
        images = self.examine_images(split, report)
        if split == "train":
            return images, None
        found = self._found(split, wsol.ignore_problem)
        try:
            return images, self._annotations(split, found, wsol.without_kind(report, "unreadable image"))  # by decoding
        except wsol.DataError as error:
            report("cannot be read", str(error))
            return images, None

    def examine_images(self, split: wsol.Split, report: wsol.Report) -> wsol.ImageList:
        """See :meth:`wsol.Benchmark.examine_images`."""
        found = self._found(split, wsol.without_kind(report, "empty class"))  # reported by its label
        decoding, paths = self.options.decoding(), self._paths(split, found)
        try:
            decoding = self.decoding
        except wsol.DataError as error:  # the manifest
            report("cannot be read", str(error))
        return wsol.ImageList(
            self._ids(split, found), _labels(found), wsol.ImageFiles(paths, decoding), "", paths=paths
        )

    def _found(self, split: wsol.Split, report: wsol.Report) -> Found:
        return find_images(self.data_folder() / split, self._classes(split, report), report)

    def _classes(self, split: wsol.Split, report: wsol.Report) -> list[str] | None:
        """The classes; None where val or test can be listed without them, and train has been reported."""
        try:
            return self.class_names()
        except wsol.DataError as error:
            if split == "train":
                raise
            report("cannot be read", str(error))
            return None

    def _paths(self, split: wsol.Split, found: Found) -> list[str]:
        return [str(self.data_folder() / split / name) for name in found.names]

    def _ids(self, split: wsol.Split, found: Found) -> list[str]:
        return [f"{split}/{name}" for name in found.names]

    def _kinds(self, split: str) -> set[str]:
        """The annotations that a split has: "boxes", "masks", both or neither."""
        try:
            root = self.data_folder()
        except wsol.DataError:
            return set()
        found = {"boxes": (root / f"{split}.csv").is_file(), "masks": (root / f"{split}_masks").is_dir()}
        return {kind for kind, there in found.items() if there}

    def _annotations(self, split: wsol.Split, found: Found, report: wsol.Report) -> wsol.Annotations:
        kinds, root = self._kinds(split), self.data_folder()
        self._check_kinds(root)
        sizes = wsol.ImageFiles(self._paths(split, found), self.decoding).sizes(report)
        boxes = None
        if "boxes" in kinds:
            boxes = read_boxes(root / f"{split}.csv", found, sizes, report, exclusive=self.options.exclusive)
        if "masks" not in kinds:
            return wsol.Annotations(sizes, boxes)
        paths = mask_paths(root / f"{split}_masks", found, report)
        sizes = compare_sizes(paths, found.names, sizes, self.decoding, report)
        masks = wsol.LabelMasks(paths, self.mask_rule(), max_pixels=self.decoding.max_pixels)
        return wsol.Annotations(sizes, boxes, masks)

    def _check_kinds(self, root: Path) -> None:
        """Check that val and test have the same kinds of annotations: selection and scores must use the same kind."""
        there: list[wsol.Split] = [split for split in ("val", "test") if (root / split).is_dir()]
        for split in there:
            if not self._kinds(split):
                hint = _similar(root, f"{split}.csv") or _similar(root, f"{split}_masks")
                raise wsol.DataError(f"{root}: neither {split}.csv (boxes) nor {split}_masks (masks) is there{hint}")
            if self._kinds(split) != self._kinds(there[0]):
                kinds = " and ".join(sorted(self._kinds(there[0]) ^ self._kinds(split)))
                raise wsol.DataError(f"{root}: one of val and test has {kinds}, the other has none; both need the same")


def _labels(found: Found) -> np.ndarray:
    return np.array(found.labels, dtype=np.int64)


def _similar(root: Path, name: str) -> str:
    """A hint for annotations that are not there: something with nearly their name that is."""
    there = [entry for entry in folder_entries(root) if wsol.comparable_name(entry.name) == name]
    if not there:
        return ""
    if there[0].name == name:
        return f"; '{name}' is {there[0].problem or ('not a file' if there[0].is_folder else 'not a folder')}"
    return f"; is it '{wsol.shown(there[0].name)}'? Then rename it"
