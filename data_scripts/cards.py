"""Data cards as Markdown, made from the catalog alone: what is in a set, whose it is, and how it comes here."""

from __future__ import annotations

from collections.abc import Sequence

from course_utils.data import catalog, shelf
from course_utils.data.originals import Original
from course_utils.data.rows import DomainRow

WIDEST = 12  # columns: more classes are listed and not set in a table


def all_cards(which: str) -> str:
    """The cards of every `embedded` or every `published` set, one below the other."""
    sets = [catalog.set_rows(name) for name in catalog.set_names()]
    return "\n\n".join(card_of(rows) for rows in sets if rows[0].embedded == (which == "embedded"))


def card_of(rows: Sequence[DomainRow]) -> str:
    """One set: its domains, what to know before quoting a number, its classes, licence, citation and files."""
    first = rows[0]
    lines = [f"### {first.set if len(rows) > 1 else first.name}", "", *_domains(rows), ""]
    lines += [text + "\n" for text in dict.fromkeys(row.card for row in rows)]
    lines += [*_classes(rows), ""]
    lines += [f"- Licence: {licence}." for licence in dict.fromkeys(row.licence.rstrip(".") for row in rows)]
    lines += [f"- Citation: {citation}." for citation in dict.fromkeys(row.citation.rstrip(".") for row in rows)]
    if first.embedded:
        lines.append(f"- Comes with the packages: `cu.domain({first.name!r})` is all.")
    else:
        lines += [f"- {_file(original)}" for original in shelf.originals_of(rows)]
        lines.append(f"- Get it: {_ways(first.set, shelf.originals_of(rows))}.")
    return "\n".join(lines)


def _domains(rows: Sequence[DomainRow]) -> list[str]:
    table = ["| domain | what it is | images | pixels |", "| --- | --- | ---: | --- |"]
    for row in rows:
        counts = ", ".join(f"{part} {n:,}" for part, n in row.counts.items()) if len(row.counts) > 1 else ""
        images = f"{sum(row.counts.values()):,}" + (f" ({counts})" if counts else "")
        pixels = f"{row.size}x{row.size} {'grey' if row.channels == 1 else 'RGB'}"
        table.append(f"| `{row.name}` | {row.title} | {images} | {pixels}{', decoded when read' if row.lazy else ''} |")
    return table


def _classes(rows: Sequence[DomainRow]) -> list[str]:
    classes = rows[0].classes
    counted = [(row, part, counts) for row in rows for part, counts in row.per_class.items()]
    if not counted or len(classes) > WIDEST:
        return [f"{len(classes)} classes: {', '.join(classes)}. Images of each: see `data card`."]
    table = [f"| images of | {' | '.join(classes)} |", f"| --- |{' ---: |' * len(classes)}"]
    for row, part, counts in counted:
        name = f"`{row.name}`" if part == "all" else f"`{row.name}` {part}"
        table.append(f"| {name} | {' | '.join(f'{n:,}' for n in counts)} |")
    return table


def _file(original: Original) -> str:
    much = shelf.size(original.bytes) if original.bytes else "size not published"
    known = [name for name in ("sha256", "md5") if getattr(original, name)]
    checksum = f"{' and '.join(known)} known" if known else "no checksum known"
    mirrors = f", {len(original.urls)} addresses" if len(original.urls) > 1 else ""
    return f"`{original.name}`: {much}, {checksum}{mirrors}{'' if original.urls else ', no address'}"


def _ways(name: str, originals: Sequence[Original]) -> str:
    by_hand = f"`python3 course.py data import {name} PATH`"
    if all(original.urls for original in originals):
        return f"`python3 course.py data fetch {name}`, or {by_hand}"
    return f"{by_hand}, with the files from wherever you have them"
