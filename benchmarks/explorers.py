"""Makes the explorers that the lessons and the demo play, into results/explorers/, and judges their maps.

    python3 course.py bench explorers

Every warm map is held against the cold one of its epoch, as stored: by trustworthiness (10 neighbours, Venna & Kaski
2001) and by the mix of neighbours from the other domain, 0 apart and 1 mixed. They should agree within 0.05.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

import course_utils as cu
from course_utils import compare, evaluation
from course_utils.evaluation.maps import ShiftMap, each_map
from course_utils.explore.feature_shift import FeatureShift
from course_utils.run import Run

FOLDER = compare.RECORDS / "explorers"
PAIR = "mnist-5k -> mnist-m-5k"
STRATEGIES = (cu.SourceOnly(), cu.DAN(), cu.DeepCORAL(), cu.DANN())
WEIGHTS = (0.1, 1.0, 3.0)  # of DANN's critic, on the adversary dial
AGREE = 0.05


def fitted(adapter: cu.Adapter) -> Run:
    started = time.perf_counter()
    run = cu.fit(adapter, cu.pair(PAIR), seed=0)
    accuracy = run.exam().loc["last", "target"]
    print(f"{adapter!r}: target accuracy {accuracy:.3f}, {time.perf_counter() - started:.0f} s", flush=True)
    return run


def seconds_an_epoch(run: Run, warm: bool, epochs: int = 5) -> float:
    """Seconds of the processor that a map takes, over some epochs after the first, which is always cold."""
    snapshots = run.snapshots
    maps = each_map(snapshots.source[:epochs], snapshots.target[:epochs], warm=warm)
    next(maps)
    started = time.process_time()
    return sum(1 for _ in maps) and (time.process_time() - started) / (epochs - 1)


def trust(features: np.ndarray, shift: ShiftMap) -> float:
    from sklearn.manifold import trustworthiness

    return trustworthiness(features, np.concatenate([shift.source, shift.target]), n_neighbors=10)


def judge(explorer: FeatureShift, runs: list[Run]) -> None:
    """Prints both measures of both kinds of map, epoch by epoch, and how far they lie apart at most."""
    worst = {"trustworthiness": 0.0, "mix": 0.0}
    for place, (strategy, run) in enumerate(zip(explorer.header["strategies"], runs, strict=True)):
        print(f"\n{strategy['name']}  trust: warm  cold   mix: warm  cold  features")
        features = np.concatenate([run.snapshots.source, run.snapshots.target], axis=1)
        kinds = [explorer.maps(place, cold) for cold in (False, True)]
        for epoch, joint, warm, cold in zip(strategy["epochs"], features, *kinds, strict=True):
            trusts = [trust(joint, shift) for shift in (warm, cold)]
            mixes = [shift.map_mix.normalised for shift in (warm, cold)]
            print(
                f"epoch {epoch:2}        {trusts[0]:.3f} {trusts[1]:.3f}       {mixes[0]:.3f} {mixes[1]:.3f}"
                f"     {warm.feature_mix.normalised:.3f}",
                flush=True,
            )
            for name, (a, b) in zip(worst, (trusts, mixes), strict=True):
                worst[name] = max(worst[name], abs(a - b))
    print("\nWarm and cold lie apart by at most:")
    for name, apart in worst.items():
        print(f"  {name}: {apart:.3f} ({'within' if apart <= AGREE else 'MORE THAN'} {AGREE})")


def palace(run: Run) -> cu.explore.Explorer:
    """Digits behind which a photograph comes up, as in lesson 01, beside what it costs a source-only network."""
    import torch
    from sklearn.datasets import load_sample_image

    test = cu.pair(PAIR).source.test
    digits = torch.from_numpy(test.images / np.float32(255))
    photograph = torch.from_numpy(load_sample_image("china.jpg").transpose(2, 0, 1) / np.float32(255))
    patches = photograph.unfold(1, 28, 16).unfold(2, 28, 16).flatten(1, 2).transpose(0, 1)
    patches = patches[torch.randperm(len(patches), generator=torch.Generator().manual_seed(0))[: len(digits)]]
    halves = np.random.default_rng(0).permutation(len(digits)).reshape(2, -1)
    shown = np.unique(test.labels, return_index=True)[1][:6]  # more would be too small in print
    frames, accuracies, distances = {}, [], []
    for step in range(11):
        shifted = (step / 10 * patches - digits).abs()
        with torch.inference_mode():
            still, moved = run.net(digits[halves[0]]), run.net(shifted[halves[1]])
        frames[step / 10] = shifted[shown]
        accuracies.append(evaluation.accuracy(moved.logits, test.labels[halves[1]]))
        distances.append(evaluation.proxy_a_distance(still.features, moved.features))
    title = "Up goes the palace: the distance is there before the fall"
    return cu.explore.shift_dial(frames, accuracies, distances, title=title)


def others(runs: Mapping[str, Run]) -> dict[str, cu.explore.Explorer]:
    """The explorers beside the shift's, by the names of their files."""
    adversary = {weight: runs["DANN"] if weight == 1 else fitted(cu.DANN(weight=weight)) for weight in WEIGHTS}
    source, target = runs["DANN"].pair.probe()
    snapshots = runs["DANN"].snapshots
    return {
        "adversary": cu.explore.adversary_dial(adversary),
        "augmentation": cu.explore.augmentation(cu.domain("mnist-m-5k")),
        "chooser": cu.explore.strategy_chooser(),
        "neighbours": cu.explore.neighbours(source, target, snapshots.source[-1], snapshots.target[-1]),
        "palace": palace(runs["SourceOnly"]),
    }


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    runs = {type(adapter).__name__: fitted(adapter) for adapter in STRATEGIES}
    warm, cold = (seconds_an_epoch(runs["DANN"], kind) for kind in (True, False))
    points = sum(snapshot.shape[1] for snapshot in (runs["DANN"].snapshots.source, runs["DANN"].snapshots.target))
    print(f"\nmapping {points:,} points: {warm:.2f} s of one processor an epoch warm, {cold:.2f} s cold", flush=True)
    shift = cu.explore.feature_shift(list(runs.values()), cold=True)
    shift.save(FOLDER / "digits.npz")
    judge(shift, list(runs.values()))
    for name, explorer in others(runs).items():
        explorer.save(FOLDER / f"{name}.npz")
    print()
    for path in sorted(FOLDER.glob("*.npz")):
        stored, page = path.stat().st_size / 1e6, len(cu.explore.load(path).to_html()) / 1e6
        print(f"{path.relative_to(compare.RECORDS.parent)}: {stored:.2f} MB, its page {page:.2f} MB")


if __name__ == "__main__":
    main()
