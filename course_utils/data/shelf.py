"""The originals of a set on this machine: where they are kept, and what is known of them."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from course_utils.data import catalog
from course_utils.data.alone import alone
from course_utils.data.archives import unpack
from course_utils.data.arrays import replace
from course_utils.data.originals import DIFFERS, Checked, Original, check
from course_utils.data.rows import DomainRow

MANIFEST = "manifest.json"
LOCK = ".manifest.lock"


@dataclass(frozen=True)
class Manifest:
    """What is known of a set's originals.

    files: name -> {"sha256", "bytes", "verdict", "from"}.
    folder: a folder of image files that stays where the user has it; listing: {"files", "bytes", "sha256"} of it.
    """

    files: dict[str, dict] = field(default_factory=dict)
    folder: str | None = None
    listing: dict | None = None


def root() -> Path:
    """The writable store: COURSE_DATA, or the user's cache folder."""
    if chosen := os.environ.get("COURSE_DATA"):
        return Path(chosen).expanduser()
    return Path(platformdirs.user_cache_dir("course-utils", appauthor=False))


def originals_folder(set_name: str) -> Path:
    """Where the published files of a set are kept, with manifest.json beside them."""
    return root() / "originals" / set_name


def manifest(set_name: str) -> Manifest:
    """What is known of a set. A manifest that is missing or damaged knows nothing: files are checked again."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, ValueError, TypeError):
        return Manifest(**json.loads((originals_folder(set_name) / MANIFEST).read_text(encoding="utf-8")))
    return Manifest()


def missing(row: DomainRow) -> list[Original]:
    """The originals of a row that are not here; none where a folder of its images was imported."""
    known = manifest(row.set)
    return [] if known.folder else [original for original in row.originals if original.name not in known.files]


def originals_of(rows: Sequence[DomainRow]) -> tuple[Original, ...]:
    """Every original of these rows once, though rows of one set may share it."""
    return tuple(dict.fromkeys(original for row in rows for original in row.originals))


def reading_folder(row: DomainRow) -> Path:
    """The folder that a reader gets: the user's own, or the one of the originals, with every archive unpacked."""
    if own := manifest(row.set).folder:
        return Path(own)
    folder = originals_folder(row.set)
    for original in row.originals:
        if original.unpack:
            unpack(folder / original.name, _contents(folder, original.name))
    return folder


def inputs(row: DomainRow) -> dict[str, str]:
    """Name -> sha256 of what a row is read from."""
    known = manifest(row.set)
    if known.folder:
        return {"folder": known.listing["sha256"]}
    return {original.name: known.files[original.name]["sha256"] for original in row.originals}


def verify(name: str) -> Iterator[tuple[str, str, bool]]:
    """Hashes the originals of a set or a domain again: yields the name, the verdict, and whether it is in order."""
    rows = catalog.set_rows(name)
    known, again = manifest(rows[0].set), f"`python3 course.py data import {rows[0].set} PATH`"
    if known.folder:
        same = Path(known.folder).is_dir() and listing_of(Path(known.folder)) == known.listing
        yield known.folder, "as imported" if same else f"has changed since it was imported: {again} notes it anew", same
        return
    for original in originals_of(rows):
        entry, path = known.files.get(original.name), originals_folder(rows[0].set) / original.name
        if entry is None:
            verdict, good = "is not here", True
        elif not path.is_file():
            verdict, good = f"is gone: {again} brings it back", False
        elif check(original, path).sha256 != entry["sha256"]:
            verdict, good = f"is damaged: remove {path}, then {again} brings it back", False
        else:
            verdict, good = entry["verdict"], True
        yield f"{rows[0].set}/{original.name}", verdict, good


def listing_of(folder: Path) -> dict[str, int | str]:
    """How many files a folder holds, their bytes, and a hash of their names and sizes."""
    files = sorted(
        (os.path.relpath(os.path.join(at, name), folder), os.path.getsize(os.path.join(at, name)))
        for at, _, names in os.walk(folder)
        for name in names
        if os.path.isfile(os.path.join(at, name))
    )
    listed = "".join(f"{name}\0{size}\0" for name, size in files).encode("utf-8", "surrogateescape")
    return {
        "files": len(files),
        "bytes": sum(size for _, size in files),
        "sha256": hashlib.sha256(listed).hexdigest(),
    }


def size(n: int) -> str:
    """`11.6 MB`"""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n >= factor:
            return f"{n / factor:.1f} {unit}"
    return f"{n} bytes"


def note_what_lies_there(set_name: str, original: Original) -> None:
    """Notes a published file that was put into the folder by hand, or by a process killed before its note."""
    path = originals_folder(set_name) / original.name
    if path.is_file() and (checked := check(original, path)).verdict != DIFFERS:
        note(set_name, checked, "found in the store")


def note(set_name: str, checked: Checked, source: str, unpacked: Path | None = None) -> Checked:
    """Writes into the manifest what a file turned out to be and where it came from.

    unpacked: a folder with what is in the archive, which is moved to its place.
    """
    entry = {"sha256": checked.sha256, "bytes": checked.bytes, "verdict": checked.verdict, "from": source}

    def noted(known: Manifest) -> Manifest:
        contents = _contents(originals_folder(set_name), checked.name)
        if unpacked or known.files.get(checked.name, {}).get("sha256") != checked.sha256:  # of another edition
            shutil.rmtree(contents, ignore_errors=True)
        if unpacked:
            unpacked.rename(contents)
        return Manifest(known.files | {checked.name: entry})

    change(set_name, noted)
    return checked


def change(set_name: str, how: Callable[[Manifest], Manifest]) -> None:
    """Replaces a set's manifest, one process at a time."""
    folder = originals_folder(set_name)
    with alone(MANIFEST, folder, lock=LOCK):
        replace(folder / MANIFEST, dataclasses.asdict(how(manifest(set_name))))


def _contents(folder: Path, archive: str) -> Path:
    # Not the archive's stem: `images` would be taken for the folder of this name inside.
    return folder / f"{archive}.unpacked"
