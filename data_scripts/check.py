"""Verify and remove: is it still what was written, and away with it."""

from __future__ import annotations

from course_utils.data import catalog, shelf, store


def verify(name: str | None) -> bool:
    """Hashes originals and arrays again, and says what is wrong and what to do."""
    names = [known for known in catalog.set_names() if _is_here(known)] if name is None else [name]
    if name is not None and not _is_here(catalog.set_rows(name)[0].set):
        print(f"Nothing of {name} is here, so there is nothing to verify.")
        return True
    in_order = True
    for name in names:
        for what, verdict, good in store.verify(name):
            print(f"{what}: {verdict}", flush=True)
            in_order &= good
    print("Everything is in order." if in_order else "Not everything is in order.")
    return in_order


def remove(name: str) -> bool:
    """What the store holds of it, arrays and originals; never a folder of the user's own."""
    folder = shelf.manifest(catalog.set_rows(name)[0].set).folder
    print(f"{name} is removed: {shelf.size(store.remove(name))} are free again.")
    if folder:
        print(f"{folder} is yours and stays.")
    return True


def _is_here(name: str) -> bool:
    return shelf.manifest(name) != shelf.Manifest() or any(map(store.is_built, catalog.set_rows(name)))
