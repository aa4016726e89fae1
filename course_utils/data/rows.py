"""What the catalog says of a domain and of a pair."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from course_utils.data.domain import Domain
from course_utils.data.listing import Listing
from course_utils.data.originals import Original


@dataclass(frozen=True)
class DomainRow:
    """One domain: what it is, whose it is, and how its array is built.

    Embedded rows lie inside installed packages; the others are read from `originals`, which have to be here first.

    counts: images per split as published; `{"all": n}` where none is published and the splits are drawn here.
    per_class: under the names of `counts`, images of each class in the order of `classes`; empty where nobody says.
    size, channels: of one image.
    licence: the licence, or else what the publisher asks; "none stated" where there is neither.
    card: what a reader must know before quoting a number.
    build: makes the Domain of an embedded row; otherwise reads a folder of originals (a `functools.partial` where
        one function reads several domains).
    sha256: of the built image array's bytes in C order, exact where `BUILT_WITH` holds; empty with originals,
        since the array depends on the edition that was fetched or imported.
    originals: the published files that this domain is read from; rows of one set share them where the publisher
        packs all domains into one. None for an embedded row.
    lazy: too big for one array, so its images are decoded whenever they are indexed.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    counts: Mapping[str, int]
    channels: int
    size: int
    citation: str
    licence: str
    card: str
    build: Callable[[], Domain] | Callable[[Path], Listing]
    sha256: str = ""
    originals: tuple[Original, ...] = ()
    lazy: bool = False
    per_class: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def embedded(self) -> bool:
        """Whether the images came with the packages, so that nothing has to be fetched."""
        return not self.originals

    @property
    def set(self) -> str:
        """`pacs` of `pacs/photo`; a plain domain is a set of its own."""
        return self.name.partition("/")[0]


@dataclass(frozen=True)
class PairRow:
    """One pair: both sides are brought to `channels` x `size` x `size` and, where named, to `classes`.

    development: settings are chosen on these pairs, so no table of adaptation results reports them.
    """

    source: str
    target: str
    size: int
    channels: int
    classes: tuple[str, ...] | None = None
    development: bool = False
