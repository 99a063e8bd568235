"""Names of test data in ledgers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wsol.recipes import ComponentRef, content_hash
from wsol.registry import Plugins
from wsol.study.identity import annotation_hash

if TYPE_CHECKING:
    from wsol.data.benchmark import Benchmark


def hash_test_data(benchmark: Benchmark) -> str:
    """Name the test data of a benchmark in ledgers; no annotation is parsed.

    Args:
        benchmark: The benchmark.

    Returns:
        Hash of the ids and labels of the test images, of a generator's fingerprint, and of the bytes of the annotation
        files. The image files are no part of it: the name is the same without them.

    Raises:
        DataError: The list of images is missing or broken, or a file cannot be read.
    """
    table = benchmark.image_table("test")
    content = [table.fingerprint, list(table.ids), table.labels.tolist(), annotation_hash(benchmark)]
    return content_hash([benchmark.name, *content])


@dataclass
class TestDataNames:
    """Names of the test data of benchmarks; each benchmark is asked once.

    Attributes:
        plugins: The loaded plugins.
    """

    __test__ = False  # pytest would collect a class of this name

    plugins: Plugins
    _known: dict[str, str] = field(default_factory=dict)

    def of(self, ref: ComponentRef) -> str:
        """Name the test data of a benchmark.

        Args:
            ref: The benchmark.

        Raises:
            DataError: See :func:`hash_test_data`.
        """
        key = ref.model_dump_json()
        if key not in self._known:
            self._known[key] = hash_test_data(self.plugins.create("benchmarks", ref.name, ref.options))
        return self._known[key]
