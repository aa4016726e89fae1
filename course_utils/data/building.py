"""What a reader finds in published files becomes a folder of arrays: whole or not there, and resumed after a kill."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from course_utils.data import arrays, formats, shelf
from course_utils.data.alone import alone
from course_utils.data.arrays import StoreError
from course_utils.data.domain import SPLITS, Domain
from course_utils.data.images import ImageFiles, printable
from course_utils.data.listing import Listing, completed_splits
from course_utils.data.objects import check_objects
from course_utils.data.rows import DomainRow


class IncompleteSetWarning(UserWarning):
    """Told when image files cannot be read, or when a set has other counts than the published ones."""


def build(row: DomainRow, folder: Path) -> None:
    """Make `folder` from the originals of `row`, which are here. A process that is first makes the others wait.

    Raises StoreError for a disk that is full and for images that no lesson could use, and OriginalError for files
    that cannot be read.
    """
    with alone(row.name, shelf.originals_folder(row.set), lock=".building.lock"):
        if folder.exists():  # another process was faster
            return
        source = shelf.reading_folder(row)
        listing = row.build(source)
        temporary = folder.with_name(f".{folder.name}.building")
        with _room_for(row, listing, temporary):
            temporary.mkdir(parents=True, exist_ok=True)
            unreadable = {} if row.lazy else arrays.write_images(listing.images, temporary, title=row.name)
            names = {_name(listing.images.paths[at], source): why for at, why in sorted(unreadable.items())}
            if len(unreadable) == len(listing.labels):
                shutil.rmtree(temporary)
                raise StoreError(f"Not one image of {row.name!r} can be read. {_some(names)}")
            _finish(row, listing, np.delete(np.arange(len(listing.labels)), list(unreadable)), names, source, temporary)
            temporary.rename(folder)
            arrays.forget_progress(folder)


def opened(row: DomainRow, folder: Path) -> Domain:
    """The domain of a folder of arrays. Raises DamagedArrayError for a file that has changed."""
    meta, loaded = arrays.load(folder, row.name)
    images = loaded.get("images")
    if images is None:
        base = Path(shelf.manifest(row.set).folder or shelf.originals_folder(row.set))
        paths = [base / os.fsdecode(name) for name in loaded["paths"]]
        images = ImageFiles(paths, meta["channels"], meta["size"])
    return Domain(
        name=row.name,
        images=images,
        targets={name.removeprefix("target-"): values for name, values in loaded.items() if name.startswith("target-")},
        classes=tuple(meta["classes"]),
        splits={split: loaded[f"split-{split}"] for split in SPLITS},
        ids=loaded["ids"],
        groups=loaded["groups"],
        sha256=(meta["files"].get("images.npy") or meta["files"]["paths.npy"])["sha256"],
    )


def _finish(
    row: DomainRow, listing: Listing, kept: np.ndarray, unreadable: Mapping[str, str], source: Path, folder: Path
) -> None:
    """Write all but the images. kept: `(n,)` positions of the images that could be read."""
    labels = listing.labels[kept]
    published = {split: np.flatnonzero(np.isin(kept, rows)) for split, rows in listing.splits.items()}
    groups = listing.groups if listing.groups is not None else formats.numbered(row.name, len(listing.labels))
    try:
        splits = completed_splits(labels, published, seed=0, groups=None if listing.groups is None else groups[kept])
        told = _complaint(row, labels, published, unreadable)
        stored = {"ids": kept, "groups": groups[kept], "target-label": labels.astype(np.int64)}
        stored |= {f"target-{name}": values[kept] for name, values in listing.targets.items()}
        stored |= {f"split-{split}": splits[split] for split in SPLITS}
        if row.lazy:
            stored["paths"] = np.array([os.fsencode(_name(path, source)) for path in listing.images.paths])
        arrays.save(
            folder,
            stored,
            name=row.name,
            classes=listing.classes,
            channels=listing.images.shape[1],
            size=listing.images.shape[2],
            inputs=shelf.inputs(row),
            unreadable=unreadable,
            complaint=told,
        )
        check_objects(opened(row, folder))  # refuses what no lesson could use, before the name is taken
    except ValueError as error:
        shutil.rmtree(folder)
        raise StoreError(f"{row.name!r} cannot be made of {source}: {error} Import another edition of it.") from error
    if told:
        warnings.warn(told, IncompleteSetWarning, stacklevel=2)


def _complaint(
    row: DomainRow, labels: np.ndarray, published: Mapping[str, np.ndarray], unreadable: Mapping[str, str]
) -> str:
    """One or two sentences where counts differ from the published ones or files were left out, else nothing."""
    differences = []
    for part, wanted in row.counts.items():
        of_part = labels if part == "all" else labels[published.get(part, [])]
        if len(of_part) != wanted:
            found = np.bincount(of_part, minlength=len(row.classes))
            named = zip(row.classes, found, row.per_class.get(part, found), strict=True)
            classes = [f"{name}: {n:,} of {of:,}" for name, n, of in named if n != of]
            differences.append(
                f"{'' if part == 'all' else part + ': '}{len(of_part):,} images, {wanted:,} are published"
                + (f" ({', '.join(classes[:8])}{' ...' if len(classes) > 8 else ''})" if classes else "")
            )
    sentences = [f"{row.name!r} is not the published set: {'; '.join(differences)}."] if differences else []
    if unreadable:
        sentences.append(
            f"Of {row.name!r} {len(unreadable):,} files cannot be read and are left out: {_some(unreadable)}"
        )
    return " ".join(sentences)


@contextlib.contextmanager
def _room_for(row: DomainRow, listing: Listing, temporary: Path) -> Iterator[None]:
    needed = 2**20 + 100 * len(listing.labels) + (0 if row.lazy else int(np.prod(listing.images.shape)))
    there = sum(file.stat().st_size for file in temporary.glob("*")) if temporary.exists() else 0
    free = shutil.disk_usage(shelf.root()).free
    say = (
        f"{row.name!r} needs {shelf.size(needed)} in {shelf.root()}, where {{}}. Free some room, or set the "
        "environment variable COURSE_DATA to a folder on another disk; then do the same again."
    )
    if free < needed - there:
        raise StoreError(say.format(f"{shelf.size(free)} are free"))
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        shutil.rmtree(temporary, ignore_errors=True)
        raise StoreError(say.format("the disk is full")) from error


def _name(path: str | os.PathLike, source: Path) -> str:
    return Path(os.path.relpath(path, source)).as_posix()


def _some(unreadable: Mapping[str, str], most: int = 5) -> str:
    told = [f"{printable(name)} ({why})" for name, why in unreadable.items()]
    return ", ".join(told[:most]) + (f" and {len(told) - most:,} more, named in meta.json." if told[most:] else ".")
