"""Shift maps: both domains in one t-SNE picture, and how far that picture may be believed.

A map of each domain by itself shows nothing about the distance between them, so both are embedded together.
Distances between clusters are not metric in t-SNE; beside every map stand two numbers, the mix of neighbours in
the map and in the features, and where they differ the map lies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from course_utils.evaluation.arrays import Array, as_numpy
from course_utils.evaluation.distances import Mix, cross_domain_neighbours

PERPLEXITY = 30
# The two phases of a fit, in iterations: clusters attract each other 12 times as hard, then they settle.
COLD, WARM = (250, 500), (100, 250)


@dataclass(frozen=True)
class ShiftMap:
    """Points of both domains in one plane, with the mix of neighbours there and in the features behind it."""

    source: Float[np.ndarray, "n 2"]
    target: Float[np.ndarray, "m 2"]
    map_mix: Mix
    feature_mix: Mix


def shift_map(source: Float[Array, "n d"], target: Float[Array, "m d"], seed: int = 0) -> ShiftMap:
    """One joint t-SNE map of both domains (van der Maaten 2014; openTSNE, exact neighbours, Barnes-Hut).

    The perplexity is 30, and a third of the other points where there are fewer than 91: t-SNE looks at three
    times as many neighbours. Raises ValueError for fewer than 12 points, or if all of them are the same.
    """
    joint = _joint(source, target)
    return _judged(joint, _embed(joint, _principal(joint, seed), COLD, seed), len(source))


def epoch_maps(
    sources: Float[Array, "e n d"], targets: Float[Array, "e m d"], seed: int = 0, warm: bool = True
) -> list[ShiftMap]:
    """A map for each epoch, turned and mirrored to lie over the one before (`each_map`, all at once)."""
    return list(each_map(sources, targets, seed, warm))


def each_map(
    sources: Float[Array, "e n d"], targets: Float[Array, "e m d"], seed: int = 0, warm: bool = True
) -> Iterator[ShiftMap]:
    """The maps of `epoch_maps` one by one, since each takes a second.

    Warm, an epoch starts from the previous map shrunk to a point (standard deviation 1e-4). Started from it at
    full size it would be cheaper still and untrue: points cannot pass each other against the repulsion, and
    domains look apart long after their features have mixed. Cold, each epoch starts anew, at twice the cost.
    """
    before = None
    for source, target in zip(sources, targets, strict=True):
        joint = _joint(source, target)
        if before is None or not warm:
            points = _embed(joint, _principal(joint, seed), COLD, seed)
        else:
            points = _embed(joint, _shrunk(before), WARM, seed)
        before = points if before is None else _laid_over(before, points)
        yield _judged(joint, before, len(source))


def pack_map(shift: ShiftMap) -> dict[str, np.ndarray]:
    """Arrays for `np.savez`: positions as uint16 in the map's own square, 4 bytes a point (`unpack_map`)."""
    points = np.concatenate([shift.source, shift.target])
    corner = points.min(0)
    side = (points - corner).max() or 1.0
    square = [np.rint((part - corner) / side * 65535).astype(np.uint16) for part in (shift.source, shift.target)]
    return {
        "source": square[0],
        "target": square[1],
        "frame": np.array([*corner, side], np.float64),
        "mix": np.array([shift.map_mix, shift.feature_mix], np.float64),
    }


def unpack_map(packed: Mapping[str, np.ndarray]) -> ShiftMap:
    """The map that `pack_map` packed, each position right to a 131,000th of the map's side."""
    x, y, side = packed["frame"]
    parts = [packed[part] / 65535 * side + (x, y) for part in ("source", "target")]
    map_mix, feature_mix = (Mix(*map(float, row)) for row in packed["mix"])
    return ShiftMap(*parts, map_mix, feature_mix)


def _joint(source: Array, target: Array) -> Float[np.ndarray, "points d"]:
    joint = np.concatenate([as_numpy(source), as_numpy(target)]).astype(np.float64)
    if len(joint) < 12:
        raise ValueError(f"A map of {len(joint)} points shows nothing. Pass at least 12, better some hundred.")
    if not np.isfinite(joint).all():
        raise ValueError("The features hold NaN or infinity: training diverged before they were taken.")
    if np.ptp(joint, axis=0).max() == 0:
        raise ValueError("All features are the same point: the network has collapsed, and there is nothing to map.")
    return joint


def _principal(joint: Float[np.ndarray, "points d"], seed: int) -> Float[np.ndarray, "points 2"]:
    from openTSNE import initialization

    return initialization.pca(joint, random_state=seed)


def _shrunk(points: Float[np.ndarray, "points 2"]) -> Float[np.ndarray, "points 2"]:
    centred = points - points.mean(0)
    return centred / centred.std() * 1e-4


def _embed(
    joint: Float[np.ndarray, "points d"],
    start: Float[np.ndarray, "points 2"],
    phases: tuple[int, int],
    seed: int,
) -> Float[np.ndarray, "points 2"]:
    from openTSNE import TSNE

    exaggerated, settling = phases
    tsne = TSNE(
        perplexity=min(PERPLEXITY, (len(joint) - 1) / 3),
        initialization=start,
        early_exaggeration_iter=exaggerated,
        early_exaggeration=12,
        n_iter=settling,
        neighbors="exact",
        negative_gradient_method="bh",
        n_jobs=1,  # two threads on two busy cores were measured two to four times slower
        random_state=seed,
    )
    return np.array(tsne.fit(joint))


def _laid_over(
    before: Float[np.ndarray, "points 2"], points: Float[np.ndarray, "points 2"]
) -> Float[np.ndarray, "points 2"]:
    """Rotated, mirrored and moved onto the map before (orthogonal Procrustes), but not scaled."""
    from scipy.linalg import orthogonal_procrustes

    centred = points - points.mean(0)
    turn, _ = orthogonal_procrustes(centred, before - before.mean(0))
    return centred @ turn + before.mean(0)


def _judged(joint: Float[np.ndarray, "points d"], points: Float[np.ndarray, "points 2"], n: int) -> ShiftMap:
    source, target = points[:n], points[n:]
    return ShiftMap(
        source, target, cross_domain_neighbours(source, target), cross_domain_neighbours(joint[:n], joint[n:])
    )
