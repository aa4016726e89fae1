"""Each strategy's loss against its paper's equation, written out without the package's losses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

import course_utils as cu
from course_utils.adapters.base import Adapter
from course_utils.data.batches import View


def view(seed: int, n: int, labelled: bool) -> View:
    g = torch.Generator().manual_seed(seed)
    return View(
        images=torch.rand(n, 4, generator=g),
        ids=torch.arange(n),
        labels=torch.arange(n) % 3 if labelled else None,
        features=torch.randn(n, 4, generator=g) + seed,
        logits=torch.randn(n, 3, generator=g) * (1 + seed),
    )


class Wide(nn.Module):
    width = 4


def built(adapter: Adapter) -> Adapter:
    torch.manual_seed(0)
    adapter.build(Wide())
    return adapter


SOURCE, TARGET = view(0, 6, labelled=True), view(1, 5, labelled=False)


def cross_entropy(v: View) -> float:
    rows = v.logits.double().tolist()
    return sum(math.log(sum(map(math.exp, r))) - r[y] for r, y in zip(rows, v.labels.tolist(), strict=True)) / len(rows)


@pytest.mark.parametrize("adapter", [cu.SourceOnly(), cu.AdaBN()], ids=repr)
def test_source_only_is_the_cross_entropy_of_the_source(adapter: Adapter) -> None:
    terms = adapter.loss(SOURCE, None, 0.5)
    assert terms.keys() == {"task"} and terms["task"].item() == pytest.approx(cross_entropy(SOURCE), rel=1e-5)


def test_the_oracle_is_the_cross_entropy_of_the_target() -> None:
    labelled = view(1, 5, labelled=True)
    assert cu.TargetOnly().loss(None, labelled, 0.5)["task"].item() == pytest.approx(cross_entropy(labelled), rel=1e-5)


def test_dan_is_the_task_plus_the_ramped_mmd_of_features_and_logits() -> None:
    def mmd(s: np.ndarray, t: np.ndarray) -> float:
        joint = np.concatenate([s, t])
        d = ((joint[:, None] - joint[None]) ** 2).sum(-1)
        mean = d.sum() / (len(joint) * (len(joint) - 1))
        k = np.mean([np.exp(-d / (2 * f * mean)) for f in (0.25, 0.5, 1, 2, 4)], axis=0)
        n = len(s)
        return k[:n, :n].mean() + k[n:, n:].mean() - 2 * k[:n, n:].mean()

    distance = sum(
        mmd(s.double().numpy(), t.double().numpy())
        for s, t in ((SOURCE.features, TARGET.features), (SOURCE.logits, TARGET.logits))
    )
    terms = cu.DAN(weight=2.0).loss(SOURCE, TARGET, 0.25)
    assert terms["mmd"].item() == pytest.approx(2 * math.tanh(1.25) * distance, rel=1e-4)
    assert terms["task"].item() == pytest.approx(cross_entropy(SOURCE), rel=1e-5)


def test_deep_coral_is_the_task_plus_the_ramped_covariance_distance_of_the_logits() -> None:
    c = [np.cov(v.logits.double().numpy(), rowvar=False) for v in (SOURCE, TARGET)]
    terms = cu.DeepCORAL(weight=5.0).loss(SOURCE, TARGET, 0.25)
    assert terms["coral"].item() == pytest.approx(5 * math.tanh(1.25) * ((c[0] - c[1]) ** 2).sum() / 36, rel=1e-4)


# -- DANN: the explicit min-max game ---------------------------------------------------------------------------------


def dann_gradients(weight: float, progress: float) -> tuple[tuple, tuple, list, list]:
    """Gradients of the package's DANN, and of the domain loss written without a reversal."""
    adapter = built(cu.DANN(weight=weight, smoothing=0.0))
    source, target = view(0, 6, True), view(1, 5, False)
    for v in (source, target):
        v.features.requires_grad_()
    adapter.loss(source, target, progress)["domain"].backward()
    ours = source.features.grad, target.features.grad
    critic = [p.grad.clone() for p in adapter.critic.parameters()]

    adapter.zero_grad()
    plain = [v.features.detach().clone().requires_grad_() for v in (source, target)]
    softplus = nn.functional.softplus
    here, there = adapter.critic(torch.cat(plain)).split([6, 5])
    loss = (softplus(-here).mean() + softplus(there).mean()) / 2
    loss.backward()
    explicit = [p.grad for p in adapter.critic.parameters()]
    return ours, (plain[0].grad, plain[1].grad), critic, explicit


@pytest.mark.parametrize(("weight", "progress"), [(1.0, 0.25), (0.3, 1.0), (1.0, 0.0)])
def test_danns_gradients_are_those_of_the_explicit_game(weight: float, progress: float) -> None:
    """The features climb the critic's loss with strength lambda; the critic descends it at full strength (row 3)."""
    ours, explicit, critic, critic_explicit = dann_gradients(weight, progress)
    strength = weight * math.tanh(5 * progress)
    for mine, plain in zip(ours, explicit, strict=True):
        torch.testing.assert_close(mine, -strength * plain)
    for mine, plain in zip(critic, critic_explicit, strict=True):
        torch.testing.assert_close(mine, plain)
    assert all(g.norm() > 0 for g in critic)


def test_danns_critic_starts_at_chance_and_learns_separable_features() -> None:
    """A softmax over one logit, seen in a published library, would leave the critic without a gradient (pitfall 4)."""
    adapter = built(cu.DANN(smoothing=0.0))
    source, target = view(0, 64, True), view(0, 64, False)
    first = adapter.loss(source, target, 0.0)["domain"].item()
    target.features = target.features + 4
    optimiser = torch.optim.Adam(adapter.critic.parameters(), lr=1e-2)
    for _ in range(50):
        optimiser.zero_grad()
        adapter.loss(source, target, 0.0)["domain"].backward()
        optimiser.step()
    adapter.eval()
    right = (adapter.critic(source.features) > 0).sum() + (adapter.critic(target.features) < 0).sum()
    assert first == pytest.approx(math.log(2), abs=0.15)
    assert right / 128 > 0.95


def test_danns_critic_has_its_own_learning_rate() -> None:
    adapter = built(cu.DANN(critic_rate=7.0))
    (group,) = adapter.groups()
    assert group["rate"] == 7.0 and len(group["params"]) == 10


def test_an_evaluation_changes_nothing_that_a_strategy_keeps() -> None:
    """A reversal layer that counts its calls would advance its schedule here (pitfall 2)."""
    adapter = built(cu.DANN()).eval()
    state = {name: tensor.clone() for name, tensor in adapter.state_dict().items()}
    first = adapter.loss(SOURCE, TARGET, 0.5)["domain"]
    adapter.loss(SOURCE, TARGET, 0.9)
    assert torch.equal(adapter.loss(SOURCE, TARGET, 0.5)["domain"], first)
    assert all(torch.equal(state[name], tensor) for name, tensor in adapter.state_dict().items())
