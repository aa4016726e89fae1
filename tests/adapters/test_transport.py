"""DeepJDOT, sliced Wasserstein and WDGRL against their papers' equations."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy import optimize
from torch import nn

import course_utils as cu
from course_utils.adapters.base import Adapter, Batch
from course_utils.data.batches import View
from course_utils.nets import Output
from tests.adapters.views import view
from tests.toys import FAST, feature_pair

SOURCE, TARGET = view(0, 6, labelled=True), view(1, 6, labelled=False)
RAMP = math.tanh(5 * 0.25)  # Ganin's schedule at a quarter of the way


def task(v: View) -> float:
    return cu.losses.cross_entropy(v.logits, v.labels).item()


# -- DeepJDOT ----------------------------------------------------------------------------------------------------------


def cost_by_loops(source: View, target: View, feature_weight: float) -> np.ndarray:
    cost = np.empty((len(source.ids), len(target.ids)))
    for i, (s, y) in enumerate(zip(source.features.tolist(), source.labels.tolist(), strict=True)):
        for j, (t, z) in enumerate(zip(target.features.tolist(), target.logits.tolist(), strict=True)):
            cost[i, j] = feature_weight * math.dist(s, t) ** 2 / 4 + math.log(sum(map(math.exp, z))) - z[y]
    return cost


def test_jdot_is_the_task_plus_the_ramped_cost_of_the_best_assignment() -> None:
    cost = cost_by_loops(SOURCE, TARGET, feature_weight=0.7)
    best = cost[optimize.linear_sum_assignment(cost)].mean()
    terms = cu.DeepJDOT(weight=2.0, feature_weight=0.7).loss(SOURCE, TARGET, 0.25)
    assert terms["transport"].item() == pytest.approx(2 * RAMP * best, rel=1e-4)
    assert terms["task"].item() == pytest.approx(task(SOURCE))


def test_jdots_gradient_is_that_of_the_assignment_held_fixed() -> None:
    """Unequal batches: the plan comes from SciPy's linear programme."""
    source, target = view(0, 4, True), view(1, 3, False)
    cost = cost_by_loops(source, target, 1.0)
    sums = np.concatenate([np.full(4, 1 / 4), np.full(3, 1 / 3)])
    equations = np.concatenate([np.kron(np.eye(4), np.ones(3)), np.kron(np.ones(4), np.eye(3))])
    plan = torch.from_numpy(optimize.linprog(cost.ravel(), A_eq=equations, b_eq=sums).x.reshape(4, 3))
    s, t, z = (x.double().requires_grad_() for x in (source.features, target.features, target.logits))
    apart = (s[:, None] - t[None]).square().sum(-1) / 4
    surprise = torch.stack([-z.log_softmax(1)[:, y] for y in source.labels])
    (plan * (apart + surprise)).sum().backward()

    mine = [x.requires_grad_() for x in (source.features, target.features, target.logits)]
    cu.DeepJDOT(weight=1.0, feature_weight=1.0, schedule=cu.adapters.Constant()).loss(source, target, 0.0)[
        "transport"
    ].backward()
    for one, exact in zip(mine, (s, t, z), strict=True):
        torch.testing.assert_close(one.grad.double(), exact.grad, atol=1e-6, rtol=1e-4)


def test_a_target_that_is_the_source_in_another_order_costs_nothing() -> None:
    order = torch.randperm(6)
    sure = 60.0 * nn.functional.one_hot(SOURCE.labels, 3).float()
    same = View(SOURCE.images[order], SOURCE.ids[order], None, SOURCE.features[order], sure[order])
    assert cu.DeepJDOT().loss(SOURCE, same, 1.0)["transport"].item() == pytest.approx(0, abs=1e-5)


# -- along lines -------------------------------------------------------------------------------------------------------


def test_sliced_wasserstein_is_the_task_plus_the_ramped_gaps_of_the_sorted_shadows() -> None:
    torch.manual_seed(3)
    terms = cu.SlicedWasserstein(weight=2.0, directions=7).loss(SOURCE, TARGET, 0.25)
    torch.manual_seed(3)
    lines = torch.randn(7, 4).numpy()
    shadows = [v.features.numpy() @ (lines / np.linalg.norm(lines, axis=1, keepdims=True)).T for v in (SOURCE, TARGET)]
    gaps = (np.sort(shadows[0], axis=0) - np.sort(shadows[1], axis=0)) ** 2
    assert terms["sliced"].item() == pytest.approx(2 * RAMP * gaps.mean(), rel=1e-4)
    assert terms["task"].item() == pytest.approx(task(SOURCE))


def test_every_step_looks_along_other_lines() -> None:
    adapter = cu.SlicedWasserstein(directions=2)
    first, second = (adapter.loss(SOURCE, TARGET, 1.0)["sliced"].item() for _ in range(2))
    assert first != second


# -- WDGRL -------------------------------------------------------------------------------------------------------------


NET = cu.nets.feature_net(4, ("a", "b", "c"), width=4)


def game(adapter: Adapter, source: View, target: View) -> tuple[Adapter, Batch]:
    """The strategy with a linear critic, and a batch whose forward pass leaves the features as they are."""
    adapter.build(NET)
    adapter.critic = nn.Linear(4, 1)
    outputs = [Output(v.features, v.logits) for v in (source, target)]
    return adapter, Batch(source, target, lambda sides: outputs)


def test_the_net_moves_first_and_down_the_distance_that_the_critic_sees() -> None:
    source, target = view(0, 6, True), view(1, 5, False)
    for v in (source, target):
        v.features.requires_grad_()
    adapter, batch = game(cu.WDGRL(weight=2.0), source, target)
    terms, players = next(adapter.steps(batch, 0.25))
    slope = adapter.critic.weight.detach()[0]
    expected = (source.features.detach().mean(0) - target.features.detach().mean(0)) @ slope
    assert players == ("net",) and terms["task"].item() == pytest.approx(task(source))
    assert terms["wasserstein"].item() == pytest.approx(2 * RAMP * expected.item(), rel=1e-4)
    terms["wasserstein"].backward()
    torch.testing.assert_close(source.features.grad, (2 * RAMP * slope / 6).expand(6, 4))
    torch.testing.assert_close(target.features.grad, (-2 * RAMP * slope / 5).expand(5, 4))


def test_the_critic_then_moves_up_the_distance_and_pays_for_its_slope() -> None:
    source, target = view(0, 6, True), view(1, 5, False)
    source.features.requires_grad_()
    adapter, batch = game(cu.WDGRL(critic_steps=3, slope_penalty=7.0), source, target)
    moves = list(adapter.steps(batch, 0.25))[1:]
    weights = adapter.critic.weight.detach()[0]
    length = math.hypot(*weights.tolist())
    apart = source.features.detach().mean(0) - target.features.mean(0)
    assert [players for _, players in moves] == [("critic",)] * 3
    for terms, _ in moves:
        expected = 7 * (length - 1) ** 2 - (apart @ weights).item()
        assert terms["critic"].item() == pytest.approx(expected, rel=1e-4)
    moves[0][0]["critic"].backward()
    torch.testing.assert_close(adapter.critic.weight.grad[0], 14 * (length - 1) * weights / length - apart)
    assert source.features.grad is None


def test_a_trained_critic_measures_the_length_of_a_shift() -> None:
    """A cloud and its copy moved by 3 are at distance 3. A penalty is no bound: the best slope is 1 + 3 / (2 γ)."""
    torch.manual_seed(0)
    source, target = view(0, 64, True), view(0, 64, False)
    target.features = target.features - torch.tensor([3.0, 0.0, 0.0, 0.0])
    adapter = cu.WDGRL(critic_steps=1)
    adapter.build(NET)
    outputs = [Output(v.features, v.logits) for v in (source, target)]
    optimiser = torch.optim.Adam(adapter.critic.parameters(), lr=5e-3)
    for _ in range(300):
        _, (terms, _) = adapter.steps(Batch(source, target, lambda sides: outputs), 1.0)
        optimiser.zero_grad()
        terms["critic"].backward()
        optimiser.step()
    seen = cu.WDGRL(weight=1.0, schedule=cu.adapters.Constant())
    seen.build(NET)
    seen.critic = adapter.critic
    assert seen.loss(source, target, 1.0)["wasserstein"].item() == pytest.approx(3.0 * (1 + 3 / 20), rel=0.02)


def test_the_slope_is_asked_for_at_both_batches_and_between_their_pairs() -> None:
    asked = []
    adapter, batch = game(cu.WDGRL(critic_steps=1), SOURCE, view(1, 4, False))
    adapter.critic.register_forward_hook(lambda module, inputs, output: asked.append(inputs[0].detach()))
    list(adapter.steps(batch, 0.5))
    (points,) = [x for x in asked if len(x) == 6 + 4 + 4]
    torch.testing.assert_close(points[:10], torch.cat([SOURCE.features, batch.target.features]))
    for s, t, between in zip(SOURCE.features, batch.target.features, points[10:], strict=False):
        assert ((between - s).norm() + (between - t).norm()).item() == pytest.approx((s - t).norm().item(), rel=1e-4)


def test_the_two_players_share_no_parameter_and_the_critic_has_its_own_rate() -> None:
    run = cu.fit(cu.WDGRL(critic_rate=0.3), feature_pair(), **FAST)
    owned = {name: {p for g in o.param_groups for p in g["params"]} for name, o in run.optimisers.items()}
    assert owned["critic"] == set(run.adapter.critic.parameters()) and not owned["net"] & owned["critic"]
    assert {group["rate"] for group in run.optimisers["critic"].param_groups} == {0.3}


def test_a_critic_of_the_wrong_width_says_so() -> None:
    adapter, batch = game(cu.WDGRL(), SOURCE, TARGET)
    wide = dataclasses.replace(SOURCE, features=torch.zeros(6, 5))
    with pytest.raises(ValueError, match="made for features of width 4, and this net's have width 5"):
        adapter.loss(wide, dataclasses.replace(TARGET, features=torch.zeros(6, 5)), 0.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cu.DeepJDOT(weight=-1.0), r"DeepJDOT\(weight=-1.0\): weight must be at least 0"),
        (lambda: cu.DeepJDOT(feature_weight=-1.0), r"DeepJDOT\(feature_weight=-1.0\): feature_weight must be at"),
        (lambda: cu.SlicedWasserstein(weight=-1.0), r"SlicedWasserstein\(weight=-1.0\): weight must be at least 0"),
        (lambda: cu.SlicedWasserstein(directions=0), r"SlicedWasserstein\(directions=0\): directions must be at"),
        (lambda: cu.WDGRL(weight=-1.0), r"WDGRL\(weight=-1.0\): weight must be at least 0"),
        (lambda: cu.WDGRL(critic_steps=0), r"WDGRL\(critic_steps=0\): critic_steps must be at least 1"),
        (lambda: cu.WDGRL(slope_penalty=-1.0), r"WDGRL\(slope_penalty=-1.0\): slope_penalty must be at least 0"),
    ],
)
def test_settings_out_of_range_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
