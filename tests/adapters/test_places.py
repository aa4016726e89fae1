"""Strategies made for maps: the game of ADVENT and the thresholds of class-balanced self-training, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import course_utils as cu
from course_utils.adapters.base import Batch
from course_utils.adapters.places import MapCritic
from course_utils.losses import class_thresholds, conditional_entropy, self_information
from tests.tasks.scenes import CLASSES, FAST, scene_pair, scene_view


def test_self_information_sums_to_the_entropy_and_is_finite_for_sure_places() -> None:
    logits = torch.randn(3, 5, 4, 4, generator=torch.Generator().manual_seed(0)) * 20
    rows = logits.movedim(1, 3).flatten(0, 2)
    assert self_information(logits).sum(1).mean().item() == pytest.approx(conditional_entropy(rows).item(), rel=1e-5)
    assert torch.isfinite(self_information(50 * torch.eye(3)[None, :, :, None])).all()


def test_a_threshold_is_the_quantile_of_its_own_class() -> None:
    rng = np.random.default_rng(0)
    sure, labels = rng.random(200).astype(np.float32), rng.integers(0, 3, 200)
    found = class_thresholds(torch.from_numpy(sure), torch.from_numpy(labels), 0.3, 4)
    for c in range(3):
        assert found[c].item() == pytest.approx(np.quantile(sure[labels == c], 0.7), rel=1e-5)
    assert found[3].isnan()


@pytest.mark.parametrize("progress", [0.25, 1.0])
def test_patches_of_the_maps_are_aligned_as_numpy_finds_their_covariances(progress: float) -> None:
    adapter = cu.PooledCORAL(weight=3.0, patch=4)
    adapter.task = cu.Masks()
    views = scene_view(cu.Masks(), 0), scene_view(cu.Masks(), 1, labelled=False)
    covariances = []
    for view in views:
        maps = view.output.features.detach().double().numpy()
        n, d, h, w = maps.shape
        rows = [
            maps[i, :, y : y + 4, x : x + 4].mean((1, 2))
            for i in range(n)
            for y in range(0, h, 4)
            for x in range(0, w, 4)
        ]
        covariances.append(np.cov(np.array(rows).T))
    distance = ((covariances[0] - covariances[1]) ** 2).sum() / (4 * d**2)
    terms = adapter.loss(*views, progress)
    assert terms["coral"].item() == pytest.approx(3 * math.tanh(5 * progress) * distance, rel=1e-3)
    assert terms["task"].item() == pytest.approx(cu.Masks().loss(views[0]).item())


def advent() -> tuple[cu.ADVENT, Batch]:
    torch.manual_seed(0)
    net, adapter = cu.Masks().net((1, 16, 16), CLASSES), cu.ADVENT(weight=2.0)
    adapter.task = cu.Masks()
    adapter.build(net)
    views = scene_view(cu.Masks(), 0), scene_view(cu.Masks(), 1, labelled=False)
    return adapter, Batch(*views, lambda images: [net(i) for i in images], cu.Masks().fill)


@pytest.mark.parametrize("progress", [0.25, 1.0])
def test_the_net_fools_and_the_critic_tells_apart(progress: float) -> None:
    adapter, batch = advent()
    moves = adapter.steps(batch, progress)
    terms, players = next(moves)
    judged = [adapter.critic(self_information(view.output.logits)).flatten() for view in (batch.source, batch.target)]
    assert players == ("net",)
    fooled = 2 * math.tanh(5 * progress) * np.log1p(np.exp(-judged[1].detach().numpy())).mean()
    assert terms["fooled"].item() == pytest.approx(fooled, rel=1e-4)
    assert terms["task"].item() == pytest.approx(cu.Masks().loss(batch.source).item())
    terms, players = next(moves)
    here, there = (j.detach().numpy() for j in judged)
    assert players == ("critic",)
    expected = (np.log1p(np.exp(-here)).mean() + np.log1p(np.exp(there)).mean()) / 2
    assert terms["domain"].item() == pytest.approx(expected, rel=1e-4)


def test_the_critics_move_does_not_reach_the_net_and_the_source_is_not_asked_to_fool() -> None:
    adapter, batch = advent()
    moves = adapter.steps(batch, 1.0)
    terms, _ = next(moves)
    logits = batch.source.output.logits
    (through,) = torch.autograd.grad(terms["fooled"], logits, retain_graph=True, allow_unused=True)
    assert through is None
    terms, _ = next(moves)
    assert not any(
        g is not None and g.abs().sum() > 0
        for g in torch.autograd.grad(
            terms["domain"], [batch.target.output.logits], allow_unused=True, retain_graph=True
        )
    )


@pytest.mark.parametrize("progress", [0.25, 1.0])
def test_only_the_surest_share_of_every_class_is_learned(progress: float) -> None:
    net, adapter = cu.Masks().net((1, 16, 16), CLASSES), cu.ClassBalanced(share=0.25, momentum=0.0)
    adapter.task = cu.Masks()
    adapter.build(net)
    source, target = scene_view(cu.Masks(), 0, n=40), scene_view(cu.Masks(), 1, n=40, labelled=False)
    terms = adapter.loss(source, target, progress)
    chances = target.logits.double().softmax(1)
    sure, labels = chances.max(1)
    total, passed = 0.0, 0
    for c in range(3):
        own = sorted(sure[labels == c].tolist(), reverse=True)
        least = np.quantile(own, 0.75)
        total -= sum(math.log(p) for p in own if p >= least - 1e-7)
        passed += sum(p >= least - 1e-7 for p in own)
    assert terms["pseudo"].item() == pytest.approx(math.tanh(5 * progress) * total / len(sure), rel=1e-3)
    assert terms["passed"].item() == pytest.approx(passed / len(sure))


def test_one_threshold_for_all_would_leave_the_rare_class_out() -> None:
    sure = torch.cat((torch.linspace(0.9, 1.0, 90), torch.linspace(0.4, 0.6, 10)))
    labels = torch.arange(100) // 90
    found = class_thresholds(sure, labels, 0.5, 2)
    kept = sure >= found[labels]
    assert kept[labels == 1].sum() == 5 and (sure >= sure.quantile(0.5))[labels == 1].sum() == 0


def test_a_class_that_is_never_predicted_keeps_its_threshold() -> None:
    net, adapter = cu.Masks().net((1, 16, 16), CLASSES), cu.ClassBalanced(momentum=0.5)
    adapter.task = cu.Masks()
    adapter.build(net)
    source, target = scene_view(cu.Masks(), 0), scene_view(cu.Masks(), 1, labelled=False)
    target.logits[:, 2] = -50
    adapter.loss(source, target, 0.5)
    assert adapter.thresholds[2] == 1 and adapter.thresholds[:2].max() < 1


@pytest.mark.parametrize("wrong", [{"weight": -1.0}, {"patch": 0}])
def test_the_settings_of_pooled_coral_are_refused_when_it_is_made(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        cu.PooledCORAL(**wrong)


@pytest.mark.parametrize("wrong", [{"weight": -1.0}, {"critic_width": 0}, {"critic_rate": -0.1}])
def test_advents_settings_are_refused_when_it_is_made(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        cu.ADVENT(**wrong)


@pytest.mark.parametrize("wrong", [{"weight": -1.0}, {"share": 1.2}, {"momentum": -0.1}])
def test_the_settings_of_class_balanced_are_refused_when_it_is_made(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        cu.ClassBalanced(**wrong)


def test_advent_makes_the_target_surer_than_source_only_leaves_it() -> None:
    options = FAST | {"epochs": 6}
    plain, advent = (cu.fit(a, scene_pair(), task=cu.Masks(), **options) for a in (cu.SourceOnly(), cu.ADVENT(1.0)))
    assert advent.history["Entropy"].iloc[-1] > plain.history["Entropy"].iloc[-1]


def test_a_critic_of_one_place_learns_nothing_from_its_border() -> None:
    """In bfloat16 a convolution that pads by itself leaves gradients of what met only padding unwritten."""
    critic = MapCritic(16, 32)
    for _ in range(3):
        critic.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            answer = critic(torch.randn(64, 16, 1, 1))
        answer.float().square().sum().backward()
        for weight in (p for p in critic.parameters() if p.ndim == 4):
            border = weight.grad.clone()
            border[:, :, 1, 1] = 0
            assert not border.any() and weight.grad[:, :, 1, 1].abs().sum() > 0
