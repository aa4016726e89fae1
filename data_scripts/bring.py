"""Fetch and import: the originals of a set come here, each with a line that says what it turned out to be."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from course_utils.data import arrivals, catalog, shelf, weights
from course_utils.data.originals import Checked


def fetch(name: str, first: list[str], unverified: bool) -> bool:
    """From `first` or from the publisher's addresses, checked, and going on where an earlier try broke off."""
    if not shelf.originals_of(catalog.set_rows(name)):
        print(f"{name} came with the packages: there is nothing to fetch.")
        return True
    _print(arrivals.fetch_set(name, first, unverified))
    _say_what_is_missing(name)
    return True


def import_(name: str, path: Path, unverified: bool) -> bool:
    """Copies files and archives; a folder of images stays where it is. Weights are taken only as published."""
    if name == weights.SET:
        _print([weights.take(path)])
        return True
    taken = arrivals.take(name, path, unverified)
    _print(taken)
    if not taken:
        listing = shelf.manifest(catalog.set_rows(name)[0].set).listing
        much = f"{listing['files']:,} files, {shelf.size(listing['bytes'])}"
        print(f"{path} ({much}) is read where it lies: keep it there.")
    _say_what_is_missing(name)
    return True


def _print(taken: Iterable[Checked]) -> None:
    for checked in taken:
        print(f"{checked.name}  {shelf.size(checked.bytes)}  {checked.verdict}", flush=True)


def _say_what_is_missing(name: str) -> None:
    rows = catalog.set_rows(name)
    missing = dict.fromkeys(original.name for row in rows for original in shelf.missing(row))
    if missing:
        print(f"Still missing: {', '.join(missing)}.")
    else:
        print(f"{name} is here. It is made ready on first use; `python3 course.py data prepare {name}` does it now.")
