"""Verify and remove: is it still what was written, and away with it."""

from __future__ import annotations

from collections.abc import Iterable

from course_utils.data import catalog, shelf, store, weights


def verify(name: str | None) -> bool:
    """Hashes originals, arrays and weights again, and says what is wrong and what to do."""
    in_order, seen = True, False
    for one in (*catalog.set_names(), weights.SET) if name is None else (name,):
        for what, verdict, good in _checked(one):
            print(f"{what}: {verdict}", flush=True)
            in_order, seen = in_order and good, True
    if name is not None and not seen:
        print(f"Nothing of {name} is here, so there is nothing to verify.")
        return True
    print("Everything is in order." if in_order else "Not everything is in order.")
    return in_order


def remove(name: str) -> bool:
    """What the store holds of it, arrays and originals; never a folder of the user's own."""
    if name == weights.SET:
        print(f"The weights are removed: {shelf.size(weights.remove())} are free again.")
        return True
    folder = shelf.manifest(catalog.set_rows(name)[0].set).folder
    print(f"{name} is removed: {shelf.size(store.remove(name))} are free again.")
    if folder:
        print(f"{folder} is yours and stays.")
    return True


def _checked(name: str) -> Iterable[tuple[str, str, bool]]:
    if name == weights.SET:
        return weights.verify()
    rows = catalog.set_rows(name)
    is_here = shelf.manifest(rows[0].set) != shelf.Manifest() or any(
        store.is_built(row) for row in catalog.set_rows(rows[0].set)
    )
    return store.verify(name) if is_here else ()
