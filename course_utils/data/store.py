"""Where arrays live: a domain is built once into a folder of its own and memory-mapped from then on."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import inspect
import json
import platform
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from course_utils.data import arrays, arrivals, building, catalog, images, listing, shelf
from course_utils.data.arrays import DamagedArrayError, StoreError
from course_utils.data.arrivals import NotHereError
from course_utils.data.domain import SPLITS, Domain
from course_utils.data.rows import DomainRow
from course_utils.data.shelf import originals_folder, root

__all__ = [
    "DamagedArrayError",
    "NotHereError",
    "StoreError",
    "built_with",
    "bytes_in",
    "domain",
    "folders",
    "is_built",
    "originals_folder",
    "place",
    "rebuild",
    "remove",
    "root",
    "verify",
]

LAYOUT = 1


def domain(name: str) -> Domain:
    """A domain of the catalog: built on first use, afterwards opened as a read-only memory map.

    A set that others publish is built from its originals, which have to be here; nothing is downloaded.

    Raises UnknownDomainError with the nearest names, NotHereError with the commands that bring the originals,
    StoreError when the store cannot be written, and DamagedArrayError when a stored file has changed.
    """
    row = catalog.domain_row(name)
    if not row.embedded:
        arrivals.require(row)
    folder = place(row)
    with _explained(name):
        if not folder.exists():
            (_build_embedded if row.embedded else building.build)(row, folder)
        return building.opened(row, folder)


def rebuild(name: str) -> Domain:
    """The domain, built again whatever the store holds. Raises as `domain` does."""
    row = catalog.domain_row(name)
    if is_built(row):
        folder = place(row)
        aside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
        with _explained(name):
            # Renamed first: a reader sees the old folder or none, never half of one.
            folder.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)
    return domain(name)


def place(row: DomainRow) -> Path:
    """The folder of a domain. It carries a hash of the recipe's code and, with originals, of what is read.

    So a changed recipe, or another edition of the files, has another folder. With originals they have to be here.
    """
    if row.embedded:
        recipe = hashlib.sha256(f"{LAYOUT} {row.name}\n".encode() + _code(row.build))
    else:
        asked = [
            LAYOUT,
            row.name,
            row.channels,
            row.size,
            repr(getattr(row.build, "keywords", None)),
            shelf.inputs(row),
        ]
        recipe = hashlib.sha256(json.dumps(asked, sort_keys=True).encode())
        reader = row.build.func if isinstance(row.build, functools.partial) else row.build
        for used in (reader, images, listing):
            recipe.update(_code(used))
    return root() / f"{row.name}-{recipe.hexdigest()[:8]}"


def is_built(row: DomainRow) -> bool:
    """Whether the array of a domain is in the store."""
    return not shelf.missing(row) and place(row).exists()


def verify(name: str) -> Iterator[tuple[str, str, bool]]:
    """Hashes everything of a set or a domain again: yields what it is, the verdict, and whether it is in order."""
    for row in catalog.set_rows(name):
        if is_built(row):
            try:
                arrays.load(place(row), row.name, whole=True)
            except DamagedArrayError as damage:
                yield f"{row.name}, array", str(damage), False
            else:
                yield f"{row.name}, array", "as it was built", True
    yield from shelf.verify(name)


def remove(name: str) -> int:
    """Removes what the store holds of a set or a domain, also what older recipes left; returns the bytes set free.

    A set's originals go with it. A folder of images that was imported by name is the user's, and stays.
    """
    rows = catalog.set_rows(name)
    going = [folder for row in rows for folder in folders(row)]
    if not rows[0].embedded and rows == catalog.set_rows(rows[0].set):
        going.append(originals_folder(rows[0].set))
    freed = sum(bytes_in(folder) for folder in going)
    with _explained(name):
        for folder in filter(Path.exists, going):
            shutil.rmtree(folder)
    return freed


def folders(row: DomainRow) -> list[Path]:
    """Every folder of a domain, whatever recipe made it, finished or not."""
    above, stem = (root() / row.name).parent, row.name.rpartition("/")[2]
    named = re.compile(rf"\.?{re.escape(stem)}-[0-9a-f]{{8}}(\..+)?")
    return sorted(path for path in above.glob("*") if named.fullmatch(path.name))


def bytes_in(folder: Path) -> int:
    """The bytes of all files in a folder and below."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@contextlib.contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{name!r} cannot be kept in {root()}: {error.strerror or error}. Set the environment variable "
            "COURSE_DATA to a folder on a disk with room that you may write to."
        ) from error


def _build_embedded(row: DomainRow, folder: Path) -> None:
    built = row.build()
    sha256 = hashlib.sha256(np.ascontiguousarray(built.images)).hexdigest()
    here = built_with()
    if here == catalog.BUILT_WITH and sha256 != row.sha256:
        raise StoreError(
            f"The array built for {row.name!r} has the sha256 {sha256}; the catalog's frozen recipe has "
            f"{row.sha256}. Results made with it could not be compared: restore the recipe, or give the "
            "changed one a new name."
        )
    stored = {"images": built.images, "ids": built.ids, "groups": built.groups}
    stored |= {f"target-{target}": values for target, values in built.targets.items()}
    stored |= {f"split-{split}": built.splits[split] for split in SPLITS}
    facts = {"name": row.name, "classes": built.classes, "sha256": sha256, "equals_catalog": sha256 == row.sha256}
    _remove_what_killed_builds_left(row)
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    try:
        temporary.mkdir(parents=True)
        arrays.save(temporary, stored, **facts, built_with=here)
        temporary.rename(folder)
    except OSError:
        # Another process that built the same domain may have been first: its folder is as good.
        if not folder.exists():
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _code(written: object) -> bytes:
    # Unwrapped: a checker of annotations would give its own file for every recipe.
    return Path(inspect.getsourcefile(inspect.unwrap(written))).read_bytes()


def built_with() -> dict[str, str]:
    packages = ("numpy", "pillow", "opencv-python-headless")
    versions = {package: importlib.metadata.version(package) for package in packages}
    return {"system": platform.system(), "machine": platform.machine(), **versions}


def _remove_what_killed_builds_left(row: DomainRow, hours: float = 1) -> None:
    for left in folders(row):
        with contextlib.suppress(FileNotFoundError):  # another process may tidy at the same moment
            if left.name.startswith(".") and time.time() - left.stat().st_mtime > hours * 3600:
                shutil.rmtree(left, ignore_errors=True)
