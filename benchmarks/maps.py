"""How true the quick maps are: each warm map against the cold one of its epoch, and the processor's time for both.

    python3 course.py bench maps [--epochs 8]

Two measures: trustworthiness (10 neighbours, Venna & Kaski 2001), and the mix of neighbours from the other domain, 0
apart and 1 mixed. Warm and cold should agree within 0.05 at every epoch, and 1,000 points should take at most 2
seconds of one processor an epoch. Runs of DANN on the two embedded pairs, and on PACS, photo to art painting, from
features of the ImageNet network, which need the originals (COURSE_ORIGINALS) and, once, some minutes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import numpy as np

import course_utils as cu
from course_utils.data.arrivals import NotHereError
from course_utils.evaluation.maps import ShiftMap, each_map
from course_utils.run import Run

EMBEDDED = ("mnist-5k -> mnist-m-5k", "optdigits -> mnist-5k")
PACS = ("pacs/photo", "pacs/art_painting")
AGREE, SECONDS = 0.05, 2.0


def runs(epochs: int) -> Iterator[Run]:
    for name in EMBEDDED:
        yield cu.fit(cu.DANN(), cu.pair(name), epochs=epochs)
    try:
        sides = [cu.domain(name) for name in PACS]
    except NotHereError as reason:
        print(f"\nwithout PACS: {reason}")
    else:
        features = tuple(cu.extract(cu.nets.imagenet_net(), side) for side in sides)
        yield cu.fit(cu.DANN(), cu.pair(features), epochs=epochs, learning_rate=1e-3)


def mapped(run: Run, warm: bool) -> tuple[list[ShiftMap], float]:
    """The maps of a run, and the processor's seconds for one of them; the first, which is always cold, left out."""
    maps = each_map(run.snapshots.source, run.snapshots.target, warm=warm)
    made, started = [next(maps)], time.process_time()
    made += maps
    return made, (time.process_time() - started) / (len(made) - 1)


def trust(features: np.ndarray, shift: ShiftMap) -> float:
    from sklearn.manifold import trustworthiness

    return trustworthiness(features, np.concatenate([shift.source, shift.target]), n_neighbors=10)


def verdict(worst: float, limit: float) -> str:
    return f"{'within' if worst <= limit else 'MORE THAN'} {limit:g}"


def judge(run: Run) -> None:
    """Prints both measures of both kinds of map, epoch by epoch, and how far they lie apart at most."""
    features = np.concatenate([run.snapshots.source, run.snapshots.target], axis=1)
    (warm, quick), (cold, slow) = (mapped(run, kind) for kind in (True, False))
    trusts = np.array([[trust(f, shift) for shift in kinds] for f, *kinds in zip(features, warm, cold, strict=True)])
    mixes = np.array([[shift.map_mix.normalised for shift in kinds] for kinds in zip(warm, cold, strict=True)])
    print(f"\n{run.pair.name}, {features.shape[1]:,} points\nepoch  trust: warm  cold    mix: warm  cold  features")
    for epoch, (t, m, shift) in enumerate(zip(trusts, mixes, warm, strict=True), 1):
        print(
            f"{epoch:5}       {t[0]:.3f} {t[1]:.3f}        {m[0]:.3f} {m[1]:.3f}     {shift.feature_mix.normalised:.3f}"
        )
    for name, values in {"trustworthiness": trusts, "mix": mixes}.items():
        apart = np.abs(values[:, 0] - values[:, 1]).max()
        print(f"{name}: warm and cold at most {apart:.3f} apart, {verdict(apart, AGREE)}")
    print(f"{quick:.2f} s of one processor a warm map, {verdict(quick, SECONDS)}; {slow:.2f} s a cold one", flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--epochs", type=int, default=8)
    for run in runs(options.parse_args().epochs):
        judge(run)


if __name__ == "__main__":
    main()
