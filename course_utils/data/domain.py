"""A domain, and one split of it whose labels may be sealed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from course_utils.data.images import ImageFiles

SPLITS = ("train", "validation", "test")


class SealedLabelsError(RuntimeError):
    """Raised when code reads target labels that a learner without labels would not have."""


@dataclass(frozen=True, eq=False)
class Domain:
    """Images of one origin with their labels, and the splits frozen when the array was built.

    images: uint8 `(N, C, H, W)` as published, possibly a read-only memory map or files that are decoded when
        indexed; or cached features `(N, D)` float32.
    targets: what can be predicted, `{"label": int64 (N,)}` at least.
    splits: index arrays for train, validation and test; together they cover every image once.
    groups: the original behind each image `(N,)`. No original stands in two splits.
    pictures: uint8 thumbnails `(N, C, h, w)` where `images` are features.
    sha256: of the images' bytes, where the store knows it; None once images were selected or changed.

    Raises ValueError, naming the domain, for arrays that no lesson could use.
    """

    name: str
    images: np.ndarray | ImageFiles
    targets: Mapping[str, np.ndarray]
    classes: tuple[str, ...]
    splits: Mapping[str, np.ndarray]
    ids: np.ndarray
    groups: np.ndarray
    pictures: np.ndarray | None = None
    sha256: str | None = None

    def __post_init__(self) -> None:
        if "label" not in self.targets or (lacking := [s for s in SPLITS if s not in self.splits]):
            absent = "targets lack 'label'" if "label" not in self.targets else f"splits lack {', '.join(lacking)}"
            raise ValueError(f"{self.name}: {absent}. A domain has targets={{'label': ...}} and the splits {SPLITS}.")
        images, labels = self.images, self.targets["label"]
        if not isinstance(images, np.ndarray | ImageFiles):
            raise ValueError(f"{self.name}: images are a {type(images).__name__}; expected a NumPy array.")
        if not isinstance(labels, np.ndarray):
            raise ValueError(f"{self.name}: labels are a {type(labels).__name__}; expected a NumPy array.")
        if not isinstance(self.classes, tuple) or not self.classes:
            raise ValueError(f"{self.name}: classes are {self.classes!r}; expected a tuple of names.")
        if images.ndim not in (2, 4) or len(images) == 0:
            raise ValueError(
                f"{self.name}: images have the shape {images.shape}; expected (N, C, H, W) uint8 or "
                "(N, D) float32 with N > 0."
            )
        wanted = np.dtype("uint8" if images.ndim == 4 else "float32")
        if images.dtype != wanted:
            raise ValueError(f"{self.name}: images are {images.dtype}; expected {wanted}.")
        if images.ndim == 4 and images.shape[3] in (1, 3) and images.shape[1] not in (1, 3):
            raise ValueError(
                f"{self.name}: images have the shape {images.shape}, with the channels last; expected (N, C, H, W): "
                "images.transpose(0, 3, 1, 2)."
            )
        if images.ndim == 2 and not isinstance(images, np.memmap) and not np.isfinite(images).all():
            raise ValueError(f"{self.name}: features hold NaN or infinity.")
        if _is_constant(images):
            raise ValueError(
                f"{self.name}: every pixel has the value {images.flat[0]}. "
                "Look at how the files were read before anything is trained on them."
            )
        for what, array in {**self.targets, "ids": self.ids, "groups": self.groups}.items():
            if len(array) != len(images):
                raise ValueError(f"{self.name}: {len(array)} {what} for {len(images)} images.")
        if labels.dtype.kind not in "iu":
            raise ValueError(
                f"{self.name}: labels are {labels.dtype}; expected whole numbers, 0 for {self.classes[0]!r}."
            )
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


def _is_constant(images: np.ndarray | ImageFiles, chunk: int = 256) -> bool:
    # A look at one image decides nearly always; only a suspicious set is read whole.
    first = images[:1]
    value = first.flat[0]
    return bool((first == value).all()) and all(
        (images[i : i + chunk] == value).all() for i in range(0, len(images), chunk)
    )


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
        return self.target("label")

    def target(self, name: str) -> np.ndarray:
        """`(n, ...)` of what can be predicted, by its name in `Domain.targets`; as sealed as the labels."""
        if self.sealed:
            raise SealedLabelsError(
                f"The {self.split} labels of {self.domain.name!r} are sealed. In unsupervised adaptation nobody "
                "has labelled the target: a method, a stopping rule or a choice of settings that reads these "
                "labels reports a number that cannot be reached in practice. Score on target.test after "
                "training, ask cu.pair(..., shots=k) for k labels a class, or open them on the record with "
                'pair.unseal("why").'
            )
        return self.domain.targets[name][self.indices]

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
