"""Two sets that nobody published: digits in two files of bytes, and pictures in an archive of class folders."""

from __future__ import annotations

import hashlib
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from course_utils.data import catalog
from course_utils.data.catalog import DomainRow
from course_utils.data.listing import Listing, class_folders, find_root
from course_utils.data.originals import Original

CLASSES = ("cat", "dog")
PER_CLASS = 12


def write_digits(folder: Path, n: int = 40) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    rng.integers(0, 256, (n, 1, 8, 8), np.uint8).tofile(folder / "made-images.bin")
    (np.arange(n) % 2).astype(np.uint8).tofile(folder / "made-labels.bin")
    return folder


def read_digits(folder: Path) -> Listing:
    """The first three quarters are published as train, the others as test."""
    images = np.fromfile(folder / "made-images.bin", np.uint8).reshape(-1, 1, 8, 8)
    labels = np.fromfile(folder / "made-labels.bin", np.uint8).astype(np.int64)
    train, test = np.split(np.arange(len(labels)), [3 * len(labels) // 4])
    return Listing(images, labels, CLASSES, {"train": train, "test": test})


def write_pictures(folder: Path, per_class: int = PER_CLASS) -> Path:
    """`folder/cat/0.png` ... `folder/dog/11.png`, 12x12 pixels each."""
    from PIL import Image

    rng = np.random.default_rng(1)
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
        for i in range(per_class):
            Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8)).save(folder / name / f"{i}.png")
    return folder


def pack_pictures(folder: Path, archive: Path) -> Path:
    """Packs a folder that `write_pictures` filled, with the folder itself."""
    kind = {"zip": "zip", "tar": "tar"}[archive.suffix[1:]]
    archive.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.make_archive(str(archive.with_suffix("")), kind, folder.parent, folder.name))


def read_pictures(folder: Path, size: int = 8) -> Listing:
    return class_folders(find_root(folder, CLASSES), CLASSES, size=size)


def original(path: Path, **fields: object) -> Original:
    """The catalog's entry of a file that is published as it is."""
    content = path.read_bytes()
    known = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return Original(path.name, **(known | fields))


def digits_row(folder: Path, **fields: object) -> DomainRow:
    files = tuple(original(folder / name) for name in ("made-images.bin", "made-labels.bin"))
    counts = {"train": 30, "test": 10}
    return _row("made", counts, channels=1, size=8, build=read_digits, originals=files, **fields)


def pictures_row(archive: Path, name: str = "shapes/drawn", **fields: object) -> DomainRow:
    counts, per_class = {"all": 2 * PER_CLASS}, {"all": (PER_CLASS, PER_CLASS)}
    of_row = {"per_class": per_class, "build": partial(read_pictures, size=8), "channels": 3, "size": 8}
    return _row(name, counts, originals=(original(archive, unpack=True),), **(of_row | fields))


def _row(name: str, counts: dict[str, int], **fields: object) -> DomainRow:
    said = {"title": f"{name}: made up", "citation": "nobody", "licence": "none", "card": "Made for a test."}
    return DomainRow(name=name, classes=CLASSES, counts=counts, **(said | fields))


@pytest.fixture
def published(monkeypatch, tmp_path):
    """A folder with the files of `made` and `shapes/drawn`, which stand in the catalog; the store is empty."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "store"))
    monkeypatch.delenv("COURSE_ORIGINALS", raising=False)
    folder = write_digits(tmp_path / "published")
    pack_pictures(write_pictures(tmp_path / "shapes"), folder / "shapes.zip")
    for row in (digits_row(folder), pictures_row(folder / "shapes.zip")):
        monkeypatch.setitem(catalog.DOMAINS, row.name, row)
    return folder
