"""Benchmark ``cub``: CUB-200-2011 birds, with the validation split of Choe et al."""

from __future__ import annotations

import wsol

_BIRDS = "https://www.vision.caltech.edu/datasets/cub_200_2011/"
_SPLITS = "https://github.com/clovaai/wsolevaluation"


class Cub(wsol.WsolevalBenchmark):
    """Birds of 200 kinds, one box an image: CUB-200-2011, with CUBV2 to choose on."""

    name = "cub"
    paper = "Wah et al., The Caltech-UCSD Birds-200-2011 dataset; splits: Choe et al., CVPR 2020"
    upstream = "CUB"
    metrics = ("maxboxaccv2", "maxboxacc", "top1_loc", "top1_cls")
    schedule = wsol.Schedule(epochs=50, decay_every=15, batch_size=32)
    train_images = 5994
    licence = "images: for non-commercial research and education only, each under its photographer's rights"
    citation = (
        "C. Wah, S. Branson, P. Welinder, P. Perona, S. Belongie. The Caltech-UCSD Birds-200-2011 dataset. "
        "Technical report CNS-TR-2011-001, California Institute of Technology, 2011.\n"
        "J. Choe, S. J. Oh, S. Lee, S. Chun, Z. Akata, H. Shim. Evaluating weakly supervised object localization "
        "methods right. CVPR 2020."
    )
    source = (
        f"1. Images of train and test: CUB_200_2011.tgz from {_BIRDS}; put the class folders of its 'images' "
        "(001.Black_footed_Albatross …) into ROOT/images.\n"
        f"2. Images of val: the CUBV2 archive that {_SPLITS} points to; put them into ROOT/images as well, so that the "
        "ids in its image_ids.txt are paths below ROOT/images.\n"
        f"3. Text files: the folder metadata/CUB of {_SPLITS}, as ROOT/metadata/CUB or ROOT/metadata, with a folder "
        "each for train, val and test.\n"
        "Then: wsol data check cub --root ROOT"
    )

    def class_name(self, folder: str) -> str:
        """``001.Black_footed_Albatross`` → ``Black footed Albatross``."""
        return folder.rpartition("/")[2].partition(".")[2].replace("_", " ") or folder


@wsol.hookimpl
def wsol_benchmarks() -> list[type[wsol.Benchmark]]:
    """One benchmark."""
    return [Cub]
