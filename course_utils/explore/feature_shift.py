"""The shift explorer: both domains on one map, epoch after epoch, and the numbers that say when the map lies."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import traitlets
from jaxtyping import Float, Int, UInt8

from course_utils.data.domain import Part
from course_utils.evaluation.distances import Mix
from course_utils.evaluation.maps import ShiftMap, each_map
from course_utils.explore.base import Explorer
from course_utils.explore.page import STATIC
from course_utils.explore.thumbnails import sheet
from course_utils.progress import progress_bar
from course_utils.run import Run, Snapshots

if TYPE_CHECKING:
    import pandas as pd

    from course_utils.plots import Drawing

MOST_POINTS = 20_000  # that a browser without a graphics card still draws in a blink


class Unplayable(ValueError):
    """Why runs cannot be shown; the explorer says it in place of a map."""


@dataclass(frozen=True, eq=False)
class Probe:
    """The images that every strategy is seen on: the first `n` are the source's, the others the target's."""

    pair: str
    domains: tuple[str, str]
    classes: tuple[str, ...]
    n: int
    labels: Int[np.ndarray, " points"]
    ids: Int[np.ndarray, " points"]
    pictures: Sequence[UInt8[np.ndarray, "_ _ _ _"]] | None = None


@dataclass(frozen=True, eq=False)
class Strategy:
    """One run as it is played: a map and logits `(points, k)` for each epoch, and the run's history beside them."""

    name: str
    epochs: list[int]
    warm: list[ShiftMap]
    cold: list[ShiftMap] | None
    logits: Float[np.ndarray, "e points k"]
    history: pd.DataFrame


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
    title = runs[0].pair.name if runs else "no run"
    try:
        return _played(runs, cold, min(points, MOST_POINTS), seed)
    except Unplayable as reason:
        return FeatureShift.refuse(title, str(reason))


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

    @classmethod
    def of(cls, probe: Probe, strategies: Sequence[Strategy], notes: Sequence[str] = ()) -> FeatureShift:
        """The payload of strategies that are all seen on one probe."""
        from course_utils.plots import CLASS_COLOURS

        width = np.uint8 if len(probe.classes) <= 256 else np.uint16
        arrays = {"labels": probe.labels.astype(width), "ids": probe.ids.astype(np.float64)}
        header = {
            "pair": probe.pair,
            "domains": list(probe.domains),
            "classes": list(map(str, probe.classes)),
            "n": probe.n,
            "colours": list(CLASS_COLOURS),
            "notes": list(notes),
            "strategies": [],
        }
        if probe.pictures is not None:
            pictures = sheet(probe.pictures)
            arrays["sheet"] = pictures.jpeg
            header["sheet"] = {"side": pictures.side, "columns": pictures.columns}
        for place, strategy in enumerate(strategies):
            arrays |= {f"{name}/{place}": array for name, array in _arrays_of(strategy, width)}
            curves = list(_curves_of(strategy.history))
            arrays[f"curves/{place}"] = np.array([curve.pop("values") for curve in curves], np.float32)
            header["strategies"].append({"name": strategy.name, "epochs": strategy.epochs, "curves": curves})
        return cls(arrays, title=f"Feature shift of {probe.pair.replace('->', '→')}", header=header)

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
        """One run: its first, middle and last map. Several: each one's last."""
        from course_utils import plots

        played = self.header["strategies"]
        if len(played) == 1:
            maps, epochs = self.maps(), played[0]["epochs"]
            places = sorted({0, len(maps) // 2, len(maps) - 1})
            panels = {f"epoch {epochs[i]}": maps[i] for i in places}
        else:
            panels = {strategy["name"]: self.maps(i)[-1] for i, strategy in enumerate(played)}
        labels, classes = self.arrays["labels"].astype(np.int64), self.header["classes"]
        shown = np.argsort(-np.bincount(labels, minlength=len(classes)), kind="stable")[: len(plots.CLASS_COLOURS)]
        title = self.title + (f", {len(shown)} of its {len(classes)} classes" if len(shown) < len(classes) else "")
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


# -- from runs to what is played -------------------------------------------------------------------------------------


def _played(runs: list[Run], cold: bool, points: int, seed: int) -> FeatureShift:
    snapshots = _on_one_probe(runs)
    n, m = len(snapshots[0].source_ids), len(snapshots[0].target_ids)
    places, notes = _drawn(n, m, points, seed), []
    if len(places[0]) + len(places[1]) < n + m:
        drawn = f"{len(places[0]) + len(places[1]):,} of {n + m:,}"
        notes.append(f"{drawn} images are on the map, drawn with seed {seed}: more would cover each other.")
    if len(np.unique(np.concatenate([snapshots[0].source_labels, snapshots[0].target_labels]))) == 1:
        notes.append("All images are of one class: the map shows the domains and no classes.")
    snapshots = [_taken(snapshot, *places) for snapshot in snapshots]
    epochs = sum(len(snapshot.source) for snapshot in snapshots) * (2 if cold else 1)
    bar, done, strategies = progress_bar(epochs, "Maps"), itertools.count(1), []

    def tell(text: str) -> None:
        bar.update(next(done), text)

    for name, run, snapshot in zip(_names(runs), runs, snapshots, strict=True):
        warm, why = _mapped(name, snapshot, seed, True, tell)
        if why:
            notes.append(why)
            snapshot = _until(snapshot, len(warm))
        anew = _mapped(name, snapshot, seed, False, tell)[0] if cold else None
        logits = np.concatenate([snapshot.source_logits, snapshot.target_logits], axis=1)
        history = run.history.dropna(subset="source_accuracy").iloc[: len(warm)]
        strategies.append(Strategy(name, [int(e) for e in history["epoch"]], warm, anew, logits, history))
    bar.close(f"{epochs} epochs")
    return FeatureShift.of(_probe(runs[0], snapshots[0], places), _facing_one_way(strategies), notes)


def _on_one_probe(runs: list[Run]) -> list[Snapshots]:
    """The runs' snapshots. Raises Unplayable unless all of them look at the same images."""
    if not runs:
        raise Unplayable("There is no run to show: pass one run, or a list of runs on one pair.")
    for run in runs:
        if not run.evaluations:
            raise Unplayable(
                f"{run!r} has not finished an epoch, so there are no features to map. Call cu.resume(run)."
            )
    snapshots, first = [run.snapshots for run in runs], runs[0]
    for run, snapshot in zip(runs, snapshots, strict=True):
        same = run.pair.name == first.pair.name and all(
            np.array_equal(getattr(snapshot, name), getattr(snapshots[0], name))
            for name in ("source_ids", "target_ids", "source_labels", "target_labels")
        )
        if not same:
            raise Unplayable(
                f"{type(first.adapter).__name__} looks at images of {first.pair.name} and "
                f"{type(run.adapter).__name__} at others, of {run.pair.name}. Strategies are compared on the same "
                "images: pass runs of one pair."
            )
    for side in ("source", "target"):
        if len(getattr(snapshots[0], f"{side}_ids")) < 2:
            name = getattr(first.pair, side).domain.name
            raise Unplayable(
                f"The {side} {name} has no test images to draw, or only one: a shift lies between two domains. "
                "Look at how its splits were made."
            )
    return snapshots


def _drawn(n: int, m: int, points: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the images on the map: all of them, or the same share of each domain."""
    share, rng = min(1, points / (n + m)), np.random.default_rng(seed)
    return tuple(np.sort(rng.permutation(size)[: max(2, round(size * share))]) for size in (n, m))


def _taken(snapshot: Snapshots, source: np.ndarray, target: np.ndarray) -> Snapshots:
    return Snapshots(
        source=snapshot.source[:, source],
        target=snapshot.target[:, target],
        source_logits=snapshot.source_logits[:, source],
        target_logits=snapshot.target_logits[:, target],
        source_labels=snapshot.source_labels[source],
        target_labels=snapshot.target_labels[target],
        source_ids=snapshot.source_ids[source],
        target_ids=snapshot.target_ids[target],
    )


def _until(snapshot: Snapshots, epochs: int) -> Snapshots:
    features = ("source", "target", "source_logits", "target_logits")
    return Snapshots(**vars(snapshot) | {name: getattr(snapshot, name)[:epochs] for name in features})


def _mapped(
    name: str, snapshot: Snapshots, seed: int, warm: bool, tell: Callable[[str], None]
) -> tuple[list[ShiftMap], str | None]:
    """The maps up to the first epoch that cannot be mapped, and why it cannot. Raises Unplayable if it is the first."""
    maps: list[ShiftMap] = []
    try:
        for shift in each_map(snapshot.source, snapshot.target, seed, warm):
            maps.append(shift)
            tell(f"{name}, {'warm' if warm else 'cold'}, epoch {len(maps)}")
    except ValueError as reason:
        if not maps:
            raise Unplayable(f"{name}, epoch 1: {reason}") from reason
        return maps, f"{name} is shown up to epoch {len(maps)}. {reason}"
    return maps, None


def _facing_one_way(strategies: list[Strategy]) -> list[Strategy]:
    """All maps of a strategy turned together, its last one onto the first strategy's: a switch moves what differs."""
    from scipy.linalg import orthogonal_procrustes

    def points(shift: ShiftMap) -> np.ndarray:
        return np.concatenate([shift.source, shift.target])

    def turned(maps: list[ShiftMap]) -> list[ShiftMap]:
        moved = points(maps[-1])
        turn, _ = orthogonal_procrustes(moved - moved.mean(0), goal - goal.mean(0))
        return [ShiftMap(s.source @ turn, s.target @ turn, s.map_mix, s.feature_mix) for s in maps]

    goal = points(strategies[0].warm[-1])
    return [
        Strategy(**vars(s) | {"warm": turned(s.warm), "cold": turned(s.cold) if s.cold else None}) for s in strategies
    ]


def _names(runs: Sequence[Run]) -> list[str]:
    """The strategies' labels; those that occur twice with their settings, and their seed if need be."""
    from course_utils.plots import method

    names = [method(type(run.adapter).__name__).label for run in runs]
    for more in (lambda run: repr(run.adapter), lambda run: f"{run.adapter!r}, seed {run.seed}"):
        names = [more(run) if names.count(name) > 1 else name for name, run in zip(names, runs, strict=True)]
    return names


def _probe(run: Run, snapshot: Snapshots, places: tuple[np.ndarray, np.ndarray]) -> Probe:
    parts = [part.take(place) for part, place in zip(run.pair.probe(), places, strict=True)]
    return Probe(
        pair=run.pair.name,
        domains=(run.pair.source.domain.name, run.pair.target.domain.name),
        classes=run.pair.classes,
        n=len(snapshot.source_ids),
        labels=np.concatenate([snapshot.source_labels, snapshot.target_labels]),
        ids=np.concatenate([snapshot.source_ids, snapshot.target_ids]),
        pictures=_pictures(parts),
    )


def _pictures(parts: Sequence[Part]) -> list[np.ndarray] | None:
    """Each domain's pictures of its part: the images, or what was kept beside cached features."""
    kept = [part.domain.images if part.domain.images.ndim == 4 else part.domain.pictures for part in parts]
    if any(pictures is None for pictures in kept):
        return None
    return [pictures[part.indices] for pictures, part in zip(kept, parts, strict=True)]
