"""The shift explorer: both domains on one map, epoch after epoch, and the numbers that say when the map lies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import traitlets
from jaxtyping import Float, Int

from course_utils.evaluation.distances import Mix
from course_utils.evaluation.maps import ShiftMap
from course_utils.explore.base import Explorer
from course_utils.explore.film import Film, Strategy, Unplayable, film_of
from course_utils.explore.page import STATIC
from course_utils.explore.pictures import thumbnails
from course_utils.run import Run

if TYPE_CHECKING:
    import pandas as pd

    from course_utils.plots import Drawing


@dataclass(frozen=True, eq=False)
class Selection:
    """The images that somebody picked out, by their ids in each domain."""

    source: Int[np.ndarray, " n"]
    target: Int[np.ndarray, " m"]

    def __len__(self) -> int:
        return len(self.source) + len(self.target)


def feature_shift(runs: Run | Sequence[Run], *, cold: bool = False, points: int = 1000, seed: int = 0) -> FeatureShift:
    """Plays the features of one run, or of several on the same pair, from epoch to epoch.

    cold: also maps every epoch from a new start, at three times the cost, and adds the switch between the two.
    points: images on the map, drawn with `seed` where the runs hold more; at most 20,000.

    One map of 1,000 points takes a second or two; `explorer.save(path)` keeps them all. Whatever cannot be shown
    (runs of different pairs, an empty domain, features that are NaN) the explorer says in place of the map.
    """
    runs = [runs] if isinstance(runs, Run) else list(runs)
    try:
        return shown(film_of(runs, cold, points, seed))
    except Unplayable as reason:
        return FeatureShift.refuse(_title(runs[0].pair.name if runs else "no run"), str(reason))


def _title(pair: str) -> str:
    return f"Feature shift of {pair.replace('->', '→')}"


class FeatureShift(Explorer, script=STATIC / "feature_shift.js"):
    """The explorer that `feature_shift` makes.

    epoch: which evaluated epoch is shown, from 1.  strategy: which run, from 0.  cold: which kind of map.
    classes, domains: those shown alone, by number; empty for all.  picked: positions of the selected points, uint32.
    """

    epoch = traitlets.Int(1).tag(sync=True)
    strategy = traitlets.Int(0).tag(sync=True)
    cold = traitlets.Bool(False).tag(sync=True)
    classes = traitlets.List(traitlets.Int()).tag(sync=True)
    domains = traitlets.List(traitlets.Int()).tag(sync=True)
    # what a browser sends arrives as a memoryview, which the trait would refuse without a word
    picked = traitlets.Bytes(b"").tag(sync=True, from_json=lambda value, _: bytes(value))

    @property
    def selection(self) -> Selection:
        """What is selected in the browser, as ids of both domains."""
        picked = np.frombuffer(self.picked, "<u4").astype(np.int64)
        ids, n = self.arrays["ids"].astype(np.int64), self.header["n"]
        return Selection(ids[picked[picked < n]], ids[picked[picked >= n]])

    def maps(self, strategy: int = 0, cold: bool = False) -> list[ShiftMap]:
        """The maps of one strategy, as stored."""
        arrays, n = self.arrays, self.header["n"]
        square = arrays[f"{'cold' if cold else 'warm'}/{strategy}"].astype(np.float64)
        square[..., 1] *= -1  # stored as screens count, downwards
        mixes = arrays[f"mix/{strategy}"].astype(np.float64)
        return [
            ShiftMap(points[:n], points[n:], Mix(*map(float, mix[1 + cold])), Mix(*map(float, mix[0])))
            for points, mix in zip(square, mixes, strict=True)
        ]

    def accuracies(self, strategy: int = 0) -> Float[np.ndarray, "e 2"]:
        """Accuracy of the shown images after each epoch, source and target."""
        right = self.arrays[f"predicted/{strategy}"] == self.arrays["labels"]
        n = self.header["n"]
        return np.stack([right[:, :n].mean(1), right[:, n:].mean(1)], axis=1)

    def twin(self) -> Drawing:
        """As it opens, the last map of each run; once moved, the way of the chosen run up to the chosen epoch."""
        from course_utils import plots

        played, title = self.header["strategies"], self.title
        moved = (self.epoch, self.strategy) != (1, 0)
        if len(played) > 1 and not moved:
            panels = {strategy["name"]: self.maps(i, self.cold)[-1] for i, strategy in enumerate(played)}
        else:
            chosen = played[min(self.strategy, len(played) - 1)]
            maps, epochs = self.maps(played.index(chosen), self.cold), chosen["epochs"]
            last = min(self.epoch, len(maps)) - 1 if moved else len(maps) - 1
            panels = {f"epoch {epochs[i]}": maps[i] for i in sorted({0, last // 2, last})}
            title += f", {chosen['name']}" + (", cold start" if self.cold else "")
        labels, classes = self.arrays["labels"].astype(np.int64), self.header["classes"]
        shown = np.argsort(-np.bincount(labels, minlength=len(classes)), kind="stable")[: len(plots.CLASS_COLOURS)]
        title += f", {len(shown)} of its {len(classes)} classes" if len(shown) < len(classes) else ""
        number = np.full(len(classes), -1)
        number[np.sort(shown)] = np.arange(len(shown))
        sides = np.split(number[labels], [self.header["n"]])
        kept = [
            ShiftMap(shift.source[sides[0] >= 0], shift.target[sides[1] >= 0], shift.map_mix, shift.feature_mix)
            for shift in panels.values()
        ]
        left = [side[side >= 0] for side in sides]
        return plots.shift_maps(kept, *left, [classes[i] for i in np.sort(shown)], list(panels), title)

    def text(self) -> str:
        """What the maps and their numbers say, in words."""
        if self.message:
            return self.message
        n, labels, classes = self.header["n"], self.arrays["labels"], self.header["classes"]
        source, target = self.header["domains"]
        sentences = [
            f"{self.title}: {n:,} test images of the source {source} and {len(labels) - n:,} of the target {target}, "
            f"{len(classes)} classes, on one map.",
            "Mix of neighbours: 0 apart, 1 perfectly mixed.",
        ]
        for place, strategy in enumerate(self.header["strategies"]):
            mix, right = self.arrays[f"mix/{place}"][..., 1], self.accuracies(place)
            first, last = strategy["epochs"][0], strategy["epochs"][-1]
            sentences.append(
                f"{strategy['name']}, epoch {first} to {last}: mix in the features {_change(mix[:, 0])}, in the map "
                f"{_change(mix[:, 1])}; accuracy on these images, source {_change(right[:, 0])}, target "
                f"{_change(right[:, 1])}."
            )
        return " ".join([*sentences, *self.header["notes"]])


def shown(film: Film) -> FeatureShift:
    """The explorer of a film."""
    from course_utils.plots import CLASS_COLOURS

    probe = film.probe
    width = np.uint8 if len(probe.classes) <= 256 else np.uint16
    arrays = {"labels": probe.labels.astype(width), "ids": probe.ids.astype(np.float64)}
    header = {
        "pair": probe.pair,
        "domains": list(probe.domains),
        "classes": list(map(str, probe.classes)),
        "n": probe.n,
        "colours": list(CLASS_COLOURS),
        "notes": list(film.notes),
        "strategies": [],
    }
    if probe.pictures is not None:
        arrays["sheet"], header["sheet"] = thumbnails(probe.pictures)
    for place, strategy in enumerate(film.strategies):
        arrays |= {f"{name}/{place}": array for name, array in _arrays_of(strategy, width)}
        curves = list(_curves_of(strategy.history))
        arrays[f"curves/{place}"] = np.array([curve.pop("values") for curve in curves], np.float32)
        header["strategies"].append({"name": strategy.name, "epochs": strategy.epochs, "curves": curves})
    return FeatureShift(arrays, title=_title(probe.pair), header=header)


def _change(values: np.ndarray) -> str:
    return f"{values[0]:.2f} to {values[-1]:.2f}"


def _arrays_of(strategy: Strategy, width: type[np.integer]) -> Iterator[tuple[str, np.ndarray]]:
    """Positions as uint16, predictions, confidences as 255ths, and mixes `(epochs, features | warm | cold, 2)`."""
    from scipy.special import softmax

    probabilities = softmax(strategy.logits.astype(np.float64), axis=2)
    yield "predicted", probabilities.argmax(2).astype(width)
    yield "confidence", np.rint(255 * probabilities.max(2)).astype(np.uint8)
    mixes = [[shift.feature_mix for shift in strategy.warm]]
    for kind, maps in (("warm", strategy.warm), ("cold", strategy.cold)):
        if maps is not None:
            yield kind, _squared(maps)
            mixes.append([shift.map_mix for shift in maps])
    yield "mix", np.array(mixes, np.float32).swapaxes(0, 1)


def _squared(maps: Sequence[ShiftMap]) -> np.ndarray:
    """All maps in one square `(epochs, points, 2)` uint16, y downwards as on a screen: they are played as one film.

    The square has 4,096 steps, a quarter of a pixel on a large screen, so that the bytes still compress.
    """
    points = np.stack([np.concatenate([shift.source, shift.target]) for shift in maps]) * (1, -1)
    low, high = points.min((0, 1)), points.max((0, 1))
    side = (high - low).max() or 1.0
    return 16 * np.rint((points - (low + high - side) / 2) / side * 4095).astype(np.uint16)


AXES = {
    "source_accuracy": ("source accuracy (validation)", [0, 1]),
    "SourceRisk": ("SourceRisk: minus the cross-entropy, nats", None),
    "Entropy": ("Entropy: minus the entropy, nats", None),
    "InformationMaximisation": ("InformationMaximisation, nats", None),
    "CalibratedInformationMaximisation": ("InformationMaximisation, calibrated, nats", None),
    "probe_mmd": ("MMD squared between the domains", None),
    "probe_coral": ("CORAL distance between the domains", None),
    "proxy_a_distance": ("proxy A-distance, 0 to 2", [0, 2]),
}
"""Each column of a history in words, with its unit, and the axis that it is fixed to; others are loss terms."""


def _curves_of(history: pd.DataFrame) -> Iterator[dict[str, object]]:
    for column in history.columns.drop("epoch"):
        label, limits = AXES.get(column, (f"loss term {column!r}", None))
        values = history[column].to_numpy(np.float64)
        yield {"label": label, "limits": limits, "values": values if limits is None else values.clip(*limits)}
