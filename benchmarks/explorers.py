"""Makes the explorers that the lessons and the demo play, into results/explorers/. Those that are still true are kept.

    python3 course.py bench explorers [--only palace digits]

A file holds the hash of the code and data that made it, and is made again when they change. Fits are made once for all
files that need them: `digits` takes four, `adversary` three, `confidence` two, `palace` and `neighbours` one, and
`freezer` 48 short ones of its own.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import time
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import nn

from course_utils import compare, coverage, evaluation, every_pixel, explore, nets, plots, shared_trunk, test_time
from course_utils.adapters import DAN, DANN, Adapter, DeepCORAL, FixedWeights, FixMatch, SourceOnly
from course_utils.adapters.base import Terms
from course_utils.data import corrupted, domain, pair
from course_utils.data.batches import View
from course_utils.explore import Explorer, dial
from course_utils.nets import Net
from course_utils.provenance import code_hash
from course_utils.run import Run
from course_utils.tasks import Boxes, Masks, Tasks
from course_utils.training import fit

FOLDER = compare.RECORDS / "explorers"
PAIR = "mnist-5k -> mnist-m-5k"
STRATEGIES = (SourceOnly(), DAN(), DeepCORAL(), DANN())
WEIGHTS = (0.1, 1.0, 3.0)  # of DANN's critic, on the adversary dial
TURNED = {
    "geometry": ("rotation", "scale", "translation"),
    "brightness, contrast": ("brightness", "contrast"),
    "colour, negative": ("colour",),
}
"""Rows of the matrix of augmentations against shifts, and the knobs that were turned in them."""
THRESHOLDS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)  # of the dial of confidence
WEIGHTS_OF_MASKS = (0.0, 1.0, 10.0, 100.0)
RUNS: dict[str, Run] = {}


def fitted(adapter: Adapter) -> Run:
    """The run of a strategy, made once for all files that need it."""
    if (name := repr(adapter)) not in RUNS:
        started = time.process_time()
        RUNS[name] = fit(adapter, pair(PAIR), seed=0)
        accuracy, took = RUNS[name].exam().loc["last", "target"], time.process_time() - started
        print(f"  {name}: target accuracy {accuracy:.3f}, {took:.0f} s of a processor", flush=True)
    return RUNS[name]


def adversary() -> Explorer:
    return explore.adversary_dial({weight: fitted(DANN(weight=weight)) for weight in WEIGHTS})


def augmentation() -> Explorer:
    return explore.augmentation(domain("mnist-m-5k"), covered())


def covered() -> dict[str, str]:
    """By knob, the three shifts on which it gained most in the matrix of lesson 05, in points over no augmentation."""
    gains, told = 100 * (coverage.matrix() - coverage.matrix().loc["nothing"]), {}
    for row, knobs in TURNED.items():
        most = ", ".join(f"{shift.replace('_', ' ')} {gain:+.0f}" for shift, gain in gains.loc[row].nlargest(3).items())
        for knob in knobs:
            beside = " and ".join(other for other in knobs if other != knob)
            told[knob] = f"{most} points" + (f", turned with {beside}" if beside else "")
    return told


def chooser() -> Explorer:
    return explore.strategy_chooser()


def confidence() -> Explorer:
    """Which answers pass a threshold and how many of these are right, of three nets, beside ten that just pass."""
    import torch

    plain, pupil = fitted(SourceOnly()), fitted(FixMatch())
    test, train = plain.pair.target.test, plain.pair.target.train
    with nets.statistics_of(plain.net, [torch.from_numpy(train.images) / 255]):
        normalised = plain.outputs(test).logits
    logits = {
        "source-only": torch.from_numpy(plain.evaluations[-1]["target_logits"]),
        "AdaBN": normalised,
        "FixMatch": torch.from_numpy(pupil.evaluations[-1]["target_logits"]),
    }
    sure, called = zip(*(z.softmax(1).max(1) for z in logits.values()), strict=True)
    sure, right = torch.stack(sure).numpy(), (torch.stack(called) == torch.from_numpy(test.labels)).numpy()
    passed, precise, frames, said = [], [], [], []
    for threshold in THRESHOLDS:
        kept = sure >= threshold
        passed.append(kept.mean(1))
        precise.append((kept & right).sum(1) / kept.sum(1))
        just = np.flatnonzero(kept[1])[sure[1][kept[1]].argsort(kind="stable")[:10]]
        frames.append(test.images[just])
        told = zip(logits, passed[-1], precise[-1], strict=True)
        each = "; ".join(f"{name}: {share:.0%} pass, {true:.0%} of these right" for name, share, true in told)
        names = " ".join(test.domain.classes[i] for i in called[1][just].tolist())
        said.append(
            f"Threshold {threshold:g}. {each}. Of AdaBN's the ten that only just pass are called {names}, "
            f"{right[1][just].sum()} of them rightly."
        )
    places, across = tuple(f"{threshold:g}" for threshold in THRESHOLDS), range(len(THRESHOLDS))
    panels = [
        dial.Panel(title, tuple(logits), np.array(values).T, "threshold", across, (0, 1), places)
        for title, values in (("share that passes", passed), ("share of these that is right", precise))
    ]
    title = "A threshold helps where the sure are more often right"
    return dial.dial(title, "threshold", places, panels, said, np.stack(frames))


def digits() -> Explorer:
    return explore.feature_shift([fitted(adapter) for adapter in STRATEGIES], cold=True)


@dataclass(eq=False)
class Parts(Adapter):
    """Fine-tuning of the named blocks alone."""

    names: tuple[str, ...] = ()

    sides: ClassVar = ("shots",)

    def build(self, net: Net) -> None:
        net.requires_grad_(False)
        for name in self.names:
            for module in net.blocks()[name]:
                module.requires_grad_(True)

    def loss(self, source: View | None, target: View, progress: float) -> Terms:
        return {"task": self.task.loss(target)}


def freezer() -> Explorer:
    """The net that was pretrained on print, and every choice of parts that learn digits over photographs in grey."""
    net = nets.glyph_net(pair("glyphs -> mnist-5k").classes)
    net.pretrained = False  # one rate for all parts, or their order would be that of their rates
    print_, coloured = pair("glyphs -> mnist-5k").source.domain, domain("mnist-m-5k")
    grey = dataclasses.replace(coloured, images=coloured.images.mean(1, keepdims=True).astype(np.uint8), sha256=None)
    *below, head = net.blocks()
    accuracies = {}
    for names in itertools.chain.from_iterable(itertools.combinations(below, n) for n in range(len(below) + 1)):
        runs = (
            fit(
                Parts((*names, head)),
                pair((print_, grey), shots=20, seed=seed),
                net=net,
                seed=seed,
                epochs=3,
                learning_rate=3e-3,
                snapshots=False,
            )
            for seed in range(3)
        )
        accuracies[(*names, head)] = [run.target_accuracies()[-1] for run in runs]
    parts = {name: nn.ModuleList(modules) for name, modules in net.blocks().items()}
    return explore.layer_freezer(net, accuracies, parts, "Where few weights learn as well as all of them")


def neighbours() -> Explorer:
    run = fitted(DANN())
    return explore.neighbours(*run.pair.probe(), run.snapshots.source[-1], run.snapshots.target[-1])


def palace() -> Explorer:
    """Digits behind which a photograph comes up, as in lesson 01, beside what it costs a source-only network."""
    import torch
    from sklearn.datasets import load_sample_image

    run = fitted(SourceOnly())
    test = run.pair.source.test
    images = torch.from_numpy(test.images / np.float32(255))
    photograph = torch.from_numpy(load_sample_image("china.jpg").transpose(2, 0, 1) / np.float32(255))
    patches = photograph.unfold(1, 28, 16).unfold(2, 28, 16).flatten(1, 2).transpose(0, 1)
    patches = patches[torch.randperm(len(patches), generator=torch.Generator().manual_seed(0))[: len(images)]]
    halves = np.random.default_rng(0).permutation(len(images)).reshape(2, -1)
    shown = np.unique(test.labels, return_index=True)[1][:6]  # more would be too small in print
    frames, accuracies, distances, net = {}, [], [], run.net.eval()
    for step in range(11):
        shifted = (step / 10 * patches - images).abs()
        with torch.inference_mode():
            still, moved = (net(pictures) for pictures in (images[halves[0]], shifted[halves[1]]))
        frames[step / 10] = shifted[shown]
        accuracies.append(evaluation.accuracy(moved.logits, test.labels[halves[1]]))
        distances.append(evaluation.proxy_a_distance(still.features, moved.features))
    title = "Up goes the palace: the distance is there before the fall"
    return explore.shift_dial(frames, accuracies, distances, title=title)


def stream() -> Explorer:
    """One network walks through fog in batches of 50, and through sorted digits, at three rates of TENT, as in 12."""
    run = fit(SourceOnly(), pair("mnist-5k -> optdigits"), seed=0, epochs=5, snapshots=False)
    home, rates = run.pair.source.test, (0, 0.01, 1)
    fog = dataclasses.replace(home, domain=corrupted(home.domain, "fog"))
    by_class = home.take(np.argsort(home.labels, kind="stable"))
    walks = [list(test_time.stream(run, fog, 50, learning_rate=rate, seed=0)) for rate in rates]
    ordered = [list(test_time.stream(run, by_class, 50, learning_rate=rate, seed=None)) for rate in rates]
    batches, names = range(1, len(walks[0]) + 1), tuple(f"rate {rate:g}" for rate in rates)

    def so_far(streams: list) -> np.ndarray:
        return np.array([np.cumsum([batch.accuracy for batch in each]) / batches for each in streams])

    read = so_far(walks)
    entropy = np.array([[batch.entropy for batch in each] for each in walks])
    largest = np.array([[np.bincount(batch.predicted).max() / len(batch.predicted) for batch in w] for w in walks])
    panels = [
        dial.Panel(name, names, values, "batch", batches, (0, top))
        for name, values, top in (
            ("fog: read so far", read, 1),
            ("sorted digits: read so far", so_far(ordered), 1),
            ("fog: entropy, nats", entropy, 1.1 * float(entropy.max())),
            ("fog: largest share of one answer", largest, 1),
        )
    ]
    said = [
        f"Batch {i + 1} in fog: "
        + "; ".join(
            f"{name} has read {read[j, i]:.2f} so far, entropy {entropy[j, i]:.2f}, largest share {largest[j, i]:.2f}"
            for j, name in enumerate(names)
        )
        + "."
        for i in range(len(batches))
    ]
    order = np.random.default_rng(0).permutation(len(fog)).reshape(len(batches), -1)[:, :6]
    frames = fog.take(order.ravel()).images.reshape(*order.shape, *fog.images.shape[1:])
    title = "At rate 1 the stream is sure of everything and reads nothing"
    return dial.dial(title, "batch", [str(i) for i in batches], panels, said, frames)


def task_weights() -> Explorer:
    """Boxes and masks over one trunk, learned from a hundred scenes, at four weights of the masks."""
    few, task = shared_trunk.few_scenes(0), Tasks((Boxes(), Masks()))
    test = few.source.test
    shown = test.take(np.random.default_rng(0).permutation(len(test))[:6])
    scores, frames = [], []
    for weight in WEIGHTS_OF_MASKS:
        run = fit(FixedWeights(weights=(1.0, weight)), few, task=task, seed=0, **shared_trunk.SETTINGS)
        scores.append(run.test_scores("source").iloc[-1])
        kept = run.kept(shown)
        found = [
            {name: of[name][of["scores"] >= 0.3].numpy() for name in ("boxes", "labels")}
            for of in nets.detections(kept["box_told"])
        ]
        boxed = explore.framed(shown.images, [of["boxes"] for of in found], [of["labels"] for of in found])
        frames.append(np.concatenate((boxed, explore.painted(shown.images, kept["mask_told"].numpy())), axis=2))
        print(f"  weight {weight:g}: {scores[-1].round(3).to_dict()}", flush=True)
    names = tuple(f"{weight:g}" for weight in WEIGHTS_OF_MASKS)
    lines = ("AP50 of boxes", "mIoU of masks")
    values = np.array([[of["AP50"], of["mIoU"]] for of in scores]).T
    panels = [dial.Panel("scores on new scenes", lines, values, "weight of masks", range(len(names)), (0, 1), names)]
    said = [
        f"Weight {name}: AP50 {of['AP50']:.2f}, mIoU {of['mIoU']:.2f}. Above the boxes, below the pixels that it names."
        for name, of in zip(names, scores, strict=True)
    ]
    return dial.dial(
        "One seed: past weight 1 pixels gain and boxes lose", "weight of masks", names, panels, said, np.stack(frames)
    )


def masks() -> Explorer:
    """What two adaptations of lesson 13 paint on photographic scenes, epoch by epoch, from the same source-only net."""
    on = pair(every_pixel.PAIR)
    runs = {
        name: fit(way.adapter, on, net=every_pixel.source_net(0), seed=0, augment=way.augment, **every_pixel.AFTER)
        for name, way in every_pixel.ways().items()
        if name in ("MinEnt", "ClassBalanced")
    }
    return explore.mask_overlay(runs, "One seed: ClassBalanced floods one scene of six, MinEnt none")


MAKERS = {
    maker.__name__: maker
    for maker in (
        adversary,
        augmentation,
        chooser,
        confidence,
        digits,
        freezer,
        masks,
        neighbours,
        palace,
        stream,
        task_weights,
    )
}


OF_SCENES = ("masks", "task_weights")


def made_of(name: str) -> list[str]:
    """The code and the data behind the explorer of this name, as hashes.

    How an explorer is shown, its class, does not count: that is the reader's own code, and always new. Nor does the
    list of all methods with their colours, which grows with every new one.
    """
    ends = (Explorer, *Explorer.kinds.values(), domain, pair, plots.method)
    return [code_hash(MAKERS[name], but=ends), *compare.data_hash(shared_trunk.PAIR if name in OF_SCENES else PAIR)]


def is_true(name: str) -> bool:
    """Whether the file of this name is what the present code and data would make."""
    path = FOLDER / f"{name}.npz"
    return path.exists() and explore.load(path).header.get("made of") == made_of(name)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--only", nargs="+", choices=MAKERS, default=[], help="make these again, true or not")
    only = options.parse_args().only
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in only or [name for name in MAKERS if not is_true(name)]:
        started = time.process_time()
        explorer = MAKERS[name]()
        explorer.header = {**explorer.header, "made of": made_of(name)}
        explorer.save(path := FOLDER / f"{name}.npz")
        weights = f"{path.stat().st_size / 1e6:.2f} MB, its page {len(explorer.to_html()) / 1e6:.2f} MB"
        print(f"{name}.npz: {weights}, {time.process_time() - started:.0f} s of a processor", flush=True)
    print(f"results/explorers holds what the present code makes: {', '.join(filter(is_true, MAKERS))}")


if __name__ == "__main__":
    from benchmarks import explorers  # under its own name: hashes are taken of modules that can be found

    explorers.main()
