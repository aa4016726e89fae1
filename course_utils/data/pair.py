"""A domain, one split of it, and a pair of domains whose target labels are sealed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

SPLITS = ("train", "validation", "test")


class SealedLabelsError(RuntimeError):
    """Raised when code reads target labels that a learner without labels would not have."""


class PairError(ValueError):
    """Raised when two domains cannot stand on the two sides of one pair."""


@dataclass(frozen=True, eq=False)
class Domain:
    """Images of one origin with their labels, and the splits frozen when the array was built.

    images: uint8 `(N, C, H, W)` as published, possibly a read-only memory map, or cached features
        `(N, D)` float32.
    targets: what can be predicted, `{"label": int64 (N,)}` at least.
    splits: index arrays for train, validation and test; together they cover every image once.
    groups: the original behind each image `(N,)`. No original stands in two splits.
    pictures: uint8 thumbnails `(N, C, h, w)` where `images` are features.

    Raises ValueError, naming the domain, for arrays that no lesson could use.
    """

    name: str
    images: np.ndarray
    targets: Mapping[str, np.ndarray]
    classes: tuple[str, ...]
    splits: Mapping[str, np.ndarray]
    ids: np.ndarray
    groups: np.ndarray
    pictures: np.ndarray | None = None

    def __post_init__(self) -> None:
        images, labels = self.images, self.targets["label"]
        if images.ndim not in (2, 4) or len(images) == 0:
            raise ValueError(
                f"{self.name}: images have the shape {images.shape}; expected (N, C, H, W) uint8 or "
                "(N, D) float32 with N > 0."
            )
        wanted = np.dtype("uint8" if images.ndim == 4 else "float32")
        if images.dtype != wanted:
            raise ValueError(f"{self.name}: images are {images.dtype}; expected {wanted}.")
        if _is_constant(images):
            raise ValueError(
                f"{self.name}: every pixel has the value {images.flat[0]}. "
                "Look at how the files were read before anything is trained on them."
            )
        for what, array in {"label": labels, "ids": self.ids, "groups": self.groups}.items():
            if len(array) != len(images):
                raise ValueError(f"{self.name}: {len(array)} {what} for {len(images)} images.")
        outside = labels[(labels < 0) | (labels >= len(self.classes))]
        if len(outside):
            raise ValueError(
                f"{self.name}: label {outside[0]} is outside 0..{len(self.classes) - 1} "
                f"({len(outside)} of {len(labels)} labels)."
            )
        covered = np.sort(np.concatenate([self.splits[s] for s in SPLITS]))
        if not np.array_equal(covered, np.arange(len(images))):
            raise ValueError(f"{self.name}: the splits {SPLITS} do not cover every image exactly once.")

    @property
    def labels(self) -> np.ndarray:
        """`(N,)` int64."""
        return self.targets["label"]

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        shape = "x".join(str(n) for n in self.images.shape[1:])
        return f"Domain({self.name!r}, {len(self):,} of {shape}, {len(self.classes)} classes)"


def _is_constant(images: np.ndarray, probe: int = 256) -> bool:
    # A look at some images decides nearly always; only a suspicious set is read whole.
    first = images.flat[0]
    return bool((images[:probe] == first).all() and (images == first).all())


@dataclass(frozen=True, eq=False)
class Part:
    """One split of one domain: `indices` into the domain, with labels that may be sealed."""

    domain: Domain
    split: str
    indices: np.ndarray
    sealed: bool = False

    @property
    def images(self) -> np.ndarray:
        """`(n, C, H, W)` uint8, or `(n, D)` float32 features."""
        return self.domain.images[self.indices]

    @property
    def labels(self) -> np.ndarray:
        """`(n,)` int64. Raises SealedLabelsError on the unlabelled side of a pair."""
        if self.sealed:
            raise SealedLabelsError(
                f"The {self.split} labels of {self.domain.name!r} are sealed. In unsupervised adaptation nobody "
                "has labelled the target: a method, a stopping rule or a choice of settings that reads these "
                "labels reports a number that cannot be reached in practice. Score on target.test after "
                "training, ask cu.pair(..., shots=k) for k labels a class, or open them on the record with "
                'pair.unseal("why").'
            )
        return self.domain.labels[self.indices]

    @property
    def ids(self) -> np.ndarray:
        return self.domain.ids[self.indices]

    @property
    def groups(self) -> np.ndarray:
        return self.domain.groups[self.indices]

    def take(self, positions: np.ndarray) -> Part:
        """The same part, only at `positions`."""
        return dataclasses.replace(self, indices=self.indices[positions])

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        state = "sealed" if self.sealed else "labelled"
        return f"Part({self.domain.name!r}, {self.split}, {len(self):,} images, {state})"


@dataclass(frozen=True, eq=False)
class Side:
    """The three parts of a domain as one side of a pair sees them."""

    train: Part
    validation: Part
    test: Part
    shots: Part | None = None

    @property
    def domain(self) -> Domain:
        return self.train.domain


@dataclass(frozen=True, eq=False)
class DomainPair:
    """A labelled source and a target whose train and validation labels are sealed.

    The target's test labels are open to evaluation only. `unsealed` holds the reason when somebody
    opened the target's labels, and every run made with this pair carries it.
    """

    name: str
    source: Side
    target: Side
    classes: tuple[str, ...]
    unsealed: str | None = field(default=None)

    def unseal(self, reason: str) -> DomainPair:
        """The same pair with open target labels, for the oracle row. The reason is recorded."""
        if not reason.strip():
            raise ValueError("Say why the target labels are opened: the reason is printed beside the result.")
        target = dataclasses.replace(
            self.target,
            train=dataclasses.replace(self.target.train, sealed=False),
            validation=dataclasses.replace(self.target.validation, sealed=False),
        )
        return dataclasses.replace(self, target=target, unsealed=reason)

    def probe(self, most: int = 500) -> tuple[Part, Part]:
        """The same test images in every run: at most `most` a domain, drawn once from the pair's name."""
        rng = np.random.default_rng(np.frombuffer(self.name.encode(), np.uint8))
        return tuple(
            side.test.take(np.sort(rng.permutation(len(side.test))[:most])) for side in (self.source, self.target)
        )

    def __repr__(self) -> str:
        return (
            f"DomainPair({self.name!r}: {len(self.source.train):,} labelled source and "
            f"{len(self.target.train):,} unlabelled target images to train on, "
            f"{len(self.target.test):,} target images to score)"
        )


def pair(which: str | tuple[Domain, Domain], shots: int | None = None, seed: int = 0) -> DomainPair:
    """Two domains made ready for one network: `cu.pair("mnist-5k -> mnist-m-5k")`.

    which: the name of a catalogued pair, or two Domain objects of equal classes and image size.
    shots: opens this many target training labels per class (`pair.target.shots`), drawn with `seed`.

    Both sides get the channels and the size that the catalog's row names. No original stands on both
    sides: a source image whose original is also in the target is left out.
    Raises UnknownPairError with the nearest names, and PairError when the domains do not fit.
    """
    if isinstance(which, str):
        from course_utils.data import catalog, store

        row = catalog.pair_row(which)
        sides = [store.domain(name) for name in (row.source, row.target)]
        if row.classes is not None:
            sides = [_restrict(side, row.classes) for side in sides]
        source, target = (_reshape(side, row.channels, row.size) for side in sides)
    else:
        source, target = which
        if source.images.ndim == target.images.ndim == 4:
            channels = max(source.images.shape[1], target.images.shape[1])
            source, target = (_reshape(side, channels, side.images.shape[2]) for side in (source, target))
    _refuse_mismatch(source, target)
    source = _without(source, np.unique(target.groups))
    parts = {split: Part(target, split, target.splits[split], sealed=split != "test") for split in SPLITS}
    return DomainPair(
        name=f"{source.name} -> {target.name}",
        source=Side(**{split: Part(source, split, source.splits[split]) for split in SPLITS}),
        target=Side(**parts, shots=None if shots is None else _few_labels(parts["train"], shots, seed)),
        classes=target.classes,
    )


def _refuse_mismatch(source: Domain, target: Domain) -> None:
    if source.classes != target.classes:
        only = [
            f"only in {a.name!r}: {', '.join(map(str, sorted(set(a.classes) - set(b.classes))))}"
            for a, b in ((source, target), (target, source))
            if set(a.classes) - set(b.classes)
        ]
        raise PairError(
            f"{source.name!r} and {target.name!r} do not have the same classes in the same order "
            f"({'; '.join(only) or 'the order differs'}). A label would mean two things."
        )
    if source.images.shape[1:] != target.images.shape[1:]:
        raise PairError(
            f"{source.name!r} has images of {source.images.shape[1:]}, {target.name!r} of "
            f"{target.images.shape[1:]}: bring both to one size before they are paired."
        )


def _restrict(domain: Domain, classes: tuple[str, ...]) -> Domain:
    old = [domain.classes.index(c) for c in classes]
    new_label = np.full(len(domain.classes), -1)
    new_label[old] = np.arange(len(classes))
    keep = np.isin(domain.labels, old)
    return _select(domain, keep, targets={"label": new_label[domain.labels]}, classes=classes)


def _without(domain: Domain, groups: np.ndarray) -> Domain:
    keep = ~np.isin(domain.groups, groups)
    if not keep.any():
        raise PairError(f"Every original of {domain.name!r} also stands in the target: nothing is left to learn from.")
    return domain if keep.all() else _select(domain, keep)


def _select(domain: Domain, keep: np.ndarray, **changed: object) -> Domain:
    position = np.cumsum(keep) - 1
    targets = changed.pop("targets", domain.targets)
    return dataclasses.replace(
        domain,
        images=domain.images[keep],
        targets={name: values[keep] for name, values in targets.items()},
        splits={name: position[index[keep[index]]] for name, index in domain.splits.items()},
        ids=domain.ids[keep],
        groups=domain.groups[keep],
        pictures=None if domain.pictures is None else domain.pictures[keep],
        **changed,
    )


def _reshape(domain: Domain, channels: int, size: int) -> Domain:
    images = domain.images
    if images.shape[2:] != (size, size):
        import cv2

        images = np.stack([
            np.atleast_3d(cv2.resize(image.transpose(1, 2, 0), (size, size), interpolation=cv2.INTER_AREA)).transpose(2, 0, 1)
            for image in images
        ])  # fmt: skip
    if images.shape[1] == 1 and channels == 3:
        images = np.broadcast_to(images, (len(images), 3, size, size))
    if images.shape[1] != channels:
        raise PairError(f"{domain.name!r} has {images.shape[1]} channels and the pair asks for {channels}.")
    return domain if images is domain.images else dataclasses.replace(domain, images=images)


def _few_labels(train: Part, shots: int, seed: int) -> Part:
    labels = train.domain.labels[train.indices]
    rng = np.random.default_rng(seed)
    chosen = []
    for c, name in enumerate(train.domain.classes):
        of_class = np.flatnonzero(labels == c)
        if len(of_class) < shots:
            raise ValueError(f"{train.domain.name!r} has {len(of_class)} training images of {name!r}, not {shots}.")
        chosen.append(rng.permutation(of_class)[:shots])
    return dataclasses.replace(train.take(np.sort(np.concatenate(chosen))), split="shots", sealed=False)
