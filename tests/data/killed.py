"""Kills builds of `shapes/drawn` at chosen moments and prints what is left: `python -m tests.data.killed FOLDER`.

The process forks before it has threads, so that torch is imported once and each child can be killed for good.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np

from course_utils.data import arrays, arrivals, catalog, images, shelf, store
from tests.data.made_up import pack_pictures, pictures_row

MOMENTS = {
    "before the first chunk is on the disk": (os, "fsync", 0),
    "before the fourth chunk is on the disk": (os, "fsync", 3),
    "before the second note": (arrays, "replace", 1),
    "before the first small array": (np, "save", 0),
    "between the small arrays": (np, "save", 3),
    "before the folder gets its name": (Path, "rename", 0),
    "after the folder got its name": (arrays, "forget_progress", 0),
}


def die_at(place: object, name: str, call: int) -> None:
    """Kill this process when the function is called for the `call`th time."""
    calls, function = [], getattr(place, name)

    def counted(*given, **options):
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        calls.append(name)
        return function(*given, **options)

    setattr(place, name, counted)


def outcome(row, moment: tuple, whole) -> tuple[bool, bool, int, bool]:
    child = os.fork()
    if child == 0:
        die_at(*moment)
        store.domain(row.name)
        os._exit(0)
    killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    named, decoded, decode = store.place(row).exists(), [], images.decode
    images.decode = lambda paths, *size: decoded.extend(paths) or decode(paths, *size)
    again = store.domain(row.name)
    images.decode = decode
    equal = all(np.array_equal(again.splits[split], whole.splits[split]) for split in whole.splits)
    equal &= np.array_equal(again.images, whole.images) and np.array_equal(again.labels, whole.labels)
    equal &= [folder.name for folder in store.folders(row)] == [store.place(row).name]
    return killed, named, len(decoded), equal


def main(folder: Path) -> None:
    archive = pack_pictures(folder / "shapes", folder / "published" / "shapes.zip")
    row = catalog.DOMAINS["shapes/drawn"] = pictures_row(archive)
    arrays.CHUNK = 4 * 3 * 8 * 8
    told, whole = [], None
    for number, (name, moment) in enumerate([("nobody killed this one", None), *MOMENTS.items()]):
        os.environ["COURSE_DATA"] = str(folder / str(number))
        arrivals.take("shapes", archive)
        shelf.reading_folder(row)  # unpacked, so that the moments are those of the build
        if moment is None:
            whole = store.domain(row.name)
        else:
            told.append((name, *outcome(row, moment, whole)))
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
