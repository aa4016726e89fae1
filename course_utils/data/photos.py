"""Readers of the sets of photographs and drawings: each takes the folder of the published files, or of their images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from course_utils.data import classes, formats
from course_utils.data.formats import FormatError
from course_utils.data.images import ImageFiles
from course_utils.data.listing import Listing, class_folders, find_root

PACS_DOMAINS = ("photo", "art_painting", "cartoon", "sketch")
OFFICE_31_DOMAINS = ("amazon", "dslr", "webcam")
OFFICE_HOME_DOMAINS = {"art": "Art", "clipart": "Clipart", "product": "Product", "real-world": "Real World"}
VISDA_DOMAINS = {"synthetic": "train", "real": "validation"}
DOMAINNET_DOMAINS = ("clipart", "infograph", "painting", "quickdraw", "real", "sketch")


def cifar_10(folder: Path) -> Listing:
    """CIFAR-10's binary version, `(60000, 3, 32, 32)`: a label and 3,072 bytes an image. The others are pickles."""
    files = {"train": [f"data_batch_{i}.bin" for i in range(1, 6)], "test": ["test_batch.bin"]}
    parts = {}
    for split, names in files.items():
        rows = [formats.records(formats.file_below(folder, name), (1 + 3 * 32 * 32,)) for name in names]
        images = np.concatenate([of_file[:, 1:].reshape(-1, 3, 32, 32) for of_file in rows])
        parts[split] = images, np.concatenate([of_file[:, 0] for of_file in rows])
    return formats.listing_of_parts(parts, classes.CIFAR_10)


def stl_10(folder: Path) -> Listing:
    """STL-10's labelled parts, `(13000, 3, 96, 96)`: bytes column by column, labels 1..10 as 0..9."""
    parts = {}
    for split in ("train", "test"):
        images = formats.records(formats.file_below(folder, f"{split}_X.bin"), (3, 96, 96))
        labels = formats.records(formats.file_below(folder, f"{split}_y.bin"), ())
        parts[split] = images.transpose(0, 1, 3, 2), labels.astype(np.int64) - 1
    return formats.listing_of_parts(parts, classes.STL_10)


def pacs(folder: Path, domain: str) -> Listing:
    """One domain of classes.PACS, published with 227x227 pixels and kept with 128x128."""
    return class_folders(find_root(folder, PACS_DOMAINS) / domain, classes.PACS, size=128)


def office_31(folder: Path, domain: str) -> Listing:
    """One domain of Office-31 at 128x128; the publisher has a folder `images` between domain and classes."""
    root = find_root(folder, OFFICE_31_DOMAINS) / domain
    return class_folders(find_root(root, classes.OFFICE_31), classes.OFFICE_31, size=128)


def office_home(folder: Path, domain: str) -> Listing:
    """One domain of Office-Home at 128x128."""
    root = find_root(folder, list(OFFICE_HOME_DOMAINS.values()))
    return class_folders(root / OFFICE_HOME_DOMAINS[domain], classes.OFFICE_HOME, size=128)


def visda(folder: Path, domain: str) -> Listing:
    """VisDA-2017's rendered training images or its real validation images, decoded when indexed, at 224x224."""
    part = VISDA_DOMAINS[domain]
    # `train` is also a class, so a folder of this name is the part only where the classes lie in it.
    found = [path for at in (part, f"*/{part}") for path in folder.glob(at) if (path / classes.VISDA[0]).is_dir()]
    if not found:
        raise FormatError(f"No folder {part} with the twelve classes of VisDA-2017 lies in {folder}.")
    return class_folders(found[0], classes.VISDA, size=224)


def domainnet(folder: Path, domain: str) -> Listing:
    """One domain of DomainNet (its cleaned version), decoded when indexed, at 224x224, in the published two parts."""
    parts = {}
    for split in ("train", "test"):
        names, labels = formats.labelled(formats.file_below(folder, f"{domain}_{split}.txt"))
        root = _root_of(names[0], folder)
        parts[split] = ImageFiles([root / name for name in names], channels=3, size=224), labels
    return formats.listing_of_parts(parts, classes.DOMAINNET)


def pets(folder: Path) -> Listing:
    """Oxford-IIIT Pet, `(7349, 3, 128, 128)`: 37 breeds of cats and dogs."""
    parts = {}
    for split, list_file in {"train": "trainval.txt", "test": "test.txt"}.items():
        names, labels = formats.labelled(formats.file_below(folder, list_file))
        root = formats.file_below(folder, f"{names[0]}.jpg").parent
        parts[split] = ImageFiles([root / f"{name}.jpg" for name in names], channels=3, size=128), labels - 1
    return formats.listing_of_parts(parts, classes.PETS)


def _root_of(name: str, folder: Path) -> Path:
    """The folder, or the unpacked archive in it, that a list's paths start from."""
    for root in (folder, *sorted(folder.iterdir())):
        if (root / name).is_file():
            return root
    raise FormatError(f"{name} is neither in {folder} nor in a folder in it. Fetch or import the set again.")
