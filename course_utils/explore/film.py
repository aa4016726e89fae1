"""From runs to what the shift explorer plays: the maps of every epoch, on the same images for every strategy."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int, UInt8

from course_utils.data.domain import Part
from course_utils.evaluation.maps import ShiftMap, each_map
from course_utils.progress import progress_bar
from course_utils.run import Run, Snapshots

if TYPE_CHECKING:
    import pandas as pd

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
class Film:
    """Everything that the explorer plays, and notes about what it leaves out."""

    probe: Probe
    strategies: Sequence[Strategy]
    notes: Sequence[str] = ()


def film_of(runs: Sequence[Run], cold: bool, points: int, seed: int) -> Film:
    """The film of runs that look at the same images. Raises Unplayable where there is nothing to play."""
    snapshots = _on_one_probe(runs)
    n, m = len(snapshots[0].source_ids), len(snapshots[0].target_ids)
    places, notes = _drawn(n, m, min(points, MOST_POINTS), seed), []
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

    try:
        for name, run, snapshot in zip(_names(runs), runs, snapshots, strict=True):
            warm, why = _mapped(name, snapshot, seed, True, tell)
            if why:
                notes.append(why)
                snapshot = _until(snapshot, len(warm))
            anew = _mapped(name, snapshot, seed, False, tell)[0] if cold else None
            logits = np.concatenate([snapshot.source_logits, snapshot.target_logits], axis=1)
            history = run.history.dropna(subset="source_accuracy").iloc[: len(warm)]
            strategies.append(Strategy(name, [int(e) for e in history["epoch"]], warm, anew, logits, history))
    finally:
        bar.close(f"{next(done) - 1} epochs")
    return Film(_probe(runs[0], snapshots[0], places), _facing_one_way(strategies), notes)


def _on_one_probe(runs: Sequence[Run]) -> list[Snapshots]:
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
