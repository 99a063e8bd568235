"""What to get for ``ilsvrc``, from where, and what to cite."""

from __future__ import annotations

import wsol

SPLITS = "https://github.com/clovaai/wsolevaluation"
V2_FOLDERS = ("val2", "imagenetv2-threshold0.7-format-val", "imagenetv2-threshold0.7")
"""Names of the folder of val's images: in the ids, and in the archive, now and when the ids were made."""
LICENCE = (
    "images: ImageNet's terms of access, for non-commercial research and education only; ImageNetV2: see its "
    "repository; boxes of ImageNetV2: CC BY 2.0, NAVER Corp."
)
CITATION = (
    "O. Russakovsky, J. Deng, H. Su, J. Krause, S. Satheesh, S. Ma, Z. Huang, A. Karpathy, A. Khosla, M. Bernstein, "
    "A. C. Berg, L. Fei-Fei. ImageNet large scale visual recognition challenge. IJCV 2015.\n"
    "B. Recht, R. Roelofs, L. Schmidt, V. Shankar. Do ImageNet classifiers generalize to ImageNet? ICML 2019.\n"
    "J. Choe, S. J. Oh, S. Lee, S. Chun, Z. Akata, H. Shim. Evaluating weakly supervised object localization "
    "methods right. CVPR 2020."
)
ARCHIVES = (
    wsol.Archive(
        name="ILSVRC2012_img_train.tar",
        url="https://www.image-net.org/challenges/LSVRC/2012/",
        gives="train/n01440764/n01440764_10026.JPEG",
        into="train",
        size=147897477120,
        md5="1d675b47d978889d74fa0da5fadfb00e",
        note="images of train, for registered users; an archive of 1000 archives, each with a folder of its name",
    ),
    wsol.Archive(
        name="ILSVRC2012_img_val.tar",
        url="https://www.image-net.org/challenges/LSVRC/2012/",
        gives="val/ILSVRC2012_val_00000001.JPEG",
        into="val",
        size=6744924160,
        md5="29b22e2961454d5413ddabcf34fc5622",
        note="images of test; for registered users",
    ),
    wsol.Archive(
        name="imagenetv2-threshold0.7.tar.gz",
        url="https://huggingface.co/datasets/vaishaal/ImageNetV2/resolve/main/imagenetv2-threshold0.7.tar.gz",
        gives=V2_FOLDERS[1],
        note="images of val, 1.2 GB",
    ),
    wsol.Archive(
        name="wsolevaluation-master.zip",
        url=f"{SPLITS}/archive/refs/heads/master.zip",
        gives="wsolevaluation-master/metadata/ILSVRC/test/image_ids.txt",
        note="text files of all splits",
    ),
)
SOURCE = (
    "1. Images of train and test: ILSVRC2012_img_train.tar (148 GB) and ILSVRC2012_img_val.tar (6.7 GB) from "
    "https://www.image-net.org after registration. ROOT/train/n01440764/….JPEG …, each of the 1000 inner archives in a "
    "folder of its name; ROOT/val/ILSVRC2012_val_00000001.JPEG …, flat or sorted into class folders. Kaggle's "
    "ILSVRC/Data/CLS-LOC in ROOT works too.\n"
    "2. Images of val: ImageNetV2, threshold 0.7, imagenetv2-threshold0.7.tar.gz (1.2 GB) from "
    "https://github.com/modestyachts/ImageNetV2, unpacked in ROOT.\n"
    f"3. Text files: the folder metadata/ILSVRC of {SPLITS}, as ROOT/metadata/ILSVRC or ROOT/metadata, with a folder "
    "each for train, val and test; its archive unpacked in ROOT works too. ImageNetV2's files were renamed in "
    "2020: old text files work with new images, and the reverse, if val/mapping.txt exists.\n"
    "Then: wsol data check ilsvrc --root ROOT"
)
