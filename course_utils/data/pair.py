"""Two domains as a pair: a labelled source, and a target whose labels are sealed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

import numpy as np

from course_utils.data import catalog, store
from course_utils.data.domain import SPLITS, Domain, Part
from course_utils.data.images import ImageFiles
from course_utils.data.objects import ABSENT


class PairError(ValueError):
    """Raised when two domains cannot stand on the two sides of one pair."""


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
    unsealed: str | None = None

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

    def _told(self) -> str:
        few, all_ = self.target.shots, f"{len(self.target.train):,}"
        if self.unsealed:
            return f"{all_} labelled"
        return f"{all_} unlabelled" if few is None else f"{len(few):,} labelled of {all_}"

    def __repr__(self) -> str:
        return (
            f"DomainPair({self.name!r}: {len(self.source.train):,} labelled source and "
            f"{self._told()} target images to train on, "
            f"{len(self.target.test):,} target images to score)"
        )


def pair(which: str | tuple[Domain, Domain], shots: int | Literal["all"] | None = None, seed: int = 0) -> DomainPair:
    """Two domains made ready for one network: `cu.pair("mnist-5k -> mnist-m-5k")`.

    which: the name of a catalogued pair, or two Domain objects of equal classes and image size.
    shots: opens so many target training labels per class (`pair.target.shots`), drawn with `seed`: the few of one
        seed are among the more of the same seed. "all" opens every one.

    Both sides get the channels and the size that the catalog's row names, boxes and masks with their images. No
    original stands on both sides: the side that has more originals leaves the shared ones out.
    Raises UnknownPairError with the nearest names, PairError when the domains do not fit, and ValueError for more
    labels than a class has.
    """
    if isinstance(which, str):
        row = catalog.pair_row(which)
        sides = [store.domain(name) for name in (row.source, row.target)]
        if row.classes is not None:
            sides = [_restrict(side, row.classes) for side in sides]
        source, target = (_reshape(side, row.channels, row.size) for side in sides)
    else:
        if not (isinstance(which, tuple | list) and len(which) == 2 and all(isinstance(d, Domain) for d in which)):
            raise PairError(
                f"{which!r} is no pair: give a name, cu.pair('mnist-5k -> mnist-m-5k'), or two domains, "
                "cu.pair((cu.domain('mnist-5k'), mine))."
            )
        source, target = which
        if source.images.ndim == target.images.ndim == 4:
            channels = max(source.images.shape[1], target.images.shape[1])
            source, target = (_reshape(side, channels, side.images.shape[2]) for side in (source, target))
    _refuse_mismatch(source, target)
    # The side with more originals gives up the shared ones, or nothing would be left of the other.
    if len(np.unique(source.groups)) >= len(np.unique(target.groups)):
        source = _without(source, target.groups)
    else:
        target = _without(target, source.groups)
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
    if others := sorted(domain.targets.keys() - {"label"}):
        raise PairError(
            f"{domain.name!r} holds {', '.join(others)}, and an image of a class that the pair keeps may show things "
            "of those that it leaves out. Pair the whole domain: cu.pair((source, target))."
        )
    old = [domain.classes.index(c) for c in classes]
    new_label = np.full(len(domain.classes), -1)
    new_label[old] = np.arange(len(classes))
    keep = np.isin(domain.labels, old)
    return _select(domain, keep, targets={"label": new_label[domain.labels]}, classes=classes)


def _without(domain: Domain, groups: np.ndarray) -> Domain:
    keep = ~np.isin(domain.groups, groups)
    if not keep.any():
        raise PairError(f"Every original of {domain.name!r} also stands on the other side: nothing is left of it.")
    return domain if keep.all() else _select(domain, keep)


def _select(domain: Domain, keep: np.ndarray, **changed: object) -> Domain:
    position = np.cumsum(keep) - 1
    targets = changed.pop("targets", domain.targets)
    return dataclasses.replace(
        domain,
        images=domain.images.take(keep) if isinstance(domain.images, ImageFiles) else domain.images[keep],
        targets={name: values[keep] for name, values in targets.items()},
        splits={name: position[index[keep[index]]] for name, index in domain.splits.items()},
        ids=domain.ids[keep],
        groups=domain.groups[keep],
        pictures=None if domain.pictures is None else domain.pictures[keep],
        sha256=None,
        **changed,
    )


def _reshape(domain: Domain, channels: int, size: int) -> Domain:
    images = domain.images
    if images.shape[2:] != (size, size):
        import cv2

        scaled = [cv2.resize(image.transpose(1, 2, 0), (size, size), interpolation=cv2.INTER_AREA) for image in images]
        # OpenCV drops the channel axis of grey images.
        images = np.stack([np.atleast_3d(image).transpose(2, 0, 1) for image in scaled])
    if images.shape[1] == 1 and channels == 3:
        images = np.broadcast_to(images, (len(images), 3, size, size))
    if images.shape[1] != channels:
        raise PairError(f"{domain.name!r} has {images.shape[1]} channels and the pair asks for {channels}.")
    if images is domain.images:
        return domain
    return dataclasses.replace(domain, images=images, targets=_resized(domain, size), sha256=None)


def _resized(domain: Domain, size: int) -> dict[str, np.ndarray]:
    """All targets, boxes and masks brought to images of `size` x `size` by torchvision: a mask by the nearest pixel."""
    targets, canvas = dict(domain.targets), tuple(domain.images.shape[2:])
    if canvas == (size, size) or not {"box", "mask"} & set(targets):
        return targets
    import torch
    from torchvision import tv_tensors
    from torchvision.transforms.v2 import functional as v2

    if "box" in targets:
        # As floats: torchvision would cut whole pixels down, until a small box has no area.
        corners = torch.tensor(targets["box"], dtype=torch.float32).reshape(-1, 4)
        boxes = v2.resize(tv_tensors.BoundingBoxes(corners, format="XYXY", canvas_size=canvas), [size, size])
        there = (targets["box_label"] != ABSENT)[..., None]
        targets["box"] = np.where(there, boxes.numpy().reshape(targets["box"].shape), np.float32(ABSENT))
    if "mask" in targets:
        targets["mask"] = v2.resize(tv_tensors.Mask(torch.tensor(targets["mask"])), [size, size]).numpy()
    return targets


def _few_labels(train: Part, shots: int | Literal["all"], seed: int) -> Part:
    if shots == "all":
        return dataclasses.replace(train, split="shots", sealed=False)
    if not isinstance(shots, int | np.integer) or shots < 1:
        raise ValueError(
            f"{shots!r} labels a class are none to learn from: ask for 1 or more, for 'all', or for no shots."
        )
    labels = train.domain.labels[train.indices]
    rng = np.random.default_rng(seed)
    chosen = []
    for c, name in enumerate(train.domain.classes):
        of_class = np.flatnonzero(labels == c)
        if len(of_class) < shots:
            raise ValueError(f"{train.domain.name!r} has {len(of_class)} training images of {name!r}, not {shots}.")
        chosen.append(rng.permutation(of_class)[:shots])
    return dataclasses.replace(train.take(np.sort(np.concatenate(chosen))), split="shots", sealed=False)
