"""How two strategies are summed: whose terms, whose task, who moves; and what cannot be summed."""

from __future__ import annotations

import copy
import math

import pytest
import torch

import course_utils as cu
from course_utils.adapters.base import Adapter, Batch, Terms
from course_utils.adapters.sums import Sum
from course_utils.data.batches import View
from tests.adapters.games import Game, assert_same, built, double, leaves
from tests.adapters.traces import trace
from tests.toys import FAST, feature_pair


def test_the_sum_of_two_strategies_has_both_their_terms_and_one_task() -> None:
    run = cu.fit(cu.DAN() + cu.DANN(), feature_pair(), **FAST)
    assert {"task", "mmd", "domain"} <= set(run.history.columns)
    assert run.adapter.second.critic[0].weight.requires_grad


def test_the_summed_gradient_is_the_sum_of_the_gradients() -> None:
    """The task counts once: grad(A + B) = grad(A) + grad(B) - grad(task)."""
    net = cu.nets.feature_net(5, ("a", "b"), width=4).eval()
    source, target = torch.randn(6, 5), torch.randn(7, 5) + 1
    labels = torch.arange(6) % 2

    def gradient(adapter: Adapter) -> torch.Tensor:
        net.zero_grad()
        views = [View(x, torch.arange(len(x)), y) for x, y in ((source, labels), (target, None))]
        adapter.build(net)
        terms, _ = next(adapter.steps(Batch(*views, lambda sides: [net(x) for x in sides]), progress=1.0))
        sum(terms.values()).backward()
        return net.bottleneck[0].weight.grad.clone()

    both = gradient(cu.DAN() + cu.DeepCORAL())
    apart = gradient(cu.DAN()) + gradient(cu.DeepCORAL()) - gradient(cu.SourceOnly())
    torch.testing.assert_close(both, apart)


def test_a_game_takes_the_others_terms_into_its_first_objective() -> None:
    run = cu.fit(cu.DAN() + Game(), feature_pair(), **FAST)
    assert isinstance(run.adapter.first, Game)
    assert "mmd" in run.history.columns


def test_two_games_are_refused_by_name() -> None:
    with pytest.raises(TypeError, match="Game and Game both alternate"):
        Game() + Game()


@pytest.mark.parametrize("turned", [False, True], ids=["A + B", "B + A"])
def test_the_groups_of_the_one_that_says_who_is_optimised_are_kept(turned: bool) -> None:
    """Gradual unfreezing with discriminative rates, which is ULMFiT; L2-SP's freedom from weight decay with BSS."""
    for plain, chooser, key in (
        (cu.GradualUnfreezing(), cu.DiscriminativeRates(), "rate"),
        (cu.BSS(), cu.L2SP(), "weight_decay"),
    ):
        both = chooser + plain if turned else plain + chooser
        net = cu.nets.feature_net(5, ("a", "b"), width=4)
        found, expected = (adapter.players(net)["all"] for adapter in (both, chooser))
        assert [group[key] for group in found] == [group[key] for group in expected]


def test_two_that_say_who_is_optimised_are_refused_by_name() -> None:
    with pytest.raises(TypeError, match="L2SP and DiscriminativeRates both say who is optimised"):
        cu.L2SP() + cu.DiscriminativeRates()


def test_three_are_summed_in_any_order_with_one_game_among_them() -> None:
    runs = [
        cu.fit(adapter, feature_pair(shots=3), **FAST)
        for adapter in (cu.BSS() + cu.L2SP() + cu.LPFT(), cu.LPFT() + cu.L2SP() + cu.BSS())
    ]
    assert {"task", "anchor", "decay", "spectrum"} <= set(runs[0].history.columns)
    weights = [torch.cat([p.flatten() for p in run.net.parameters()]) for run in runs]
    torch.testing.assert_close(*weights)


def test_two_terms_of_one_name_are_refused() -> None:
    with pytest.raises(TypeError, match="Both strategies call a term 'mmd'"):
        cu.fit(cu.DAN() + cu.DAN(weight=2.0), feature_pair(), **FAST)


@pytest.mark.parametrize("flip", [False, True])
def test_a_weighed_task_stands_in_the_place_of_the_others_task_term(flip: bool) -> None:
    """The net's gradient is that of 3 L + CORAL, whichever comes first: the task does not count once more."""
    parts = cu.FixedWeights(weights=(3.0,)), cu.DeepCORAL(weight=2.0)
    adapter = built(Sum(*reversed(parts)) if flip else Sum(*parts))
    source, target = leaves()
    sum(adapter.loss(source, target, 1.0).values()).backward()
    here, there = double(source.logits, target.logits)
    apart = torch.cov(here.T) - torch.cov(there.T)
    coral = 2 * math.tanh(5) * apart.square().sum() / (4 * 3**2)
    (3 * torch.nn.functional.cross_entropy(here, source.labels) + coral).backward()
    assert_same([source.logits.grad, target.logits.grad], [here.grad, there.grad])


def test_two_that_learn_from_labels_of_different_sides_are_refused_by_name() -> None:
    for pair in ((cu.Triplet(), cu.L2SP()), (cu.FineTune(), cu.SourceOnly()), (cu.DAN(), cu.TargetOnly())):
        with pytest.raises(TypeError, match=r"learns from labels of (source|shots) and \w+ from those of"):
            Sum(*pair)


@pytest.mark.parametrize(
    "game", [cu.SHOT(share=0.5), cu.SHOTIM(share=0.5), cu.ADDA(share=0.5)], ids=lambda g: type(g).__name__
)
def test_what_another_strategy_trains_moves_in_both_stages(game: Adapter) -> None:
    """Among the groups of the first stage's player, a critic would stand still in the second."""
    _, states, run = trace(copy.deepcopy(game) + cu.MDD())
    name = next(name for name in states[0] if name.startswith("second.") and name.endswith(".0.weight"))
    for before, after in zip(states[:-2], states[1:-1], strict=True):  # at the last step the learning rate is 0
        assert not torch.equal(before[name], after[name])
    assert "added" in run.optimisers


def test_weights_beside_a_strategy_with_a_task_term_of_its_own_are_refused_by_name() -> None:
    for pair in ((cu.MixUp(), cu.FixedWeights()), (cu.UncertaintyWeights(), cu.ADDA())):
        with pytest.raises(TypeError, match=r"(MixUp|ADDA) has a task term of its own: \w+ cannot weigh it"):
            Sum(*pair)


class OfBoth(Adapter):
    """Learns from the source's labels and the shots' in one task term."""

    sides = ("source", "shots")

    def loss(self, source: View, target: View, progress: float) -> Terms:
        return {"task": self.task.loss(source) + self.task.loss(target)}


class Penalty(Adapter):
    def loss(self, source: View, target: View, progress: float) -> Terms:
        return {"length": target.features.square().mean()}


@pytest.mark.parametrize("flip", [False, True])
def test_the_task_of_all_labels_is_the_sums_whichever_comes_first(flip: bool) -> None:
    source, target = leaves()
    target.labels = torch.arange(5) % 3
    for parts in ((cu.SourceOnly(), OfBoth()), (cu.DeepCORAL(), Penalty())):
        both = built(Sum(*reversed(parts)) if flip else Sum(*parts))
        views = [source] if isinstance(parts[1], Penalty) else [source, target]
        expected = sum(torch.nn.functional.cross_entropy(v.logits, v.labels) for v in views)
        assert both.loss(source, target, 1.0)["task"].item() == pytest.approx(expected.item(), rel=1e-6)


def test_a_third_ones_parameters_move_once_a_step() -> None:
    run = cu.fit(cu.MCD() + cu.DANN() + cu.MDD(), feature_pair(), **FAST)
    moved = [id(p) for o in run.optimisers.values() for g in o.param_groups for p in g["params"]]
    assert len(moved) == len(set(moved))
    steps = {int(s["step"]) for s in run.optimisers["added"].state.values()}
    assert steps == {run.epoch * run.steps_per_epoch}


def test_strategies_of_places_join_those_that_ask_the_net_themselves() -> None:
    for game in (cu.FixMatch(), cu.SHOT(), cu.ADDA()):
        assert cu.fit(game + cu.PooledCORAL(), feature_pair(), **FAST).history["coral"].notna().all()


def test_a_sum_shows_its_parts() -> None:
    assert repr(Sum(cu.SourceOnly(), cu.AdaBN())) == "Sum(first=SourceOnly(), second=AdaBN())"


@pytest.mark.parametrize("other", [1, "DAN", cu.DAN], ids=str)
def test_what_is_no_strategy_cannot_be_added(other: object) -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        cu.MCC() + other
