"""Readers of sets from driving, medicine and surveillance: each takes the folder of the published files."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from course_utils.data import classes, formats
from course_utils.data.formats import FormatError
from course_utils.data.images import ImageFiles
from course_utils.data.listing import Listing, class_folders, find_root
from course_utils.data.stacked import Stacked


def gtsrb(folder: Path) -> Listing:
    """GTSRB, `(51839, 3, 32, 32)`: whole images of 15 to 250 pixels, not cut to the sign.

    Thirty training images in a row show one sign from a passing car, so its track is their group.
    """
    numbers = [f"{label:05d}" for label in range(len(classes.GTSRB))]
    root = find_root(folder, numbers)
    # Beside the images every class folder holds a table of where in them the sign is.
    signs = [sorted((root / number).glob("*.ppm")) for number in numbers]
    paths = [path for of_class in signs for path in of_class]
    train = ImageFiles(paths, channels=3, size=32), np.repeat(np.arange(len(numbers)), [len(s) for s in signs])
    tracks = [f"gtsrb:{path.parent.name}:{path.name.partition('_')[0]}" for path in paths]
    names, labels = _sign_list(formats.file_below(folder, "GT-final_test.csv"))
    inside = formats.file_below(folder, names[0]).parent
    test = ImageFiles([inside / name for name in names], channels=3, size=32)
    return formats.listing_of_parts(
        {"train": train, "test": (test, labels)},
        classes.GTSRB,
        groups={"train": np.array(tracks), "test": formats.numbered("gtsrb:test", len(labels))},
    )


def pathmnist(folder: Path) -> Listing:
    """PathMNIST of MedMNIST, `(107180, 3, 28, 28)`: the test part comes from another hospital than the others."""
    path = formats.file_below(folder, "pathmnist.npz")
    parts = {}
    for split, name in {"train": "train", "validation": "val", "test": "test"}.items():
        images, labels = formats.npz(path, (f"{name}_images", f"{name}_labels"))
        parts[split] = formats.pixels(path, images), labels.ravel()
    return formats.listing_of_parts(parts, classes.PATHMNIST)


def pcam(folder: Path) -> Listing:
    """PatchCamelyon's HDF5 files, gunzipped, `(327680, 3, 96, 96)`. Raises FormatError where h5py is not installed."""
    try:
        import h5py
    except ImportError as error:
        raise FormatError(
            "PCam is published as HDF5, which needs h5py, and requirements.lock has none. Install h5py and try again."
        ) from error
    parts = {}
    for split, name in {"train": "train", "validation": "valid", "test": "test"}.items():
        path = formats.file_below(folder, f"camelyonpatch_level_2_split_{name}_x.h5")
        with formats.reading("an HDF5 file with images and labels", path):
            images = h5py.File(path, "r")["x"]
            labels = h5py.File(path.with_name(path.name.replace("_x.h5", "_y.h5")), "r")["y"][:]
            parts[split] = Stacked([images], axes=(0, 3, 1, 2)), labels.ravel()
    return formats.listing_of_parts(parts, classes.PCAM)


def lfw(folder: Path) -> Listing:
    """Labeled Faces in the Wild, funneled: the seven people with 70 photographs or more, `(1288, 3, 128, 128)`."""
    return class_folders(find_root(folder, classes.LFW), classes.LFW, size=128)


def _sign_list(path: Path) -> tuple[list[str], np.ndarray]:
    with formats.reading("a table with Filename and ClassId", path), path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
        return [row["Filename"] for row in rows], np.array([int(row["ClassId"]) for row in rows])
