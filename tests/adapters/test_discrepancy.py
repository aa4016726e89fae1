"""MCD and MDD against their objectives, in double precision, and who moves when."""

from __future__ import annotations

import copy
import dataclasses
import math

import pytest
import torch
from torch.nn.functional import cross_entropy

import course_utils as cu
from course_utils.adapters.base import Adapter, Batch
from course_utils.nets import Net, Output
from tests.adapters.games import assert_same, built, double, gradients, leaves, net_of_width, wide
from tests.adapters.views import view
from tests.toys import CLASSES, FAST, feature_pair, toy_pair

# -- MCD: three moves --------------------------------------------------------------------------------------------------


def game(method: type[Adapter] = cu.MCD, n: int = 6, m: int = 5) -> tuple[Adapter, Net, Batch]:
    adapter, net = method(), net_of_width()
    adapter.build(net)
    views = view(0, n, labelled=True), view(1, m, labelled=False)
    return adapter, net, Batch(*views, lambda sides: [Output(*net(x)) for x in sides])


def twin(adapter: cu.MCD, net: Net, batch: Batch) -> tuple[Net, torch.nn.Module, list, torch.Tensor]:
    """Both heads in double precision, their losses on the source, and their discrepancy on the target."""
    net, second = wide(net), wide(adapter.second)
    source, target = (net.bottleneck(v.images.double()) for v in (batch.source, batch.target))
    tasks = [cross_entropy(head(source), batch.source.labels) for head in (net.head, second)]
    p, q = (head(target).softmax(1) for head in (net.head, second))
    return net, second, tasks, (p - q).abs().sum() / p.numel()


def clear(*modules: torch.nn.Module) -> None:
    for module in modules:
        module.zero_grad()


def test_each_moves_gradient_is_that_of_the_papers_objective() -> None:
    """Row 20: move B keeps the source's cross-entropy; move C asks the features alone."""
    adapter, net, batch = game()
    (first, first_players), (second, second_players), (third, third_players) = adapter.steps(batch, 0.5)
    assert (first_players, second_players, third_players) == (("features", "heads"), ("heads",), ("features",))

    for terms, objective in (
        (first, lambda tasks, d: sum(tasks)),
        (second, lambda tasks, d: sum(tasks) - d),
        (third, lambda tasks, d: d),
    ):
        clear(net, adapter)
        sum(terms.values()).backward()
        exact, other, tasks, d = twin(adapter, net, batch)
        objective(tasks, d).backward()
        if terms is not third:
            assert_same(gradients(net.head), gradients(exact.head))
            assert_same(gradients(adapter.second), gradients(other))
        if terms is not second:
            assert_same(gradients(net.bottleneck), gradients(exact.bottleneck))
        else:
            assert gradients(net.bottleneck) == [None] * 3


def watched(monkeypatch: pytest.MonkeyPatch, **settings: object) -> list[tuple[dict, dict]]:
    """All weights before and after every move of a run."""
    trace, steps = [], cu.MCD.steps

    def state(adapter: cu.MCD) -> dict[str, torch.Tensor]:
        (net,) = adapter._net
        weights = dict(net.named_parameters()) | {f"second.{n}": p for n, p in adapter.second.named_parameters()}
        return {name: p.detach().clone() for name, p in weights.items()}

    def watch(self, batch, progress):
        for terms, players in steps(self, batch, progress):
            before = state(self)
            yield terms, players
            trace.append((before, state(self)))

    monkeypatch.setattr(cu.MCD, "steps", watch)
    cu.fit(cu.MCD(**settings), toy_pair(), **FAST | {"weight_decay": 0.1})
    return trace


def test_who_does_not_move_stays_to_the_last_bit(monkeypatch) -> None:
    """Row 20: one optimiser for all would move the heads in C by momentum and weight decay alone.

    move      A          B       C          C          A ...
    features  moved      -       moved      moved
    heads     moved      moved   -          -
    """
    features, heads = {"backbone", "bottleneck"}, {"head", "second"}
    trace = watched(monkeypatch, moves=2)
    for move, (before, after) in enumerate(trace[:-4]):  # at the last step the learning rate is 0
        moved = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
        assert moved == (features | heads, heads, features, features)[move % 4]
    assert len(trace) > 8 and len(trace) % 4 == 0


def test_every_move_sees_the_features_as_the_move_before_has_left_them(monkeypatch) -> None:
    adapter, net, batch = game()
    for terms, _ in adapter.steps(batch, 0.5):
        _, _, tasks, d = twin(adapter, net, batch)
        expected = {"task": tasks[0], "second": tasks[1], "kept": sum(tasks), "apart": -d, "together": d}
        for name, term in terms.items():
            assert term.item() == pytest.approx(expected[name].item(), rel=1e-4), name
        with torch.no_grad():
            for p in (*net.parameters(), *adapter.parameters()):
                p.add_(0.1 * torch.randn_like(p))


@pytest.mark.parametrize("method", [cu.MCD, cu.SWD])
@pytest.mark.parametrize("fresh", [False, True], ids=["trained head", "fresh head of zeros"])
def test_the_heads_begin_unequal(fresh: bool, method: type[Adapter]) -> None:
    """Row 20: equal heads get equal gradients, and never differ."""
    start = cu.fit(cu.SourceOnly(), feature_pair(), **FAST).net
    run = cu.fit(method(), feature_pair(), net=start.with_head(CLASSES) if fresh else start, **FAST)
    assert (run.adapter.second.weight - run.net.head.weight).abs().max() > 1e-3
    assert run.history["apart"].max() < -1e-4


def test_the_second_head_is_saved_with_the_strategy_and_the_net_is_not() -> None:
    run = cu.fit(cu.MCD(), feature_pair(), **FAST)
    assert set(run.adapter.state_dict()) == {"second.weight", "second.bias"}


def test_the_game_takes_in_the_terms_of_another_strategy() -> None:
    run = cu.fit(cu.MCD() + cu.DANN(), feature_pair(), **FAST)
    assert {"task", "second", "kept", "apart", "together", "domain"} <= set(run.history.columns)


# -- SWD: the same game, along lines ----------------------------------------------------------------------------------


def test_swds_moves_ask_for_the_gap_between_the_sorted_shadows_of_the_predictions() -> None:
    adapter, net, batch = game(cu.SWD)
    moves = adapter.steps(batch, 0.5)
    assert next(moves)[1] == ("features", "heads")
    for seed, sign, name in ((5, -1, "apart"), (6, 1, "together")):
        torch.manual_seed(seed)
        terms, players = next(moves)
        clear(net, adapter)
        terms[name].backward()

        torch.manual_seed(seed)
        lines = torch.nn.functional.normalize(torch.randn(adapter.directions, 3)).double()
        exact, second = wide(net), wide(adapter.second)
        features = exact.bottleneck(batch.target.images.double())
        shadows = [(head(features).softmax(1) @ lines.T).sort(0).values for head in (exact.head, second)]
        d = sign * adapter.discrepancy_weight * (shadows[0] - shadows[1]).square().mean()
        d.backward()
        assert terms[name].item() == pytest.approx(d.item(), rel=1e-4)
        if players == ("heads",):
            assert_same(
                [*gradients(net.head), *gradients(adapter.second)], [*gradients(exact.head), *gradients(second)]
            )
        else:
            assert_same(gradients(net.bottleneck), gradients(exact.bottleneck))
    assert next(moves, None) is None


def test_heads_that_swap_two_images_are_at_no_distance_to_swd_and_at_some_to_mcd() -> None:
    logits = torch.tensor([[9.0, 0.0, 0.0], [0.0, 9.0, 0.0]])
    assert cu.SWD()._distance(logits, logits.flip(0)).item() == pytest.approx(0, abs=1e-9)
    assert cu.losses.classifier_discrepancy(logits, logits.flip(0)) > 0.5


# -- MDD: an adversary with a margin -----------------------------------------------------------------------------------


def disparity(s_adversary, s_logits, t_adversary, t_logits, gamma: float) -> torch.Tensor:
    """The paper's D, image by image."""
    agreed = [a.log_softmax(0)[z.argmax()] for a, z in zip(s_adversary, s_logits, strict=True)]
    denied = [(1 - a.softmax(0)[z.argmax()]).log() for a, z in zip(t_adversary, t_logits, strict=True)]
    return sum(denied) / len(denied) + gamma * sum(agreed) / len(agreed)


@pytest.mark.parametrize(("weight", "gamma", "progress"), [(0.1, 4.0, 0.25), (1.0, 2.0, 1.0), (1.0, 4.0, 0.0)])
def test_mdds_gradients_are_those_of_the_explicit_game(weight: float, gamma: float, progress: float) -> None:
    """Features descend D with strength λ, the adversary climbs it at full strength; the main head sees none of it."""
    adapter = built(cu.MDD(weight=weight, margin_factor=gamma))
    source, target = leaves()
    terms = adapter.loss(source, target, progress)
    terms["disparity"].backward()

    adversary = wide(adapter.adversary)
    here, there = double(source.features, target.features)
    judged = adversary(torch.cat([here, there]))
    exact = disparity(judged[:6], source.logits, judged[6:], target.logits, gamma)
    exact.backward()

    assert terms["disparity"].item() == pytest.approx(-exact.item(), rel=1e-4)
    strength = weight * math.tanh(5 * progress)
    assert_same([source.features.grad, target.features.grad], [here.grad, there.grad], strength)
    assert_same(gradients(adapter.adversary), gradients(adversary), -1.0)
    assert source.logits.grad is None and target.logits.grad is None
    assert gradients(adapter.adversary)[0].norm() > 0


def test_the_adversary_learns_to_agree_on_the_source_and_to_deny_on_the_target() -> None:
    adapter = built(cu.MDD())
    source, target = view(0, 60, labelled=True), view(1, 60, labelled=False)
    target.features = target.features + 3
    for v in (source, target):
        v.logits = v.features[:, :3] - v.features[:, :3].mean(0)
    optimiser = torch.optim.Adam(adapter.adversary.parameters(), lr=1e-2)
    for _ in range(60):
        optimiser.zero_grad()
        adapter.loss(source, target, 0.0)["disparity"].backward()
        optimiser.step()
    judged = adapter.adversary(torch.cat([source.features, target.features])).argmax(1)
    agrees = judged == torch.cat([source.logits, target.logits]).argmax(1)
    assert agrees[:60].float().mean() > 0.9 and agrees[60:].float().mean() < 0.1


@pytest.mark.parametrize("adapter", [cu.MDD(), cu.CDAN(), cu.CDANE(), cu.DANN()], ids=repr)
def test_logits_of_fifty_stay_finite_forwards_and_backwards(adapter: Adapter) -> None:
    """Rows 6 and 21, under autocast as well: the critic too is made as sure as can be."""
    adapter = built(copy.deepcopy(adapter))
    source, target = leaves()
    with torch.no_grad():
        critic = adapter.adversary if isinstance(adapter, cu.MDD) else adapter.critic
        critic[-1].weight.mul_(1e4)
    views = [dataclasses.replace(v, logits=50 * v.logits.sign()) for v in (source, target)]
    adapter.autocast = lambda: torch.autocast("cpu", torch.bfloat16)
    terms = adapter.loss(*views, 1.0)
    sum(terms.values()).backward()
    assert all(torch.isfinite(term) and term.dtype == torch.float32 for term in terms.values())
    assert all(torch.isfinite(g).all() for g in (source.features.grad, target.features.grad, *gradients(critic)))
