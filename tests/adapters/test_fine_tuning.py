"""What moves, and when: the states of a net before every step tell it without asking the strategy."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from torch import nn

import course_utils as cu
from course_utils import training
from course_utils.adapters.base import Adapter
from tests.toys import CLASSES, FAST, feature_pair, toy_pair

State = dict[str, torch.Tensor]
PARTS = ("backbone.stage1", "backbone.stage2", "bottleneck", "head")
LONG = FAST | {"epochs": 3}


@pytest.fixture(scope="module")
def net() -> cu.nets.Net:
    """Pretrained on the toys, so that batch norm has statistics to lose; with dropout above both blocks."""
    start = cu.nets.small_cnn(1, CLASSES, size=16)
    start.backbone.flatten = nn.Sequential(nn.Dropout(0.5), nn.Flatten())
    return cu.fit(cu.SourceOnly(), toy_pair(), net=start, **FAST).net


def states(adapter: Adapter, net: cu.nets.Net, **options: object) -> list[State]:
    """The net's state before each step of a run, and after the last."""
    seen = []

    def batch(run, batches, step, whole=training._batch):
        seen.append(copy.deepcopy(run.net.state_dict()))
        return whole(run, batches, step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_batch", batch)
        run = cu.fit(adapter, toy_pair(shots=3), net=net, **LONG | options)
    return [*seen, run.net.state_dict()]


def moved(before: State, after: State) -> set[str]:
    """The parts whose parameters or statistics changed."""
    return {part for part in PARTS for name in before if name.startswith(part) and (before[name] != after[name]).any()}


# -- the probe -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batchnorm", ["separate", "frozen"])
def test_a_probe_moves_the_head_and_not_one_statistic(net: cu.nets.Net, batchnorm: str) -> None:
    trace = states(cu.LinearProbe(), net, batchnorm=batchnorm)
    assert all(moved(a, b) == {"head"} for a, b in itertools.pairwise(trace[:-1])), "the last step has the rate 0"


@pytest.mark.parametrize(("method", "until"), [(cu.LinearProbe, 1.0), (cu.LPFT, 0.5)])
def test_a_probe_sees_the_features_of_evaluation(net, method: type, until: float, monkeypatch) -> None:
    """Row 33: batch norm or dropout in training mode would give the head other features than it is tested on."""
    seen, loss = [], method.loss

    def watched(self, source, target, progress):
        seen.append((progress, target.images, target.features.detach()))
        return loss(self, source, target, progress)

    monkeypatch.setattr(method, "loss", watched)
    cu.fit(method(), toy_pair(shots=3), net=net, **LONG)
    net.eval()
    same = [torch.equal(net(images).features, features) for progress, images, features in seen if progress < until]
    assert all(same) and len(same) > 8


class Ridge(Adapter):
    """0.05 ||W||², which makes the probe's optimum a single point."""

    sides = ("shots",)

    def build(self, net: nn.Module) -> None:
        self._weight = (net.head.weight,)

    def loss(self, source, target, progress):
        return {"ridge": 0.05 * self._weight[0].square().sum()}


def test_a_probe_of_cached_features_is_a_logistic_regression() -> None:
    """Its objective is convex: trained long enough, it comes to the value that scikit-learn finds."""
    from sklearn.linear_model import LogisticRegression

    shots = feature_pair(shots=5).target.shots
    plain = cu.nets.Net(nn.Identity(), nn.Identity(), nn.Linear(5, 3), 5, CLASSES)
    settings = {"epochs": 100, "batch_size": 15, "weight_decay": 0.0, "learning_rate": 0.1, "snapshots": False}
    run = cu.fit(cu.LinearProbe() + Ridge(), feature_pair(shots=5), net=plain, **FAST | settings)

    def objective(weights: np.ndarray, bias: np.ndarray) -> float:
        scores = shots.images @ weights.T + bias
        return (logsumexp(scores, axis=1) - scores[np.arange(15), shots.labels]).mean() + 0.05 * (weights**2).sum()

    # scikit-learn's C weighs the sum of the losses against ||W||² / 2.
    exact = LogisticRegression(C=1 / (0.1 * 15), tol=1e-8, max_iter=1000).fit(shots.images, shots.labels)
    best = objective(exact.coef_, exact.intercept_)
    assert objective(*(p.detach().numpy() for p in run.net.head.parameters())) == pytest.approx(best, rel=5e-3)
    assert objective(1.4 * exact.coef_, exact.intercept_) > 1.005 * best, "the oracle tells a wrong probe"


# -- the last blocks -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("blocks", "learning"), [(0, 2), (1, 3), (2, 4), (None, 4)])
def test_fine_tuning_moves_the_last_blocks_and_leaves_every_bit_of_the_others(net, blocks, learning: int) -> None:
    trace = states(cu.FineTune(blocks), net)
    assert moved(trace[0], trace[-1]) == set(PARTS[-learning:])


def test_more_blocks_than_there_are_is_refused_with_their_names(net: cu.nets.Net) -> None:
    with pytest.raises(ValueError, match=r"2 blocks \(stage1, stage2\): 3 of them"):
        cu.fit(cu.FineTune(blocks=3), toy_pair(shots=3), net=net, **FAST)


@pytest.mark.parametrize("method", [cu.FineTune, cu.GradualUnfreezing, cu.DiscriminativeRates, cu.LPFT])
def test_fine_tuning_opens_what_a_probe_had_frozen(net: cu.nets.Net, method: type) -> None:
    frozen = cu.fit(cu.LinearProbe(), toy_pair(shots=3), net=net, **FAST).net
    assert not frozen.backbone[0][0].weight.requires_grad
    trace = states(method(), frozen)
    assert moved(trace[0], trace[-1]) == set(PARTS)


def test_the_callers_net_is_left_as_it_was(net: cu.nets.Net) -> None:
    cu.fit(cu.LinearProbe(), toy_pair(shots=3), net=net, **FAST)
    assert all(p.requires_grad for p in net.parameters())


# -- one after another, and with other rates -------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_blocks_join_from_the_top_after_equal_shares_of_the_steps(net: cu.nets.Net, share: float) -> None:
    """
    share of the steps   0 ......... 1/3 ........ 2/3 ........ 1
    learning             head        + bottleneck + stage2     + stage1
    """
    trace = states(cu.GradualUnfreezing(share), net)
    steps = len(trace) - 1
    first = {part: next(i for i in range(steps) if part in moved(trace[i], trace[i + 1])) for part in PARTS}
    expected = {
        part: next(i for i in range(steps) if 3 * i >= joins * share * (steps - 1) - 1e-9)
        for joins, part in enumerate(reversed(PARTS))
    }
    assert first == expected
    for part, start in first.items():
        assert all(part in moved(trace[i], trace[i + 1]) for i in range(start, steps - 1))


def test_each_block_below_the_head_steps_a_fixed_factor_shorter(net: cu.nets.Net) -> None:
    """AdamW's first step is the learning rate times the gradient's sign, so the rates can be read off the weights."""
    before, after, *_ = states(cu.DiscriminativeRates(decay=2.0), net, learning_rate=0.1, weight_decay=0.0)
    for above, part in enumerate(reversed(PARTS)):
        longest = max(
            (after[name] - before[name]).abs().max() for name, _ in net.named_parameters() if name.startswith(part)
        )
        assert longest.item() == pytest.approx(0.1 * 0.04 * 2.0**-above, rel=0.01), part


def test_parameters_outside_of_any_block_learn_as_slowly_as_the_lowest() -> None:
    class Shifted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shift, self.layer = nn.Parameter(torch.zeros(5)), nn.Linear(5, 4)

        def forward(self, x):
            return self.layer(x + self.shift)

    net = cu.nets.Net(Shifted(), nn.Identity(), nn.Linear(4, 3), 4, CLASSES)
    (groups,) = cu.DiscriminativeRates(decay=3.0).players(net).values()
    rates = {id(p): group["rate"] for group in groups for p in group["params"]}
    assert rates == {id(p): 1 / 3 if name.startswith("backbone") else 1.0 for name, p in net.named_parameters()}
    probe, tuned = (cu.fit(m, feature_pair(shots=3), net=net, **FAST).net for m in (cu.LinearProbe(), cu.LPFT()))
    assert not probe.backbone.shift.any() and tuned.backbone.shift.any()


# -- LP-FT -----------------------------------------------------------------------------------------------------------


def test_lpft_is_the_probe_to_the_last_bit_and_tunes_from_the_head_that_it_found(net: cu.nets.Net) -> None:
    """Row 33: a head made anew at the change would lose what the probe had learned."""
    probe, both = states(cu.LinearProbe(), net), states(cu.LPFT(share=0.5), net)
    steps = len(both) - 1
    change = next(i for i in range(steps) if i / (steps - 1) >= 0.5)
    for step in range(change + 1):
        assert all(torch.equal(probe[step][name], tensor) for name, tensor in both[step].items()), step
    assert moved(both[0], both[change]) == {"head"}
    assert all(moved(both[i], both[i + 1]) == set(PARTS) for i in range(change, steps - 1))


@pytest.mark.parametrize(("share", "alone"), [(0.0, cu.FineTune()), (1.0, cu.LinearProbe())])
def test_the_shares_limits_are_fine_tuning_and_the_probe(net: cu.nets.Net, share: float, alone: Adapter) -> None:
    both, expected = (states(adapter, net)[-1] for adapter in (cu.LPFT(share), alone))
    assert all(torch.equal(both[name], expected[name]) for name, _ in net.named_parameters())


@pytest.mark.parametrize(
    ("method", "setting"),
    [(cu.GradualUnfreezing, {"share": 1.5}), (cu.LPFT, {"share": -0.1}), (cu.DiscriminativeRates, {"decay": 0.5})],
)
def test_settings_out_of_range_are_refused(method: type[Adapter], setting: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        method(**setting)


@pytest.mark.parametrize("other", [cu.L2SP(), cu.BSS(), cu.StochNorm()], ids=repr)
def test_when_to_move_is_summed_with_how_far(net: cu.nets.Net, other: Adapter) -> None:
    run = cu.fit(cu.LPFT() + other, toy_pair(shots=3), net=net, **FAST)
    assert "task" in run.history.columns
    assert moved(net.state_dict(), run.net.state_dict()) == set(PARTS)
