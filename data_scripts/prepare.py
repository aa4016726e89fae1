"""Build arrays, so that no lesson waits for them."""

from __future__ import annotations

import time

from course_utils.data import catalog, store


def prepare(names: list[str]) -> bool:
    """Build what the store lacks, and build again what is damaged; one line a domain."""
    embedded = [row.name for row in catalog.DOMAINS.values() if row.embedded]
    for row in [row for name in names or embedded for row in catalog.set_rows(name)]:
        start = time.perf_counter()
        try:
            domain = store.domain(row.name)
        except store.DamagedArrayError as damage:
            print(f"{damage}\nBuilding it again.")
            domain = store.rebuild(row.name)
        print(f"{row.name:<12} {len(domain):>7,} images  {time.perf_counter() - start:5.2f} s")
    return True
