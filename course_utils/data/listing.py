"""A set as its files tell it, before one array is made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from course_utils.data.alone import OriginalError
from course_utils.data.domain import SPLITS
from course_utils.data.images import ImageFiles, printable
from course_utils.data.stacked import Stacked


@dataclass(frozen=True, eq=False)
class Listing:
    """What a reader of published files returns, and what the store makes one array of.

    images: uint8 `(N, C, H, W)`, or files that are decoded when they are indexed.
    labels: `(N,)`, into `classes`.
    splits: the published parts by name (train, test, sometimes validation); what is missing is drawn, stratified.
    groups: the original behind each image `(N,)`, where one original stands behind several images or sets.
    targets: by name what else can be predicted, `(N, ...)`, as `objects.check_objects` wants boxes and masks.
    """

    images: np.ndarray | Stacked | ImageFiles
    labels: np.ndarray
    classes: tuple[str, ...]
    splits: Mapping[str, np.ndarray] = field(default_factory=dict)
    groups: np.ndarray | None = None
    targets: Mapping[str, np.ndarray] = field(default_factory=dict)


class FolderError(OriginalError):
    """Raised for folders that do not stand as a set needs them; the message lists what differs and what to do."""


BOOKKEEPING = {"thumbs.db", "desktop.ini", "__macosx", "@eadir"}
"""Besides every name that begins with a dot: what systems leave beside images. Never a class, never an image."""
SHARES = {"train": 7, "validation": 1, "test": 2}


def is_bookkeeping(path: Path) -> bool:
    """Whether the operating system made it: `.DS_Store`, `._cat.jpg`, `Thumbs.db`, `__MACOSX`."""
    return path.name.startswith(".") or path.name.lower() in BOOKKEEPING


def entries(folder: Path) -> list[Path]:
    """What lies in a folder, by name, without bookkeeping. Raises FolderError where one cannot look into it."""
    try:
        return sorted(path for path in folder.iterdir() if not is_bookkeeping(path))
    except OSError as error:
        raise FolderError(
            f"{printable(folder)} cannot be looked into: {error.strerror}. Give the path of a folder that you may read."
        ) from error


def class_folders(root: Path, classes: Sequence[str] | None = None, channels: int = 3, *, size: int) -> Listing:
    """A listing of one folder per class: `root/cat/1.jpg` is a cat. Nothing is decoded yet.

    classes: only these, in this order; otherwise every folder in `root` by name.  channels, size: of `ImageFiles`.
    Everything in a class folder but bookkeeping is listed, so that what is no image is told when it is read.

    Raises FolderError with every class that has no folder, or nothing in it.
    """
    found = {path.name: path for path in entries(root) if path.is_dir()}
    classes = tuple(found if classes is None else classes)
    if missing := [name for name in classes if name not in found]:
        raise FolderError(
            f"{printable(root)} has no folder for {len(missing)} of its {len(classes)} classes: {listed(missing)}. "
            f"Its folders are {listed(found)}. Unpack or import the set again."
        )
    files = [entries(found[name]) for name in classes]
    if empty := [name for name, of_class in zip(classes, files, strict=True) if not of_class]:
        raise FolderError(f"{printable(root)} has nothing in the folders {listed(empty)}. Unpack or import it again.")
    if not classes:
        raise FolderError(f"{printable(root)} has no folders in it: put the images of each class into one of its own.")
    return Listing(
        images=ImageFiles([path for of_class in files for path in of_class], channels, size),
        labels=np.repeat(np.arange(len(classes)), [len(of_class) for of_class in files]),
        classes=classes,
    )


def find_root(folder: Path, wanted: Sequence[str], depth: int = 4) -> Path:
    """The one folder, `folder` itself or up to `depth` levels below, that has all of `wanted` as folders in it.

    Raises FolderError where there is none, with the nearest, and where there are several. Links are not followed down.
    """
    wanted, found, nearest, most, level = set(wanted), [], folder, 0, [folder]
    for _ in range(depth + 1):
        below = []
        for place in level:
            inside = {path.name: path for path in entries(place) if path.is_dir()}
            present = len(wanted & inside.keys())
            if present == len(wanted):
                found.append(place)
                continue
            if present > most:
                nearest, most = place, present
            below += [path for path in inside.values() if not path.is_symlink()]
        level = below
    if len(found) == 1:
        return found[0]
    if found:
        raise FolderError(
            f"{len(found)} folders below {printable(folder)} have the folders {listed(sorted(wanted))}: "
            f"{', '.join(map(printable, found))}. Name the one that is meant, or remove the copies."
        )
    missing = sorted(wanted - {path.name for path in entries(nearest)})
    raise FolderError(
        f"No folder at or below {printable(folder)} has the folders {listed(sorted(wanted))}. The nearest is "
        f"{printable(nearest)}, which lacks {listed(missing)}. Unpack the set there, or name the folder that has it."
    )


def completed_splits(
    labels: np.ndarray, published: Mapping[str, np.ndarray], seed: int, groups: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Train, validation and test as sorted indices: published parts stay, missing ones are drawn by `seed`.

    They are drawn from what is published as train, or from all that is in no published part, as 7 : 1 : 2 between
    train, validation and test, and stratified by label. So nothing published gives 70, 10 and 20 %, and train and test
    give an eighth of train for validation.
    groups: `(N,)`; a group is drawn as a whole, so that it never stands in two parts.

    Raises ValueError for published parts that overlap, leave images out, share a group, or have another name.
    """
    groups = np.arange(len(labels)) if groups is None else np.unique(groups, return_inverse=True)[1]
    splits = {split: np.asarray(rows, np.int64) for split, rows in published.items()}
    if unknown := splits.keys() - set(SPLITS):
        raise ValueError(f"A published part is called {min(unknown)!r}; expected {', '.join(SPLITS)}.")
    taken = np.bincount(np.concatenate([*splits.values(), np.empty(0, np.int64)]), minlength=len(labels))
    if (taken > 1).any():
        raise ValueError(f"{(taken > 1).sum()} images stand in two published parts.")
    pool = splits.pop("train", np.flatnonzero(taken == 0))
    drawn = ["train", *(split for split in SPLITS[1:] if split not in splits)]
    splits |= _draw(pool, labels, groups, {split: SHARES[split] for split in drawn}, seed)
    if (left := len(labels) - sum(map(len, splits.values()))) or not len(splits["train"]):
        raise ValueError(f"{left} of {len(labels)} images stand in no part, {len(splits['train'])} in train.")
    part_of = np.empty(len(labels), np.int64)
    for number, split in enumerate(SPLITS):
        part_of[splits[split]] = number
    parts_of_group = np.bincount(np.unique(np.column_stack((groups, part_of)), axis=0)[:, 0])
    if (parts_of_group > 1).any():
        raise ValueError(f"{(parts_of_group > 1).sum()} originals stand in two published parts.")
    return {split: np.sort(splits[split]) for split in SPLITS}


def _draw(
    pool: np.ndarray, labels: np.ndarray, groups: np.ndarray, shares: Mapping[str, int], seed: int
) -> dict[str, np.ndarray]:
    """Each class's groups, the largest first, go one by one to the part that lacks most of its share."""
    rng = np.random.default_rng(seed)
    pool = pool[rng.permutation(len(pool))]
    _, first, group, sizes = np.unique(groups[pool], return_index=True, return_inverse=True, return_counts=True)
    label_of_group = labels[pool[first]]
    part_of_group = np.empty(len(first), np.int64)
    share = np.array(list(shares.values())) / sum(shares.values())
    lacking = np.zeros(len(share))  # carried from class to class, so that roundings do not add up
    for label in np.unique(label_of_group):
        members = np.flatnonzero(label_of_group == label)
        members = members[np.lexsort((first[members], -sizes[members]))]
        lacking += share * sizes[members].sum()
        for member in members:
            part_of_group[member] = part = lacking.argmax()
            lacking[part] -= sizes[member]
    return {split: pool[part_of_group[group] == number] for number, split in enumerate(shares)}


def listed(names: Iterable[str], most: int = 8) -> str:
    """`cat, dog and 7 more`, of names as they can be printed."""
    names = [printable(name) for name in names]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "") or "none"
