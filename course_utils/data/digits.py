"""Readers of the digit sets: each takes the folder of the published files and returns what they hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from course_utils.data import formats
from course_utils.data.embedded import DIGITS
from course_utils.data.images import ImageFiles
from course_utils.data.listing import Listing, find_root

CORRUPTIONS = (
    *("brightness", "canny_edges", "dotted_line", "fog", "glass_blur", "impulse_noise", "motion_blur", "rotate"),
    *("scale", "shear", "shot_noise", "spatter", "stripe", "translate", "zigzag"),
)


def mnist(folder: Path) -> Listing:
    """MNIST's four idx files, `(70000, 1, 28, 28)`; image i of a part is the original `mnist:<part>:i`."""
    parts, groups = {}, {}
    for split, stem in {"train": "train", "test": "t10k"}.items():
        path = formats.file_below(folder, f"{stem}-images-idx3-ubyte.gz")
        labels = formats.idx(formats.file_below(folder, f"{stem}-labels-idx1-ubyte.gz"))
        parts[split] = formats.pixels(path, formats.idx(path)), labels
        groups[split] = formats.numbered(f"mnist:{split}", len(labels))
    return formats.listing_of_parts(parts, DIGITS, groups)


def usps(folder: Path) -> Listing:
    """USPS as libsvm text, `(9298, 1, 16, 16)`: -1..1 becomes 0..255, labels 1..10 become the digits 0..9."""
    parts = {}
    for split, name in {"train": "usps.bz2", "test": "usps.t.bz2"}.items():
        values, labels = formats.libsvm(formats.file_below(folder, name), features=256)
        # Truncated and not rounded, as torchvision does it, so that the arrays are the same.
        parts[split] = ((values + 1) / 2 * 255).astype(np.uint8).reshape(-1, 1, 16, 16), labels - 1
    return formats.listing_of_parts(parts, DIGITS)


def svhn(folder: Path) -> Listing:
    """SVHN's cropped digits, `(99289, 3, 32, 32)`: train and test without `extra`. Label 10 is the digit 0."""
    parts = {split: formats.mat(formats.file_below(folder, f"{split}_32x32.mat")) for split in ("train", "test")}
    return formats.listing_of_parts({split: (images, labels % 10) for split, (images, labels) in parts.items()}, DIGITS)


def syn_digits(folder: Path) -> Listing:
    """SYN numbers of Ganin and Lempitsky, `(488953, 3, 32, 32)`, in SVHN's format with the digit as its label."""
    parts = {split: formats.mat(formats.file_below(folder, f"synth_{split}_32x32.mat")) for split in ("train", "test")}
    return formats.listing_of_parts(parts, DIGITS)


def mnist_m(folder: Path) -> Listing:
    """MNIST-M's PNG files with a list of `name label` a part, `(68002, 3, 32, 32)`."""
    parts = {}
    for split in ("train", "test"):
        list_file = formats.file_below(folder, f"mnist_m_{split}_labels.txt")
        names, labels = formats.labelled(list_file)
        paths = [list_file.parent / f"mnist_m_{split}" / name for name in names]
        parts[split] = ImageFiles(paths, channels=3, size=32), labels
    return formats.listing_of_parts(parts, DIGITS)


def mnist_m_9k(folder: Path) -> Listing:
    """The 9,001 test images of MNIST-M in one npz, `(9001, 3, 32, 32)`; image i is made of `mnist:test:i`.

    `split` is ours and not the publisher's: 0 to adapt on, 1 to score.
    """
    path = formats.file_below(folder, "mnist_m_official_test.npz")
    images, labels, split = formats.npz(path, ("images", "labels", "split"))
    return Listing(
        images=formats.pixels(path, images),
        labels=labels.astype(np.int64),
        classes=DIGITS,
        splits={"train": np.flatnonzero(split == 0), "test": np.flatnonzero(split == 1)},
        groups=formats.numbered("mnist:test", len(labels)),
    )


def mnist_c(folder: Path, corruption: str) -> Listing:
    """One corruption of MNIST-C as four npy files, `(70000, 1, 28, 28)`."""
    inside = find_root(folder, CORRUPTIONS) / corruption
    parts = {}
    for split in ("train", "test"):
        path = inside / f"{split}_images.npy"
        parts[split] = formats.pixels(path, formats.npy(path)), formats.npy(inside / f"{split}_labels.npy")
    return formats.listing_of_parts(parts, DIGITS)
