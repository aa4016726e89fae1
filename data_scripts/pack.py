"""Pack: a folder of originals for a class, on a stick or served by `python3 -m http.server`."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from course_utils.data import arrays, catalog, shelf
from course_utils.data.originals import DIFFERS


def pack(into: Path, names: list[str]) -> bool:
    """Copies the originals of these sets, or of all that are here, each set with a manifest that names their hashes."""
    chosen = dict.fromkeys(catalog.set_rows(name)[0].set for name in names) or [
        name for name in catalog.set_names() if shelf.manifest(name).files
    ]
    unverified = False
    for name in chosen:
        known = shelf.manifest(name)
        if not known.files:
            why = f"{known.folder} is a folder of yours, hand round that" if known.folder else "its files are not here"
            print(f"{name} is left out: {why}.")
            continue
        with _told(name, into):
            _copy(name, known, into / name)
        unverified |= any(entry["verdict"] == DIFFERS for entry in known.files.values())
    option = " --unverified" if unverified else ""
    print(
        f"On another machine: `python3 course.py data fetch NAME --from DIR{option}`, where DIR is this folder.\n"
        f"Over the network: `python3 -m http.server` in {into}, and `... --from http://THIS-MACHINE:8000{option}`."
    )
    return True


def _copy(name: str, known: shelf.Manifest, into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    for file, entry in known.files.items():
        original, copy = shelf.originals_folder(name) / file, into / file
        if not copy.is_file() or arrays.fingerprint(copy) != arrays.fingerprint(original):
            part = into / f"{file}.part"
            shutil.copyfile(original, part)
            os.replace(part, copy)
        print(f"{name}/{file}  {shelf.size(entry['bytes'])}  {entry['verdict']}", flush=True)
    # Where the teacher had them from is nobody's business.
    files = {file: entry | {"from": "packed"} for file, entry in known.files.items()}
    arrays.replace(into / shelf.MANIFEST, dataclasses.asdict(shelf.Manifest(files)))


@contextlib.contextmanager
def _told(name: str, into: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise arrays.StoreError(f"{name} cannot be packed into {into}: {error.strerror or error}.") from error
