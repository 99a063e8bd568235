"""Calls of a benchmark, which may be any plugin's: each fault is one line that names plugin, method, file and line.

What the engine itself defines, such as :class:`wsol.ImageFiles`, is not checked again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from wsol.data import contract
from wsol.data.benchmark import Annotations, Benchmark, ImageList, ImageTable, Report
from wsol.foreign_code import ContractError, Origin, contained, place_of

V = TypeVar("V")
Argument = str | bool | Sequence[str] | Report
"""What the engine calls methods of benchmarks with."""
_ENGINE = __name__.partition(".")[0]


def guarded(benchmark: Benchmark, origin: Origin) -> Benchmark:
    """Let every call of a benchmark's methods be checked, also those by its base classes.

    Args:
        benchmark: The benchmark, which is changed.
        origin: Its plugin, for errors.

    Returns:
        The same benchmark. Its methods are replaced on the instance, so that its class stays what it is.
    """
    checks = Checks(origin)
    put = _Replacing(benchmark, origin)
    put("class_names", lambda found, split: contract.checked_names(found))
    put("data_folder", lambda found, split: contract.checked_path(found))
    put("split_rule", lambda found, split: contract.checked_text(found))
    put("annotation_files", lambda found, split: contract.checked_files(found))
    put("images", checks.images)
    put("training_images", checks.images)
    put("image_table", checks.table)
    put("listing", checks.listing)
    put("annotations", checks.annotations)
    put("annotate", checks.annotate)
    put("examine_images", checks.examined_images)
    put("examine", checks.examined)
    return benchmark


@dataclass(frozen=True)
class _Replacing:
    """Replaces methods of a benchmark by guarded ones; methods that it lacks stay absent."""

    benchmark: Benchmark
    origin: Origin

    def __call__(self, name: str, check: Callable[[V, str], V]) -> None:
        # Bound to the instance: also a static method, and what a constructor put in the place of a method.
        if (method := getattr(self.benchmark, name, None)) is not None:
            vars(self.benchmark)[name] = GuardedMethod(method, name, self.origin, check)


@dataclass(frozen=True)
class GuardedMethod(Generic[V]):
    """A method of a benchmark whose errors name the plugin, and whose result is checked.

    Attributes:
        method: The method, bound to its benchmark.
        name: Its name.
        origin: The plugin.
        check: Checks a result; called with it and the split that it is of, or an empty string.
    """

    method: Callable[..., V]
    name: str
    origin: Origin
    check: Callable[[V, str], V]

    def __call__(self, *arguments: Argument, **named: Argument) -> V:
        """Call the method; arguments and result are its own."""
        split = next((value for value in (*arguments, *named.values()) if isinstance(value, str)), "")
        call = f"{self.name}({split!r})" if split else f"{self.name}()"
        with self.origin.calling(call, place_of(self.method)), contained():
            return self.check(self.method(*arguments, **named), split)


@dataclass(frozen=True)
class GuardedRead(Generic[V]):
    """Reads an image or masks with the plugin's own function, whose errors name the plugin.

    Attributes:
        read: The function of an index.
        name: What it is, for errors: ``"load"``.
        origin: The plugin.
        check: Checks what it returns.
        place: Where it is defined.
    """

    read: Callable[[int], V]
    name: str
    origin: Origin
    check: Callable[[V], V]
    place: str

    def __call__(self, index: int) -> V:
        """Read image or masks ``index``."""
        with self.origin.calling(f"{self.name}({index})", self.place), contained():
            return self.check(self.read(index))


@dataclass(frozen=True)
class Checks:
    """Checks of what methods return that know the number of images of each split.

    Attributes:
        origin: The plugin, for errors.
        counts: Number of images of the splits that were listed.
    """

    origin: Origin
    counts: dict[str, int] = field(default_factory=dict)

    def images(self, found: ImageList, split: str) -> ImageList:
        """Check images that are listed to be used."""
        return self._listed(_expected(found, ImageList), split, complete=True)

    def table(self, found: ImageTable, split: str) -> ImageTable:
        """Check ids and classes that are listed to be used."""
        checked = contract.checked_images(_expected(found, ImageTable))
        self.counts[split] = len(checked)
        return checked

    def listing(self, found: ImageTable, split: str) -> ImageTable:
        """Check what a reader of lists found, also in a check."""
        return contract.checked_images(_expected(found, ImageTable), complete=False)

    def annotations(self, found: Annotations, split: str) -> Annotations:
        """Check annotations, and guard masks that the plugin reads itself."""
        return self._masks(contract.checked_annotations(found, self.counts.get(split)))

    def annotate(self, found: Annotations, split: str) -> Annotations:
        """Check what a reader of annotations found, also in a check."""
        return contract.checked_annotations(found, None)

    def examined_images(self, found: ImageList | None, split: str) -> ImageList | None:
        """Check images that are listed in a check."""
        return None if found is None else self._listed(_expected(found, ImageList), split, complete=False)

    def examined(
        self, found: tuple[ImageList | None, Annotations | None], split: str
    ) -> tuple[ImageList | None, Annotations | None]:
        """Check images and annotations of a check; annotations of train may be sizes alone."""
        images, annotations = contract.checked_pair(found)
        images = self.examined_images(images, split)
        if annotations is None:
            return images, None
        count = None if images is None else len(images)
        return images, self._masks(contract.checked_annotations(annotations, count, sizes_only=split == "train"))

    def _listed(self, found: ImageList, split: str, *, complete: bool) -> ImageList:
        checked = contract.checked_images(found, complete=complete)
        self.counts[split] = len(checked)
        if _is_ours(checked.load):
            return checked
        load = GuardedRead(checked.load, "load", self.origin, contract.checked_image, place_of(checked.load))
        return replace(checked, load=load)

    def _masks(self, found: Annotations) -> Annotations:
        if found.masks is None or _is_ours(found.masks):
            return found
        masks = GuardedRead(found.masks, "masks", self.origin, contract.checked_masks, place_of(found.masks))
        return replace(found, masks=masks)


def _expected(found: V, kind: type[V]) -> V:
    if not isinstance(found, kind):
        raise ContractError(f"returned {contract.described(found)}; a wsol.{kind.__name__} is needed")
    return found


def _is_ours(read: Callable[[int], V]) -> bool:
    """Whether the engine defines a function or the class of an object."""
    return str(getattr(read, "__module__", "")).partition(".")[0] == _ENGINE
