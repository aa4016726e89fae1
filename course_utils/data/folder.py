"""Your own images: one folder per domain, and in each one folder per class."""

from __future__ import annotations

import difflib
import hashlib
import itertools
import numbers
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from course_utils.data.domain import SPLITS, Domain
from course_utils.data.images import ImageFiles, printable
from course_utils.data.listing import FolderError, class_folders, completed_splits, entries, listed
from course_utils.progress import progress_bar

IN_MEMORY = 2**30
"""Bytes of decoded images up to which a domain is kept in memory; a larger one is decoded when it is indexed."""
CHUNK = 512
"""Images between two steps of the progress bar."""
FEWEST = 3
"""Different images that a class needs: with fewer it could not be learned and scored."""

FEWEST_OF_A_SPLIT = 2
"""A distance between domains takes two points of each."""


class Skipped(NamedTuple):
    """A file that is in the folder and in no domain."""

    path: Path
    reason: str


class Folder(Mapping[str, Domain]):
    """Domains by the names of their folders. `skipped` lists every file that is in none of them, with the reason."""

    def __init__(self, path: Path, domains: Mapping[str, Domain], skipped: Sequence[Skipped]) -> None:
        self.path, self.skipped = path, tuple(skipped)
        self._domains = dict(domains)

    def __getitem__(self, name: str) -> Domain:
        if name not in self._domains:
            raise KeyError(f"{printable(self.path)} has the domains {', '.join(self)}, and no {name!r}.")
        return self._domains[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._domains)

    def __len__(self) -> int:
        return len(self._domains)

    def __repr__(self) -> str:
        classes = next(iter(self.values())).classes
        lines = [f"Folder {printable(self.path)} with {len(classes)} classes: {listed(classes)}"]
        for name, domain in self.items():
            parts = ", ".join(f"{len(domain.splits[split]):,} {split}" for split in SPLITS)
            lines.append(f"  {name}: {len(domain):,} images ({parts})")
        if self.skipped:
            lines.append(f"{len(self.skipped):,} files left out:")
            lines += [f"  {printable(path)}: {reason}" for path, reason in self.skipped[:10]]
        if len(self.skipped) > 10:
            lines.append(f"  and {len(self.skipped) - 10:,} more in .skipped")
        return "\n".join(lines)


def folder(path: str | Path, size: int = 128) -> Folder:
    """Your own images as domains: `mine = cu.folder("tools")`, then `cu.pair((mine["shop"], mine["web"]))`.

    path: holds one folder per domain, each of which holds one folder per class: `tools/web/hammer/1.jpg`.
    size: every image becomes its centred square at `size` x `size` in RGB, as `read_image` says.

    Each domain is split into 70 % train, 10 % validation and 20 % test, stratified by class. Files of equal pixels
    count as one original, whatever they are called: it never stands in two splits or on both sides of a pair.
    What the operating system leaves behind (`.DS_Store`, `Thumbs.db`) is passed over; every other file that gives no
    image is listed in `skipped` with its reason.

    Raises FolderError with all that is not as it should be: a class that one domain lacks, a level of folders too many
    or too few, a class with fewer than three different images, a single class, a domain so small that a split has
    fewer than two.
    """
    if not isinstance(size, numbers.Integral) or isinstance(size, bool) or size < 1:
        raise ValueError(f"size={size!r}: give the side of an image in whole pixels, such as 128.")
    root = Path(path).expanduser()
    inside = entries(root)
    homes = [entry for entry in inside if entry.is_dir()]
    classes = _shared_classes(root, homes)
    read = {printable(home.name): _read(home, classes, size) for home in homes}
    if poor := [line for name, contents in read.items() for line in _poor_classes(name, contents)]:
        raise _refusal(root, poor)
    return Folder(
        root,
        {name: _domain(name, contents) for name, contents in read.items()},
        [Skipped(entry, "lies beside the domains' folders") for entry in inside if entry not in homes]
        + [skipped for contents in read.values() for skipped in contents.skipped],
    )


class _Contents(NamedTuple):
    """The images of one domain that could be read, and the files that could not."""

    images: np.ndarray | ImageFiles
    labels: np.ndarray
    classes: tuple[str, ...]
    groups: np.ndarray
    skipped: list[Skipped]


def _shared_classes(root: Path, homes: Sequence[Path]) -> list[str]:
    inside = {home.name: {e.name: entries(e) for e in entries(home) if e.is_dir()} for home in homes}
    if not homes:
        raise _refusal(root, ["It has no folders in it."])
    if not any(inside.values()):
        names = ", ".join(inside)
        raise _refusal(root, [f"There are no folders in {names}: if they are classes, {root.name} is one domain."])
    problems = []
    for home, classes in list(inside.items()):
        deep = [name for name, files in classes.items() if files and all(file.is_dir() for file in files)]
        problems += [
            f"{home}/{name} holds folders and no images ({', '.join(e.name for e in classes[name])}): a level too many?"
            for name in deep
        ]
        problems += [f"{home}/{name} is empty." for name, files in classes.items() if not files]
        if not classes:
            problems.append(f"{home} has no class folders in it.")
        if deep or not classes:
            del inside[home]  # what it lacks is seen when its folders are in order
    known = sorted(set().union(*inside.values()))
    lacks = {home: [name for name in known if name not in classes] for home, classes in inside.items()}
    problems += [f"{home} lacks {', '.join(names)}." for home, names in lacks.items() if names]
    problems += _two_names_for_one(lacks)
    if len(known) == 1:
        problems.append(f"{known[0]} is the only class, and telling classes apart takes two.")
    if problems:
        raise _refusal(root, problems)
    return known


def _two_names_for_one(lacks: Mapping[str, Sequence[str]]) -> list[str]:
    return [
        f"Are {a} and {b} one class under two names?"
        for a, b in itertools.combinations(sorted(set().union(*lacks.values())), 2)
        if difflib.SequenceMatcher(None, a.lower(), b.lower()).ratio() > 0.7
        and not any(a in names and b in names for names in lacks.values())
    ]


def _read(home: Path, classes: Sequence[str], size: int) -> _Contents:
    listing = class_folders(home, classes, size=size)
    files, kept, rows_kept, groups = listing.images, [], [], []
    in_memory = len(files) * 3 * size**2 <= IN_MEMORY
    skipped = [Skipped(entry, "lies beside the classes' folders") for entry in entries(home) if not entry.is_dir()]
    bar = progress_bar(len(files), printable(home.name))
    for start in range(0, len(files), CHUNK):
        rows, reasons = files.read(start, start + CHUNK)
        skipped += [Skipped(Path(files.paths[position]), reason) for position, reason in reasons.items()]
        readable = [position for position in range(start, start + len(rows)) if position not in reasons]
        rows = rows[np.array(readable, np.int64) - start]
        kept += readable
        rows_kept += [rows] if in_memory else []
        groups += [hashlib.sha256(row).hexdigest()[:16] for row in rows]
        bar.update(start + CHUNK, f"{len(kept):,} of {len(files):,} images")
    bar.close(f"{len(kept):,} images")
    kept = np.array(kept, np.int64)
    return _Contents(
        images=np.concatenate(rows_kept) if in_memory else files.take(kept),
        labels=listing.labels[kept],
        classes=tuple(map(printable, classes)),
        groups=np.array(groups, "U16"),
        skipped=skipped,
    )


def _poor_classes(name: str, contents: _Contents) -> Iterator[str]:
    for label, of_class in enumerate(contents.classes):
        different = len(np.unique(contents.groups[contents.labels == label]))
        if different < FEWEST:
            unreadable = [one for one in contents.skipped if printable(one.path.parent.name) == of_class]
            first = f"; {len(unreadable)} files give none ({unreadable[0].reason})" if unreadable else ""
            yield f"{name}/{of_class} has {different} different images, fewer than {FEWEST}{first}."


def _domain(name: str, contents: _Contents) -> Domain:
    splits = completed_splits(contents.labels, {}, seed=0, groups=contents.groups)
    if min(map(len, splits.values())) < FEWEST_OF_A_SPLIT:
        raise FolderError(
            f"{name} has so few different images that train, validation and test cannot have two each: ten a class are "
            "a beginning."
        )
    return Domain(
        name=name,
        images=contents.images,
        targets={"label": contents.labels},
        classes=contents.classes,
        splits=splits,
        ids=np.arange(len(contents.labels)),
        groups=contents.groups,
    )


def _refusal(root: Path, problems: Sequence[str]) -> FolderError:
    root = printable(root)
    return FolderError(
        "\n  ".join(
            [
                f"{root} cannot be used as it is:",
                *map(printable, problems),
                f"Expected {root}/<domain>/<class>/<image>, with the same classes in every domain. Rename or move "
                "folders until it is so, or give the path of another folder.",
            ]
        )
    )
