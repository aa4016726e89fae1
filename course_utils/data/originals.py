"""A published file: where it is, how it is known to be the right one, and how it comes here."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from course_utils.data.alone import OriginalError, alone
from course_utils.data.download import BrokenDownloadError, RefusedDownloadError, download, forget

PUBLISHED = "published"
UNPUBLISHED = "no checksum is published"
DIFFERS = "differs from the published checksum"


class ChecksumError(OriginalError):
    """Raised for a file that is not the published one."""


class FetchError(OriginalError):
    """Raised when no address gives a file; the message says what each of them did."""


@dataclass(frozen=True)
class Original:
    """One file as its publisher offers it.

    urls: the publisher's first, then mirrors; none where a form must be filled in.
    bytes: its exact length.  sha256, md5: as published; both None where nobody publishes one.
    unpack: an archive of image files, which is unpacked before it is read.
    """

    name: str
    urls: tuple[str, ...] = ()
    bytes: int | None = None
    sha256: str | None = None
    md5: str | None = None
    unpack: bool = False


@dataclass(frozen=True)
class Checked:
    """What a file turned out to be. verdict: `PUBLISHED`, `UNPUBLISHED` or `DIFFERS`."""

    name: str
    bytes: int
    sha256: str
    verdict: str


def check(original: Original, path: Path) -> Checked:
    """Compares a file with what is published of it: the checksums, or its length where there is none."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            sha256.update(chunk)
            md5.update(chunk)
        size = file.tell()
    published = [(original.sha256, sha256.hexdigest()), (original.md5, md5.hexdigest())]
    agrees = [one.lower() == other for one, other in published if one]
    if size == 0 or not all(agrees) or (not agrees and original.bytes not in (None, size)):
        verdict = DIFFERS
    else:
        verdict = PUBLISHED if agrees else UNPUBLISHED
    return Checked(original.name, size, sha256.hexdigest(), verdict)


def fetch(
    original: Original,
    folder: Path,
    first: Sequence[str | Path] = (),
    *,
    waits: Sequence[float] = (1.0, 5.0, 25.0),
    timeout: float = 30.0,
) -> Checked:
    """Brings an original into `folder`, the folder of its set, and goes on where an earlier call broke off.

    first: folders or base URLs that are tried before `original.urls`; the file is <first>/<set>/<name> there.
    waits: seconds before each further try of one address; patience is renewed while bytes come.
    timeout: seconds of silence after which an address counts as broken.
    Raises FetchError, or ChecksumError where a file came that is not the published one: either tells what every
    address did. Raises OriginalError where `folder` cannot be written. A wrong file never gets the name.
    """
    if here := _here(original, folder):
        return here
    troubles: list[tuple[str, Exception]] = []
    with alone(original.name, folder):
        if here := _here(original, folder):  # another process was faster
            return here
        for source in [*(_below(place, folder.name, original.name) for place in first), *original.urls]:
            try:
                if _is_address(source):
                    return _downloaded(original, source, folder, waits, timeout)
                return _adopted(original, Path(source), folder)
            except (OriginalError, BrokenDownloadError, RefusedDownloadError) as trouble:
                troubles.append((source, trouble))
    raise _no_source_helped(original, folder.name, troubles)


def adopt(original: Original, path: Path, folder: Path, unverified: bool = False) -> Checked:
    """Copies a file that the user has into `folder`, under the original's name; `path` is only read.

    Raises ChecksumError, unless `unverified`, when it is not the published file, and OriginalError when `path`
    cannot be read or `folder` cannot be written.
    """
    with alone(original.name, folder):
        try:
            return _adopted(original, path, folder, unverified)
        except ChecksumError as error:
            raise ChecksumError(f"{path} {error}. `--unverified` takes it all the same, and notes it.") from error
        except OriginalError as error:
            raise OriginalError(f"{path} {error}. Name a file that you may read.") from error


def find(original: Original, where: Path) -> Path | None:
    """`where` itself when it is the original, under whatever name, or else the file of its name below `where`.

    Of several files of that name (many sets call theirs `train-images-idx3-ubyte.gz`) the published one is taken.
    Links that lead out of `where` are not followed.
    """
    if where.is_file():
        is_it = where.name == original.name or check(original, where).verdict == PUBLISHED
        return where if is_it else None
    inside = where.resolve()
    named = [Path(folder) / original.name for folder, _, names in os.walk(where) if original.name in names]
    named = [path for path in named if path.is_file() and path.resolve().is_relative_to(inside)]
    named.sort(key=lambda path: (len(path.parts), path))
    right = (path for path in named if len(named) > 1 and check(original, path).verdict == PUBLISHED)
    return next(right, named[0] if named else None)


def _here(original: Original, folder: Path) -> Checked | None:
    path = folder / original.name
    checked = check(original, path) if path.is_file() else None
    return None if checked is None or checked.verdict == DIFFERS else checked


def _is_address(source: str) -> bool:
    return source.startswith(("http://", "https://"))


def _below(place: str | Path, set_name: str, name: str) -> str:
    if _is_address(str(place)):
        return f"{str(place).rstrip('/')}/{set_name}/{quote(name)}"
    return str(Path(place) / set_name / name)


def _downloaded(original: Original, url: str, folder: Path, waits: Sequence[float], timeout: float) -> Checked:
    part = folder / f"{original.name}.part"
    left, furthest = list(waits), 0
    while True:
        resumed = part.exists()
        try:
            download(url, part, original.bytes, checked=bool(original.sha256 or original.md5), timeout=timeout)
        except BrokenDownloadError as broken:
            came = part.stat().st_size if part.exists() else 0
            if came > furthest:
                left, furthest = list(waits), came
            if not left:
                raise
            time.sleep(min(max(left.pop(0), broken.wait), max(waits)))
            continue
        checked = check(original, part)
        if checked.verdict != DIFFERS:
            os.replace(part, folder / original.name)
            forget(part)
            return checked
        forget(part)
        if not resumed:  # otherwise the fault may lie in what was there before
            raise ChecksumError(_difference(original, checked))


def _adopted(original: Original, path: Path, folder: Path, unverified: bool = False) -> Checked:
    try:
        source = path.open("rb")
    except OSError as error:
        raise OriginalError(f"cannot be read: {error.strerror}") from error
    copy = folder / f"{original.name}.copy"
    try:
        with source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, 2**20)
        checked = check(original, copy)
        if checked.verdict == DIFFERS and not unverified:
            raise ChecksumError(_difference(original, checked))
        os.replace(copy, folder / original.name)
        forget(folder / f"{original.name}.part")
        return checked
    finally:
        copy.unlink(missing_ok=True)


def _difference(original: Original, checked: Checked) -> str:
    known = {"sha256": original.sha256, "md5": original.md5, "bytes": original.bytes}
    published = ", ".join(f"{name} {value}" for name, value in known.items() if value) or "a file that is not empty"
    return (
        f"is not the published {original.name}: it has sha256 {checked.sha256}, bytes {checked.bytes}; published is "
        f"{published}"
    )


def _no_source_helped(original: Original, set_name: str, troubles: Sequence[tuple[str, Exception]]) -> OriginalError:
    by_hand = f"`python3 course.py data import {set_name} PATH` takes a file that you have."
    if not troubles:
        return FetchError(
            f"{original.name} is not fetched by the course: `python3 course.py data card {set_name}` says who has it. "
            f"{by_hand}"
        )
    told = "".join(f"\n  {source} {trouble}" for source, trouble in troubles)
    kind = ChecksumError if any(isinstance(trouble, ChecksumError) for _, trouble in troubles) else FetchError
    return kind(
        f"{original.name} could not be fetched:{told}\n`python3 course.py data fetch {set_name}` tries again and goes "
        f"on from what has come. {by_hand}"
    )
