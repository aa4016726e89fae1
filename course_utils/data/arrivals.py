"""How the originals of a set come onto this machine: fetched, imported, or taken from COURSE_ORIGINALS."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from course_utils.data import catalog, shelf
from course_utils.data.alone import OriginalError
from course_utils.data.archives import HostileArchiveError, unpack
from course_utils.data.arrays import StoreError
from course_utils.data.originals import DIFFERS, Checked, FetchError, Original, adopt, check, fetch, find
from course_utils.data.rows import DomainRow

COURSE_ORIGINALS = "COURSE_ORIGINALS"
PACKED = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz")


class NotHereError(StoreError):
    """Raised for a set whose originals are not on this machine; the message says how they come here."""


class UnverifiedOriginalWarning(UserWarning):
    """Told when a file is used that is not the published one: numbers made with it may differ from published ones."""


def require(row: DomainRow) -> None:
    """Sees to it that a row's originals are here, if need be from the folder COURSE_ORIGINALS; never downloads.

    Raises NotHereError with the size, the licence and the commands that bring them.
    """
    for original in shelf.missing(row):
        shelf.note_what_lies_there(row.set, original)
    if not (lacking := shelf.missing(row)):
        return
    place = os.environ.get(COURSE_ORIGINALS, "")
    found = _all_in(Path(place).expanduser(), row, lacking) if place else {}
    if not found:
        searched = f" {COURSE_ORIGINALS} ({place}) does not hold all of it." if place else ""
        raise NotHereError(f"{row.name!r} is not on this machine.{searched} {how_to_get(row, lacking)}")
    taken = {}
    for original, path in found.items():
        take = _adopted if original.name == path.name else _take_packed
        (taken[path.name],) = take(
            [replace(row, originals=(original,))], path, unverified=True, source=COURSE_ORIGINALS
        )
    much = shelf.size(sum(checked.bytes for checked in taken.values()))
    print(f"{row.set}: {', '.join(taken)} ({much}) copied from {COURSE_ORIGINALS}.")
    for name, checked in taken.items():
        if checked.verdict == DIFFERS:
            warnings.warn(
                f"{name} of {row.set!r} in {COURSE_ORIGINALS} {DIFFERS}. It is used all the same, and noted: "
                "numbers made with it may differ from published ones.",
                UnverifiedOriginalWarning,
                stacklevel=2,
            )


def how_to_get(row: DomainRow, lacking: Sequence[Original]) -> str:
    """One or two sentences with the size, the licence and the commands."""
    named = ", ".join(original.name for original in lacking[:4]) + (" ..." if len(lacking) > 4 else "")
    known = [original.bytes for original in lacking if original.bytes]
    much = shelf.size(sum(known)) if len(known) == len(lacking) else "of unknown size"
    by_hand = f"`python3 course.py data import {row.set} PATH` takes files, an archive or a folder that you have"
    ways = f"{by_hand}."
    if all(original.urls for original in lacking):
        ways = f"`python3 course.py data fetch {row.set}` downloads it; {by_hand}."
    return f"Wanted: {named} ({much}; licence: {row.licence.rstrip('.')}). {ways}"


def fetch_set(name: str, first: Sequence[str | Path] = (), unverified: bool = False) -> Iterator[Checked]:
    """Brings every original of a set or of one domain here, and yields what each of them turned out to be.

    first: folders or base URLs made by `pack`, asked before the publishers.
    unverified: takes what their manifests name, also where it is not the published file.
    Raises OriginalError.
    """
    for row in catalog.set_rows(name):
        for original in row.originals:
            known = shelf.manifest(row.set).files.get(original.name)
            if known and (known["verdict"] != DIFFERS or unverified):
                continue
            folder = shelf.originals_folder(row.set)
            fetch(_as_packed(original, row.set, first) if unverified else original, folder, first)
            yield shelf.note(row.set, check(original, folder / original.name), "fetched")
        if row.originals:
            shelf.reading_folder(row)


def take(name: str, path: Path, unverified: bool = False) -> list[Checked]:
    """Imports what the user has: an original, an archive or folder that holds some, or a folder of the images.

    Files are copied; a folder of images stays where it is and is noted, and then the answer is empty.
    Raises OriginalError, ChecksumError unless `unverified`, and StoreError for a path that holds nothing of the set.
    """
    rows = catalog.set_rows(name)
    if not (wanted := shelf.originals_of(rows)):
        raise StoreError(f"{name!r} comes with the packages: there is nothing to import.")
    path = path.expanduser().absolute()
    if not path.exists():
        raise StoreError(f"There is no file or folder {path}.")
    # Lists of labels lie beside unpacked images too, so only an archive tells packed from unpacked.
    told_by = [original for original in wanted if original.unpack] or wanted
    if any(find(original, path) for original in (told_by if path.is_dir() else wanted)):
        return _adopted(rows, path, unverified)
    if not path.is_dir():
        return _take_packed(rows, path, unverified)
    if told_by is wanted:
        raise _holds_nothing(rows, path)
    _refuse_unreadable(rows, path, told=path)
    shelf.change(rows[0].set, lambda known: shelf.Manifest(known.files, str(path), shelf.listing_of(path)))
    return []


def _all_in(place: Path, row: DomainRow, lacking: Sequence[Original]) -> dict[Original, Path]:
    """Where each original lies, or nothing where one is not there.

    Of a set's one archive another edition will do, known by a name that begins as the set's: pacs_128.tar for pacs.zip.
    """
    found = {original: path for original in lacking if (path := find(original, place))}
    of_set = shelf.originals_of(catalog.set_rows(row.set))
    if not found and len(of_set) == 1 and of_set[0].unpack:
        editions = sorted(path for path in place.rglob(f"{row.set}*.*") if path.suffix in PACKED and path.is_file())
        return dict(zip(of_set, editions[:1], strict=False))
    return found if len(found) == len(lacking) else {}


def _as_packed(original: Original, set_name: str, first: Sequence[str | Path]) -> Original:
    """The original as the first manifest describes it that lists it."""
    for place in first:
        entry = _manifest_at(place, set_name).get("files", {}).get(original.name)
        if entry:
            return replace(original, urls=(), sha256=entry["sha256"], md5=None, bytes=entry["bytes"])
    return original


def _manifest_at(place: str | Path, set_name: str) -> dict:
    try:
        if str(place).startswith(("http://", "https://")):
            import requests

            answer = requests.get(f"{str(place).rstrip('/')}/{set_name}/{shelf.MANIFEST}", timeout=30)
            answer.raise_for_status()
            return answer.json()
        return json.loads((Path(place) / set_name / shelf.MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # all that requests raises is an OSError
        raise FetchError(f"{place} has no {set_name}/{shelf.MANIFEST}: `data pack` writes it ({error}).") from error


def _adopted(rows: Sequence[DomainRow], path: Path, unverified: bool, source: str | None = None) -> list[Checked]:
    """Copies the originals that lie at or below `path`; source: what is noted instead of their own paths."""
    found = {original: at for original in shelf.originals_of(rows) if (at := find(original, path))}
    into = shelf.originals_folder(rows[0].set)
    return [
        shelf.note(rows[0].set, adopt(original, at, into, unverified), source or str(at))
        for original, at in found.items()
    ]


def _take_packed(rows: Sequence[DomainRow], path: Path, unverified: bool, source: str | None = None) -> list[Checked]:
    """An archive of the originals, or the user's own packing of a set's one archive, such as another image size."""
    archives = [original for original in shelf.originals_of(rows) if original.unpack]
    with _looked_into(rows, path) as folder:
        if found := _adopted(rows, folder, unverified, source or str(path)):
            return found
        if len(archives) != 1:
            raise _holds_nothing(rows, path)
        _refuse_unreadable(rows, folder, told=path)
        checked = adopt(archives[0], path, shelf.originals_folder(rows[0].set), unverified)
        return [shelf.note(rows[0].set, checked, source or str(path), unpacked=folder)]


def _refuse_unreadable(rows: Sequence[DomainRow], folder: Path, told: Path) -> None:
    """Lets a folder pass from which at least one of the domains can be read, and says which cannot."""
    troubles = []
    for row in rows:
        try:
            row.build(folder)
        except (OriginalError, ValueError) as trouble:
            troubles.append(f"{row.name}: {trouble}")
    if len(troubles) == len(rows):
        raise _holds_nothing(rows, told, troubles[0])
    for trouble in troubles:
        print(f"Without {trouble}", file=sys.stderr)


def _holds_nothing(rows: Sequence[DomainRow], path: Path, why: str = "") -> StoreError:
    wanted = ", ".join(original.name for original in shelf.originals_of(rows))
    return StoreError(f"{path} holds nothing of {rows[0].set!r}. Expected: {wanted}. {why}".rstrip())


@contextlib.contextmanager
def _looked_into(rows: Sequence[DomainRow], archive: Path) -> Iterator[Path]:
    folder = shelf.originals_folder(rows[0].set) / f".{archive.name}.looked-into"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        try:
            unpack(archive, folder)
        except HostileArchiveError:
            raise
        except OriginalError as error:
            raise _holds_nothing(rows, archive, str(error)) from error
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
