"""A folder of arrays: written so that a kill loses nothing, and opened as read-only memory maps."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import mmap
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from course_utils.data.images import ImageFiles, printable
from course_utils.data.stacked import Stacked
from course_utils.progress import progress_bar

PROGRESS = "done.json"
CHUNK = 2**25
"""Bytes of decoded images between two notes of how far a build has come."""
SMALL = 2**25
"""Bytes up to which a file is hashed whenever it is opened; a larger one is hashed by `verify`."""
KEPT_MAPPED = 2**28
"""Bytes of a map that may be in memory before they are given back."""
FAULT = 2**16
"""Bytes that the system maps around the one byte that is asked for."""


class StoreError(RuntimeError):
    """Raised when the store cannot be written or read; the message says what to do."""


class DamagedArrayError(StoreError):
    """Raised when a stored file is no longer the one that was written."""


class MappedImages(np.memmap):
    """A memory map of images that gives its pages back after some batches.

    The system keeps what was read for as long as nobody else needs the memory, so reading it again costs next to
    nothing, but it no longer counts for this process: 10 GiB of images are gathered within a few hundred megabytes.
    """

    _touched = 0

    def __getitem__(self, index: object) -> object:
        rows = super().__getitem__(index)
        if not isinstance(rows, MappedImages) or rows._mmap is not None or self._mmap is None:
            return rows  # one number, a view into the map, or rows of a copy such as np.repeat makes
        self._touched += max(FAULT * len(rows), rows.nbytes)
        if self._touched > KEPT_MAPPED and hasattr(mmap, "MADV_DONTNEED"):
            self._touched = 0
            self._mmap.madvise(mmap.MADV_DONTNEED)
        return rows.view(np.ndarray)

    def __array_wrap__(self, array: np.ndarray, context: object = None, return_scalar: bool = False) -> object:
        array = array.view(np.ndarray)
        return array[()] if return_scalar else array


def save(folder: Path, arrays: Mapping[str, np.ndarray], **facts: object) -> None:
    """Write arrays beside those that are there already, and then meta.json, which names every file and its hash."""
    for stem, array in arrays.items():
        np.save(folder / f"{stem}.npy", array, allow_pickle=False)
    files = {file.name: fingerprint(file) for file in sorted(folder.glob("*.npy"))}
    (folder / "meta.json").write_text(json.dumps(facts | {"files": files}, indent=1), encoding="utf-8")


def load(folder: Path, name: str, whole: bool = False) -> tuple[dict, dict[str, np.ndarray]]:
    """The facts of meta.json and a domain's arrays by stem, read-only; what is large is mapped and not read.

    whole: compares the hash of every file, also of the large ones.
    Raises DamagedArrayError for the first file that is not the one that was written.
    """
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        files = meta["files"]
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, name, "meta.json") from error
    loaded = {}
    for file, written in files.items():
        if not (folder / file).is_file() or (folder / file).stat().st_size != written["bytes"]:
            raise _damaged(folder, name, file)
        if (whole or written["bytes"] <= SMALL) and fingerprint(folder / file) != written:
            raise _damaged(folder, name, file)
        is_images = file == "images.npy"
        mapped = "r" if is_images or written["bytes"] > SMALL else None
        array = np.load(folder / file, mmap_mode=mapped, allow_pickle=False)
        array.flags.writeable = False
        loaded[file.removesuffix(".npy")] = array.view(MappedImages) if is_images else array
    return meta, loaded


def fingerprint(file: Path) -> dict[str, int | str]:
    with file.open("rb") as opened:
        return {
            "bytes": file.stat().st_size,
            "sha256": hashlib.file_digest(opened, "sha256").hexdigest(),
        }


def write_images(images: np.ndarray | Stacked | ImageFiles, folder: Path, title: str) -> dict[int, str]:
    """Write `images` to images.npy chunk by chunk; returns position -> reason of unreadable files, which are left out.

    done.json notes after each chunk how far it came: a call with the same images goes on where a killed one was.
    """
    shape = images.shape
    row_bytes = int(np.prod(shape[1:]))
    step = max(1, CHUNK // row_bytes)
    header = _header(shape)
    note, file = folder / PROGRESS, folder / "images.npy"
    done = _where_it_was(note, file, of := _same_images(images))
    unreadable = {int(position): reason for position, reason in done["unreadable"].items()}
    bar = progress_bar(len(images), title)
    with file.open("r+b" if file.exists() else "w+b") as opened:
        for start in range(done["images"], len(images), step):
            stop = min(start + step, len(images))
            if isinstance(images, ImageFiles):
                rows, reasons = images.read(start, stop)
                unreadable |= reasons
                rows = rows[[position not in reasons for position in range(start, stop)]]
            else:
                rows = np.ascontiguousarray(images[start:stop])
            opened.seek(len(header) + (start - sum(p < start for p in unreadable)) * row_bytes)
            opened.write(rows)
            opened.flush()
            os.fsync(opened.fileno())  # before the note, which must not promise more than the disk holds
            replace(note, {"of": of, "images": stop, "unreadable": unreadable})
            bar.update(stop, f"{stop:,} of {len(images):,} images")
        kept = len(images) - len(unreadable)
        opened.truncate(len(header) + kept * row_bytes)
        opened.seek(0)
        opened.write(_header((kept, *shape[1:])))
    bar.close(f"{kept:,} images")
    return unreadable


def forget_progress(folder: Path) -> None:
    """To be called once the folder has its name: before, a kill would cost all that was decoded."""
    (folder / PROGRESS).unlink(missing_ok=True)


def replace(file: Path, content: object) -> None:
    """Write JSON whole or not at all."""
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    part.write_text(json.dumps(content, indent=1), encoding="utf-8")
    part.replace(file)


def _damaged(folder: Path, name: str, file: str) -> DamagedArrayError:
    return DamagedArrayError(
        f"{file} of {name!r} in {folder} is not the file that was written there. "
        f"`python3 course.py data prepare {name}` builds the domain again."
    )


def _where_it_was(note: Path, file: Path, of: str) -> dict:
    with contextlib.suppress(FileNotFoundError, ValueError):
        done = json.loads(note.read_text(encoding="utf-8"))
        if done["of"] == of and file.is_file():
            return done
    file.unlink(missing_ok=True)
    return {"images": 0, "unreadable": {}}


def _same_images(images: np.ndarray | Stacked | ImageFiles) -> str:
    names = "\n".join(map(printable, images.paths)) if isinstance(images, ImageFiles) else ""
    return hashlib.sha256(f"{images.shape}\n{names}".encode()).hexdigest()


def _header(shape: tuple[int, ...]) -> bytes:
    """Of uint8 in C order. NumPy leaves room in it for a longer first axis, so a shorter one takes as many bytes."""
    written = io.BytesIO()
    np.lib.format.write_array_header_1_0(written, {"descr": "|u1", "fortran_order": False, "shape": tuple(shape)})
    return written.getvalue()
