"""One small explorer of each kind, made without a long fit, for the tests that ask the same of all of them."""

from __future__ import annotations

import functools

import numpy as np

import course_utils as cu
from course_utils import explore
from course_utils.explore import Explorer
from tests.toys import FAST, toy_domain, toy_pair

STRENGTHS = (0, 0.5, 1)


def shift_dial() -> Explorer:
    digits = toy_domain().images[:6]
    frames = {strength: np.clip(digits + 100.0 * strength, 0, 255).astype(np.uint8) for strength in STRENGTHS}
    return explore.shift_dial(frames, accuracy=[0.9, 0.5, 0.25], a_distance=[0, 1.2, 1.9], title="It gets lighter")


def answers_dial() -> Explorer:
    photograph = np.arange(3 * 20 * 24, dtype=np.uint8).reshape(3, 20, 24)
    frames = {strength: photograph // (1 + i) for i, strength in enumerate(STRENGTHS)}
    names = [["espresso", "cup"], ["espresso", "bucket"], ["coil", "barrel"]]
    sure = np.array([[0.94, 0.02], [0.56, 0.04], [0.27, 0.09]], np.float32)
    return explore.shift_dial(frames, answers=(names, sure), title="Painted more and more")


@functools.cache
def runs() -> dict[float, cu.explore.Explorer]:
    return {weight: cu.fit(cu.DANN(weight=weight, critic_width=8), toy_pair(), seed=0, **FAST) for weight in (0.1, 1)}


def adversary_dial() -> Explorer:
    return explore.adversary_dial(runs())


def augmentation() -> Explorer:
    covers = {"rotation": "tilted pages", "brightness": "day and night"}
    return explore.augmentation(toy_domain(), covers, count=6, rotation=20)


def kernel_dial() -> Explorer:
    rng = np.random.default_rng(0)
    return explore.kernel_dial(rng.normal(size=(12, 4)), rng.normal(size=(10, 4)) + 1)


def layer_freezer() -> Explorer:
    net = cu.nets.small_cnn(1, ("a", "b"), size=16, width=8)
    accuracies = {("head",): [0.4, 0.5], ("bottleneck", "head"): [0.6], ("backbone", "bottleneck", "head"): [0.7, 0.9]}
    return explore.layer_freezer(net, accuracies)


def neighbours() -> Explorer:
    source, target = toy_pair().probe()
    rng = np.random.default_rng(0)
    features = [rng.normal(size=(len(part), 4)) + 2 * part.labels[:, None] for part in (source, target)]
    return explore.neighbours(source, target, *features, k=4)


def strategy_chooser() -> Explorer:
    return explore.strategy_chooser()


SIBLINGS = {
    make.__name__: make
    for make in (
        shift_dial,
        answers_dial,
        adversary_dial,
        augmentation,
        kernel_dial,
        layer_freezer,
        neighbours,
        strategy_chooser,
    )
}
