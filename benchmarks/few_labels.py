"""Makes the curves over few labels that the lessons read, into results/few_labels/. Learners that are true are kept.

    python3 course.py bench few_labels [--only pencil] [--jobs 2]

`sketch` needs PACS and is made where COURSE_ORIGINALS is set. A new learner is a small function here, under its name in
the table of the curve: it learns from `pair.target.shots`, and only its own part of the record is computed.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import cross_entropy

from course_utils import compare, few_labels, inference, nets
from course_utils.adapters import (
    BSS,
    DELTA,
    L2SP,
    LPFT,
    Adapter,
    DiscriminativeRates,
    FineTune,
    GradualUnfreezing,
    LinearProbe,
    Prototypes,
    StochNorm,
    SupCon,
)
from course_utils.data import catalog, pair, store
from course_utils.data.arrays import replace
from course_utils.data.pair import DomainPair, Side
from course_utils.evaluation import accuracy, probes
from course_utils.extract import extract
from course_utils.few_labels import SHOTS, Learner, probe, trained
from course_utils.nets import Net
from course_utils.progress import progress_bar
from course_utils.provenance import code_hash
from course_utils.training import fit

SEEDS = tuple(range(5))


@functools.cache
def imagenet() -> Net:
    return nets.imagenet_net()


@functools.cache
def glyphs() -> Net:
    return nets.glyph_net()


def from_scratch(pair: object, seed: int) -> float:
    return trained(FineTune())(pair, seed)


def glyph_probe(pair: object, seed: int) -> float:
    return probe(glyphs())(pair, seed)


def glyph_prototypes(pair: object, seed: int) -> float:
    return probe(glyphs(), cosine_prototypes)(pair, seed)


def tuned(adapter: Adapter, pair: object, seed: int) -> float:
    """Three passes over the larger side, about 140 steps, at a rate for a net that knows something already."""
    return trained(adapter, glyphs(), epochs=3, learning_rate=3e-3)(pair, seed)


def last_layer(pair: object, seed: int) -> float:
    """The probe with what fine-tuning has: the same steps, rate and augmentation."""
    return tuned(LinearProbe(), pair, seed)


def fine_tuned(pair: object, seed: int) -> float:
    return tuned(FineTune(), pair, seed)


def unfrozen_gradually(pair: object, seed: int) -> float:
    return tuned(GradualUnfreezing(), pair, seed)


def at_discriminative_rates(pair: object, seed: int) -> float:
    return tuned(DiscriminativeRates(), pair, seed)


def probed_then_tuned(pair: object, seed: int) -> float:
    return tuned(LPFT(), pair, seed)


def held_by_weights(pair: object, seed: int) -> float:
    return tuned(L2SP(), pair, seed)


def held_by_maps(pair: object, seed: int) -> float:
    return tuned(DELTA(), pair, seed)


def held_by_spectrum(pair: object, seed: int) -> float:
    return tuned(BSS(), pair, seed)


def normalised_by_chance(pair: object, seed: int) -> float:
    return tuned(StochNorm(), pair, seed)


def last_two_blocks(batchnorm: str, pair: object, seed: int) -> float:
    """One pass, about 100 steps of 16 patches; bfloat16 makes this net slower."""
    settings = {"epochs": 1, "batch_size": 16, "learning_rate": 3e-3, "mixed_precision": False}
    return trained(FineTune(2), imagenet(), batchnorm=batchnorm, **settings)(pair, seed)


def imagenet_last_two_blocks(pair: object, seed: int) -> float:
    return last_two_blocks("separate", pair, seed)


def imagenet_last_two_blocks_frozen_norm(pair: object, seed: int) -> float:
    return last_two_blocks("frozen", pair, seed)


def imagenet_everything_at_once(pair: object, seed: int) -> float:
    """What tutorials do: Adam at 1e-3 on every weight, batch norm moving along, ten passes over the few."""
    net, shots, test = imagenet().with_head(pair.classes), pair.target.shots, pair.target.test
    net.to(memory_format=torch.channels_last)
    images, labels = torch.from_numpy(np.array(shots.images)), torch.from_numpy(shots.labels)
    optimiser, drawn = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True), torch.Generator().manual_seed(seed)
    for _ in range(10):
        net.train()
        for batch in torch.randperm(len(images), generator=drawn).split(32):
            loss = cross_entropy(net(inference.ready(images[batch])).logits, labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    logits = inference.outputs(net, pair.target.domain.images, test.indices).logits
    return accuracy(logits, test.labels)


def imagenet_probe(pair: object, seed: int) -> float:
    return probe(imagenet())(pair, seed)


def imagenet_prototypes(pair: object, seed: int) -> float:
    return probe(imagenet(), cosine_prototypes)(pair, seed)


def cosine_prototypes() -> probes.Prototypes:
    return probes.Prototypes(unit_length=True)


def read_by_glyphs(pair: DomainPair) -> DomainPair:
    """The same pair, few labels and all, with what the net of glyphs makes of each image in the image's place."""

    def side(of: Side) -> Side:
        features = extract(glyphs(), of.domain)
        parts = {name: part and dataclasses.replace(part, domain=features) for name, part in vars(of).items()}
        return dataclasses.replace(of, **parts)

    return dataclasses.replace(pair, source=side(pair.source), target=side(pair.target))


def class_means_of_both(pair: DomainPair, seed: int) -> float:
    """Prototypes, the strategy, on frozen features: the source's labels and the target's few. Five passes do."""
    return trained(Prototypes(), epochs=5)(read_by_glyphs(pair), seed)


def means_after_contrast(pair: DomainPair, seed: int) -> float:
    """A distance that was learned without a target label; the few only say where in it each class lies."""
    run = fit(SupCon(), read_by_glyphs(pair), seed=seed, epochs=5, snapshots=False)
    shots, test = run.pair.target.shots, run.pair.target.test
    with run.normalised_for("target"):
        few, asked = (run.outputs(part).features.numpy() for part in (shots, test))
    said = cosine_prototypes().fit(few, shots.labels).predict(asked)
    return float((said == test.labels).mean())


@dataclass(frozen=True)
class Curve:
    """The target of a pair, and who learns from its few labels; names are those of `plots.METHODS`."""

    pair: str
    learners: dict[str, Learner]
    here: Callable[[], bool] = lambda: True


DIGITS = {
    "FromScratch": from_scratch,
    "LinearProbe": glyph_probe,
    "Prototypes": glyph_prototypes,
    "LastLayer": last_layer,
    "FineTune": fine_tuned,
    "GradualUnfreezing": unfrozen_gradually,
    "DiscriminativeRates": at_discriminative_rates,
    "LPFT": probed_then_tuned,
    "L2SP": held_by_weights,
    "DELTA": held_by_maps,
    "BSS": held_by_spectrum,
    "StochNorm": normalised_by_chance,
}
DISTANCES = {"LinearProbe": glyph_probe, "Prototypes": class_means_of_both, "SupCon": means_after_contrast}
FROZEN_PHOTOGRAPHS = {"LinearProbe": imagenet_probe, "Prototypes": imagenet_prototypes}
PHOTOGRAPHS = FROZEN_PHOTOGRAPHS | {
    "FineTune": imagenet_last_two_blocks,
    "FineTuneFrozenNorm": imagenet_last_two_blocks_frozen_norm,
    "EverythingAtOnce": imagenet_everything_at_once,
}
CURVES = {
    "mnist-5k": Curve("glyphs -> mnist-5k", DIGITS),
    "optdigits": Curve("glyphs -> optdigits", DIGITS),
    "metric": Curve("optdigits -> mnist-5k", DISTANCES),
    "pencil": Curve("patches/photo -> patches/pencil", PHOTOGRAPHS),
    "sketch": Curve("pacs/photo -> pacs/sketch", FROZEN_PHOTOGRAPHS, here=lambda: "COURSE_ORIGINALS" in os.environ),
}


def path(name: str) -> Path:
    return few_labels.FOLDER / f"{name}.json"


def made_of(name: str, learner: str) -> list[str]:
    """The code and the data behind one line of a curve, as hashes. What the catalog says of a domain counts as data."""
    curve = CURVES[name]
    code = code_hash(curve.learners[learner], pair, but=(catalog.pair_row, store.domain, progress_bar))
    return [code, *compare.data_hash(curve.pair)]


def kept(name: str) -> dict:
    """What the record of a curve holds of the present code and data, by learner."""
    if not path(name).exists():
        return {}
    record = json.loads(path(name).read_text(encoding="utf-8"))
    if record["shots"] != list(SHOTS) or record["seeds"] != list(SEEDS):
        return {}
    present = CURVES[name].learners
    return {
        learner: of
        for learner, of in record["learners"].items()
        if learner in present and of["made of"] == made_of(name, learner)
    }


def missing(name: str) -> list[str]:
    """The learners of a curve whose numbers are not there, or not those of the present code and data."""
    return [learner for learner in CURVES[name].learners if learner not in kept(name)]


def make(name: str, jobs: int) -> None:
    """Computes what is missing and writes the record."""
    curve, found = CURVES[name], kept(name)
    for learner in missing(name):
        frame = few_labels.shot_curve({learner: curve.learners[learner]}, curve.pair, SHOTS, SEEDS, jobs=jobs)
        table = frame.pivot(index="shots", columns="seed", values="accuracy").loc[list(SHOTS), list(SEEDS)]
        accuracies = [[round(accuracy, 5) for accuracy in row] for row in table.to_numpy().tolist()]
        found[learner] = {"made of": made_of(name, learner), "accuracies": accuracies}
        few_labels.FOLDER.mkdir(parents=True, exist_ok=True)
        in_order = {learner: found[learner] for learner in curve.learners if learner in found}
        replace(path(name), {"pair": curve.pair, "shots": SHOTS, "seeds": SEEDS, "learners": in_order})


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--only", nargs="+", choices=CURVES, default=[name for name, c in CURVES.items() if c.here()])
    options.add_argument("--jobs", type=int, default=1)
    given = options.parse_args()
    for name in given.only:
        make(name, given.jobs)
        with pd.option_context("display.width", 160, "display.precision", 3):
            print(f"\n{CURVES[name].pair}\n{few_labels.summary(few_labels.record(name))}", flush=True)


if __name__ == "__main__":
    from benchmarks import few_labels as by_name  # hashes are taken of modules that can be found

    by_name.main()
