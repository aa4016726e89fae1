"""Where arrays live: a domain is built once into a folder of its own and memory-mapped from then on."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import inspect
import json
import os
import platform
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import platformdirs

from course_utils.data import catalog
from course_utils.data.catalog import DomainRow
from course_utils.data.domain import SPLITS, Domain

LAYOUT = 1


class StoreError(RuntimeError):
    """Raised when the store cannot be written or read; the message says what to do."""


class DamagedArrayError(StoreError):
    """Raised when a stored file is no longer the one that was written."""


def domain(name: str) -> Domain:
    """A domain of the catalog: built on first use, afterwards opened as a read-only memory map.

    Raises UnknownDomainError with the nearest names, StoreError when the store cannot be written, and
    DamagedArrayError when a stored file has changed.
    """
    row = catalog.domain_row(name)
    folder = place(row)
    with _explained(name):
        if not folder.exists():
            _build(row, folder)
        return _open(row, folder)


def rebuild(name: str) -> Domain:
    """The domain, built again whatever the store holds. Raises as `domain` does."""
    folder = place(catalog.domain_row(name))
    aside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    with _explained(name):
        if folder.exists():
            # Renamed first: a reader sees the old folder or none, never half of one.
            folder.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)
    return domain(name)


def root() -> Path:
    """The writable store: COURSE_DATA, or the user's cache folder."""
    if chosen := os.environ.get("COURSE_DATA"):
        return Path(chosen).expanduser()
    return Path(platformdirs.user_cache_dir("course-utils", appauthor=False))


def place(row: DomainRow) -> Path:
    """The folder of a domain. It carries a hash of the recipe's code: a changed recipe has another folder."""
    code = Path(inspect.getsourcefile(row.build)).read_bytes()
    recipe = hashlib.sha256(f"{LAYOUT} {row.name}\n".encode() + code).hexdigest()
    return root() / f"{row.name}-{recipe[:8]}"


@contextlib.contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{name!r} cannot be kept in {root()}: {error.strerror or error}. Set the environment variable "
            "COURSE_DATA to a folder on a disk with room that you may write to."
        ) from error


def _build(row: DomainRow, folder: Path) -> None:
    built = row.build()
    sha256 = hashlib.sha256(np.ascontiguousarray(built.images)).hexdigest()
    here = built_with()
    if here == catalog.BUILT_WITH and sha256 != row.sha256:
        raise StoreError(
            f"The array built for {row.name!r} has the sha256 {sha256}; the catalog's frozen recipe has "
            f"{row.sha256}. Results made with it could not be compared: restore the recipe, or give the "
            "changed one a new name."
        )
    arrays = {"images": built.images, "ids": built.ids, "groups": built.groups}
    arrays |= {f"target-{target}": values for target, values in built.targets.items()}
    arrays |= {f"split-{split}": built.splits[split] for split in SPLITS}
    _remove_what_killed_builds_left(row, folder.parent)
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    try:
        temporary.mkdir(parents=True)
        for stem, array in arrays.items():
            np.save(temporary / f"{stem}.npy", array, allow_pickle=False)
        meta = {
            "name": row.name,
            "classes": built.classes,
            "sha256": sha256,
            "equals_catalog": sha256 == row.sha256,
            "built_with": here,
            "files": {file.name: _fingerprint(file) for file in sorted(temporary.iterdir())},
        }
        (temporary / "meta.json").write_text(json.dumps(meta, indent=1), encoding="utf-8")
        temporary.rename(folder)
    except OSError:
        # Another process that built the same domain may have been first: its folder is as good.
        if not folder.exists():
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _open(row: DomainRow, folder: Path) -> Domain:
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        files = meta["files"]
    except (FileNotFoundError, ValueError, KeyError) as error:
        raise _damaged(row, folder, "meta.json") from error
    arrays = {}
    for name, written in files.items():
        if not (folder / name).is_file() or _fingerprint(folder / name) != written:
            raise _damaged(row, folder, name)
        mode = "r" if name == "images.npy" else None
        arrays[name.removesuffix(".npy")] = np.load(folder / name, mmap_mode=mode, allow_pickle=False)
    for array in arrays.values():
        array.flags.writeable = False
    return Domain(
        name=row.name,
        images=arrays["images"],
        targets={name.removeprefix("target-"): values for name, values in arrays.items() if name.startswith("target-")},
        classes=tuple(meta["classes"]),
        splits={split: arrays[f"split-{split}"] for split in SPLITS},
        ids=arrays["ids"],
        groups=arrays["groups"],
    )


def _damaged(row: DomainRow, folder: Path, file: str) -> DamagedArrayError:
    return DamagedArrayError(
        f"{file} of {row.name!r} in {folder} is not the file that was written there. "
        f"`python -m data_scripts prepare {row.name}` builds the domain again."
    )


def _fingerprint(file: Path) -> dict[str, int | str]:
    with file.open("rb") as opened:
        return {
            "bytes": file.stat().st_size,
            "sha256": hashlib.file_digest(opened, "sha256").hexdigest(),
        }


def built_with() -> dict[str, str]:
    versions = {package: importlib.metadata.version(package) for package in ("numpy", "pillow")}
    return {"system": platform.system(), "machine": platform.machine(), **versions}


def _remove_what_killed_builds_left(row: DomainRow, store: Path, hours: float = 1) -> None:
    for left in store.glob(f".{row.name}-*"):
        with contextlib.suppress(FileNotFoundError):  # another process may tidy at the same moment
            if time.time() - left.stat().st_mtime > hours * 3600:
                shutil.rmtree(left, ignore_errors=True)
