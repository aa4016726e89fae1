"""Whom an image lies next to in the other domain, and whether it is of its own class."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import traitlets
from jaxtyping import Float, UInt8

from course_utils import plots
from course_utils.data.domain import Part
from course_utils.evaluation.arrays import Array, as_numpy
from course_utils.explore import pictures
from course_utils.explore.base import Explorer
from course_utils.explore.page import STATIC

SIDES = ("source", "target")
MOST = 2000  # images of a domain: with more a page would weigh too much


class Hit(NamedTuple):
    """One neighbour: its place among the images of the other domain, its distance, and whether it is of one class."""

    place: int
    distance: float
    right: bool


class Neighbours(Explorer, script=STATIC / "neighbours.js"):
    """See `neighbours`. side: 0, where an image of the source asks, or 1, the target. query: its place there."""

    side = traitlets.Int(1).tag(sync=True)
    query = traitlets.Int(0).tag(sync=True)

    @traitlets.validate("query")
    def _within(self, proposal: dict) -> int:
        counts = self.header.get("counts")
        if counts and not 0 <= proposal["value"] < max(counts):
            raise traitlets.TraitError(f"There are {counts[0]} source and {counts[1]} target images to ask for.")
        return proposal["value"]

    @property
    def place(self) -> int:
        """The query, or the last image of its side where that one has fewer."""
        return min(self.query, self.header["counts"][self.side] - 1)

    @property
    def hits(self) -> list[Hit]:
        """The neighbours of the present query, nearest first."""
        arrays, asks, other = self.arrays, SIDES[self.side], SIDES[1 - self.side]
        places, distances = arrays[f"nearest_{asks}"][self.place], arrays[f"distances_{asks}"][self.place]
        own, labels = arrays[f"labels_{asks}"][self.place], arrays[f"labels_{other}"]
        return [Hit(int(i), float(d), bool(labels[i] == own)) for i, d in zip(places, distances, strict=True)]

    def text(self) -> str:
        if self.message:
            return self.message
        classes, arrays, k = self.header["classes"], self.arrays, self.header["k"]
        asks, other = SIDES[self.side], SIDES[1 - self.side]
        own = classes[arrays[f"labels_{asks}"][self.place]]
        found = ", ".join(f"{classes[arrays[f'labels_{other}'][hit.place]]} at {hit.distance:.2f}" for hit in self.hits)
        shares = ", ".join(
            f"{share:.2f} for the {side}" for side, share in zip(SIDES, self.header["shares"], strict=True)
        )
        return (
            f"{plots.ended(self.title)} A {asks} image of class {own} and its {k} nearest {other} images: {found}. "
            f"Share of neighbours of the query's class, over all images: {shares}."
        )

    @plots.style()
    def twin(self) -> plots.Drawing:
        """The query, and its neighbours in the other domain, marked right or wrong."""
        classes, arrays, hits = self.header["classes"], self.arrays, self.hits
        asks, other = SIDES[self.side], SIDES[1 - self.side]
        sheets = {s: pictures.tiles(arrays[f"sheet_{s}"], self.header["sheets"][i]) for i, s in enumerate(SIDES)}
        rows = -(-(len(hits) + 1) // 5)
        drawing = plots.Drawing(7.2, 0.5 + 1.75 * rows, self.title)
        query, *found = drawing.subplots(rows, 5).ravel()
        for empty in found[len(hits) :]:
            empty.remove()
        query.imshow(pictures.strip(sheets[asks][self.place : self.place + 1], gap=0))
        query.set_title(f"{asks}: {classes[arrays[f'labels_{asks}'][self.place]]}")
        for axes, hit in zip(found, hits, strict=False):
            axes.imshow(pictures.strip(sheets[other][hit.place : hit.place + 1], gap=0))
            name = classes[arrays[f"labels_{other}"][hit.place]]
            axes.set_title(f"{name}: {'right' if hit.right else 'wrong'}", fontsize=9)
            axes.set_xlabel(f"{hit.distance:.2f}")
            axes.spines[:].set(visible=True, linestyle="-" if hit.right else "--", linewidth=2 if hit.right else 1.5)
        for axes in (query, *found[: len(hits)]):
            axes.set(xticks=[], yticks=[])
        drawing.alt = self.text()
        return drawing


def neighbours(
    source: Part,
    target: Part,
    source_features: Float[Array, "n _"],
    target_features: Float[Array, "m _"],
    k: int = 8,
    title: str = "Next to whom an image lies",
) -> Explorer:
    """Choose an image of one domain, and see its k nearest of the other, by Euclidean distance of the features.

        source, target = pair.probe()
        cu.explore.neighbours(source, target, run.snapshots.source[-1], run.snapshots.target[-1])

    Raises ValueError where features and images do not belong together, or are not finite.
    """
    from sklearn.neighbors import NearestNeighbors

    parts, features = (source, target), [as_numpy(f) for f in (source_features, target_features)]
    for side, part, own in zip(SIDES, parts, features, strict=True):
        if len(part) == 0:
            return Neighbours.refuse(title, f"The {side} has no image: there is no neighbour to be found.")
        if len(part) != len(own) or features[0].shape[1] != own.shape[1]:
            raise ValueError(f"The {side} has {len(part)} images, and its features are {own.shape}.")
        if len(part) > MOST:
            raise ValueError(f"The {side} has {len(part)} images; show {MOST} or fewer: part.take(np.arange({MOST})).")
        if not np.isfinite(own).all():
            raise ValueError(f"The {side} features hold NaN or infinity: training diverged before they were taken.")
    arrays, sheets, shares = {}, [], []
    k = min(k, *map(len, parts))
    for i, (side, part) in enumerate(zip(SIDES, parts, strict=True)):
        search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(features[1 - i])
        distances, nearest = search.kneighbors(features[i])
        labels, others = (p.labels.astype(np.int32) for p in (part, parts[1 - i]))
        packed, index = pictures.sheet(_pictures(part))
        arrays |= {f"sheet_{side}": packed, f"labels_{side}": labels}
        arrays |= {f"nearest_{side}": nearest.astype(np.int32), f"distances_{side}": distances.astype(np.float32)}
        sheets.append(index)
        shares.append(float((others[nearest] == labels[:, None]).mean()))
    header = {"classes": list(map(str, source.domain.classes)), "counts": [*map(len, parts)], "k": k}
    names = [part.domain.name for part in parts]
    return Neighbours(arrays, title=title, header={**header, "sheets": sheets, "shares": shares, "names": names})


def _pictures(part: Part) -> UInt8[np.ndarray, "n c h w"]:
    kept = part.domain.pictures
    return pictures.as_pixels(part.images if kept is None else kept[part.indices])
