"""List and where: what there is, what is here, and how much room it takes."""

from __future__ import annotations

import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from course_utils.data import catalog, shelf, store, weights
from course_utils.data.rows import DomainRow


def show() -> bool:
    """Embedded domains, fetched sets, weights and pairs; one or two lines each."""
    print(f"store: {store.root()}")
    print("\nCame with the packages:")
    for row in catalog.DOMAINS.values():
        if row.embedded:
            state = "in the store" if store.is_built(row) else "built on first use"
            _print(row.name, row.title, f"{_counted([row])}, {state}", row.licence)
    print("\nTo be fetched or imported, `python3 course.py data fetch NAME` or `... import NAME PATH`:")
    for name in catalog.set_names():
        rows = catalog.set_rows(name)
        if not rows[0].embedded:
            _print(name, _title(rows), f"{_counted(rows)}, {state_of(rows)}", rows[0].licence)
    print("\nWeights, `python3 course.py data import weights PATH`, then `cu.nets.imported_net(NAME, classes)`:")
    for row in weights.WEIGHTS.values():
        much = shelf.size(row.bytes) if row.bytes else "size unknown"
        print(
            f"  {row.name:<40} {row.title} ({'here' if weights.is_here(row) else f'to import, {much}'}); {row.licence}"
        )
    print("\nPairs:")
    print("\n".join(f"  {line}" for line in _pairs()))
    return True


def state_of(rows: Sequence[DomainRow]) -> str:
    """Whether a set that others publish is here, and otherwise what it costs to bring it."""
    built = sum(store.is_built(row) for row in rows)
    if built == len(rows):
        return "ready"
    wanted = shelf.originals_of(rows)
    missing = list(dict.fromkeys(original for row in rows for original in shelf.missing(row)))
    if not missing:
        return f"here, {built} of {len(rows)} ready" if built else "here, made ready on first use"
    sizes = [original.bytes for original in missing]
    much = shelf.size(sum(sizes)) if all(sizes) else "size unknown"
    way = "to fetch" if all(original.urls for original in missing) else "to import"
    held = f", {len(wanted) - len(missing)} of {len(wanted)} files are here" if len(missing) < len(wanted) else ""
    return f"{way}, {much}{held}"


def where() -> bool:
    """The store, the read-only folder of originals, and the room that each set takes."""
    root = store.root()
    print(f"store: {root} ({'COURSE_DATA' if 'COURSE_DATA' in os.environ else 'COURSE_DATA would choose another'})")
    print(f"originals to import from: {os.environ.get('COURSE_ORIGINALS') or 'none, COURSE_ORIGINALS is not set'}")
    disk = next(folder for folder in (root, *root.parents) if folder.exists())
    print(f"free there: {shelf.size(shutil.disk_usage(disk).free)}\n")
    for name in catalog.set_names():
        rows = catalog.set_rows(name)
        folders = [folder for row in rows for folder in store.folders(row)]
        current = {store.place(row) for row in rows if store.is_built(row)}
        parts = {
            "originals": store.bytes_in(shelf.originals_folder(name)),
            "arrays": sum(store.bytes_in(folder) for folder in folders if folder in current),
            "older or unfinished arrays": sum(store.bytes_in(folder) for folder in folders if folder not in current),
        }
        told = [f"{what} {shelf.size(n)}" for what, n in parts.items() if n]
        if own := shelf.manifest(name).folder:
            told.append(f"images in {own}")
        if told:
            print(f"{name:<14} {', '.join(told)}")
    if held := store.bytes_in(shelf.originals_folder(weights.SET)):
        print(f"{weights.SET:<14} {shelf.size(held)}")
    return True


def _pairs(most: int = 3) -> Iterator[str]:
    """One line a pair, or one line for all pairs of two sets: `pacs/* -> pacs/*  (12 pairs)`."""
    kin = defaultdict(list)
    for name, pair in catalog.PAIRS.items():
        kin[catalog.domain_row(pair.source).set, catalog.domain_row(pair.target).set].append((name, pair))
    for sets, pairs in kin.items():
        if len(pairs) > most:
            source, target = (f"{name}/*" if len(catalog.set_rows(name)) > 1 else name for name in sets)
            yield f"{source} -> {target}  ({len(pairs)} pairs)"
        else:
            yield from (f"{name}{'  (development)' if pair.development else ''}" for name, pair in pairs)


def _title(rows: Sequence[DomainRow]) -> str:
    if len(rows) == 1:
        return rows[0].title
    parts = [part for row in rows if (part := row.name.partition("/")[2])]
    return f"{rows[0].title.partition(':')[0]}: {', '.join(parts)}"


def _counted(rows: Sequence[DomainRow]) -> str:
    # A set may hold the same images under other classes: then each has a number of its own.
    images = Counter()
    for row in rows:
        images[len(row.classes)] += sum(row.counts.values())
    return "; ".join(f"{n:,} images, {classes} classes" for classes, n in images.items())


def _print(name: str, title: str, facts: str, licence: str) -> None:
    print(f"  {name:<14} {title} ({facts})\n{'':<17}{licence}")
