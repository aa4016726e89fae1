"""Build the embedded domains, so that no lesson waits for them."""

from __future__ import annotations

import time

from course_utils.data import store


def prepare(names: list[str]) -> None:
    """Build what the store lacks, and build again what is damaged; one line a domain."""
    for name in names:
        start = time.perf_counter()
        try:
            domain = store.domain(name)
        except store.DamagedArrayError as damage:
            print(f"{damage}\nBuilding it again.")
            domain = store.rebuild(name)
        print(f"{name:<12} {len(domain):>7,} images  {time.perf_counter() - start:5.2f} s")
