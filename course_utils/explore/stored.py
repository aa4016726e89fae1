"""Explorers that come with the course, opened by name wherever a lesson lies."""

from __future__ import annotations

from course_utils import compare
from course_utils.errors import nearest
from course_utils.explore.base import Explorer, load


def stored(name: str) -> Explorer:
    """The explorer of `results/explorers/<name>.npz`, without a fit. `benchmarks/explorers.py` made it.

    Raises ValueError, with the nearest names, for one that is not there.
    """
    paths = {path.stem: path for path in (compare.RECORDS / "explorers").glob("*.npz")}
    if name not in paths:
        raise ValueError(f"No explorer {name!r} comes with the course.{nearest(name, paths)}")
    return load(paths[name])
