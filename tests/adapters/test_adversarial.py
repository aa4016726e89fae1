"""DANN and ADDA against the explicit games, and who learns when."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn

import course_utils as cu
from course_utils.adapters.base import Adapter, Batch
from course_utils.nets import Net, Output
from tests.adapters.games import assert_same, built, double, gradients, leaves, log_loss, net_of_width, wide
from tests.adapters.traces import same, trace
from tests.adapters.views import view
from tests.toys import CLASSES, FAST, feature_pair, toy_pair

# -- DANN --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("weight", "progress"), [(1.0, 0.25), (0.3, 1.0), (1.0, 0.0)])
@pytest.mark.parametrize(("n", "m"), [(6, 5), (5, 3)])
def test_danns_gradients_are_those_of_the_explicit_game(weight: float, progress: float, n: int, m: int) -> None:
    """The features climb the critic's loss with strength λ, the critic descends it at full strength (rows 3 and 7)."""
    adapter = built(cu.DANN(weight=weight, smoothing=0.0))
    source, target = leaves(n, m)
    adapter.loss(source, target, progress)["domain"].backward()

    critic = wide(adapter.critic)
    here, there = double(source.features, target.features)
    domain = critic(torch.cat([here, there]))
    ((log_loss(domain[:n], 1.0) + log_loss(domain[n:], 0.0)) / 2).backward()
    assert_same(
        [source.features.grad, target.features.grad], [here.grad, there.grad], -weight * math.tanh(5 * progress)
    )
    assert_same(gradients(adapter.critic), gradients(critic))
    assert all(g.norm() > 0 for g in gradients(adapter.critic)[::4])


def test_danns_critic_starts_at_chance_and_learns_separable_features() -> None:
    """A softmax over one logit, seen in a published library, would leave the critic without a gradient (row 4)."""
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


def test_swapping_the_domains_turns_what_the_critic_learns() -> None:
    """One label for both domains, seen in a published library, would leave the gradient as it is (row 5)."""
    source, target = view(0, 6, True), view(0, 6, True)
    target.features = target.features + 1
    last = []
    for views in ((source, target), (target, source)):
        adapter = built(cu.DANN())
        for p in adapter.critic[-1].parameters():
            nn.init.zeros_(p)
        adapter.loss(*views, 1.0)["domain"].backward()
        last.append(adapter.critic[-1].weight.grad)
    torch.testing.assert_close(last[0], -last[1])
    assert last[0].norm() > 0


def test_the_critics_batch_norm_counts_a_step_once_and_over_both_domains() -> None:
    """Row 8: two passes would normalise the domains apart, and update the running mean twice."""
    adapter = built(cu.DANN())
    source, target = view(0, 6, True), view(1, 5, False)
    adapter.loss(source, target, 1.0)
    mean = adapter.critic[0](torch.cat([source.features, target.features])).mean(0)
    torch.testing.assert_close(adapter.critic[1].running_mean, 0.1 * mean)


def test_danns_critic_has_its_own_learning_rate() -> None:
    adapter = built(cu.DANN(critic_rate=7.0))
    (group,) = adapter.groups()
    assert group["rate"] == 7.0 and len(group["params"]) == 10


@pytest.mark.parametrize("adapter", [cu.DANN(), cu.CDAN(map_width=5), cu.CDANE(), cu.MDD()], ids=repr)
def test_an_evaluation_changes_nothing_that_a_strategy_keeps(adapter: Adapter) -> None:
    """A reversal layer that counts its calls would advance its schedule here (row 2)."""
    adapter = built(copy.deepcopy(adapter)).eval()
    source, target = view(0, 6, True), view(1, 5, False)
    state = copy.deepcopy(adapter.state_dict())
    first = sum(adapter.loss(source, target, 0.5).values())
    adapter.loss(source, target, 0.9)
    assert torch.equal(sum(adapter.loss(source, target, 0.5).values()), first)
    assert all(torch.equal(state[name], tensor) for name, tensor in adapter.state_dict().items())


# -- ADDA --------------------------------------------------------------------------------------------------------------


def test_the_first_stage_is_source_only_to_the_last_bit() -> None:
    """Batch-norm statistics too: the copy is to see the source as the source's own net does."""
    nets, adapters, _ = trace(cu.ADDA(share=0.5))
    alone, _, _ = trace(cu.SourceOnly())
    change = next(i for i in range(len(alone)) if i / (len(alone) - 2) >= 0.5)
    assert all(same(nets[i], alone[i]) for i in range(change + 1))
    assert not same(nets[change + 1], alone[change + 1])
    assert all(same(adapters[0], adapters[i], f"critic.{layer}") for i in range(change + 1) for layer in (0, 3, 6))


def test_in_the_second_stage_the_encoder_and_the_critic_move_and_nothing_else() -> None:
    nets, adapters, run = trace(cu.ADDA(share=0.5), weight_decay=0.1)
    change = next(i for i in range(len(nets)) if i / (len(nets) - 2) >= 0.5)
    learned = {f"source.{name}": tensor for name, tensor in nets[change].items()}
    for i in range(change + 1, len(nets)):
        assert same(nets[change], nets[i], "head"), i
        assert same(learned, adapters[i]), "the source's encoder stays what it was when they parted"
    for i in range(change, len(nets) - 2):  # at the last step the learning rate is 0
        for part in ("backbone.stage1.0", "bottleneck.0"):
            assert not same(nets[i], nets[i + 1], part)
        assert not same(adapters[i], adapters[i + 1], "critic.0")
    assert same({k: v for k, v in run.net.state_dict().items() if "head" in k}, nets[change], "head")


def game(n: int = 6, m: int = 5) -> tuple[cu.ADDA, Net, Batch]:
    """After the parting: the source's encoder and the target's are no longer the same."""
    adapter, net = cu.ADDA(share=0.5, smoothing=0.0), net_of_width()
    adapter.build(net)
    adapter.parted.fill_(True)
    with torch.no_grad():
        net.bottleneck[0].weight.add_(0.3 * torch.randn_like(net.bottleneck[0].weight))
    views = view(0, n, labelled=True), view(1, m, labelled=False)
    return adapter, net, Batch(*views, lambda sides: [Output(*net(x)) for x in sides])


@pytest.mark.parametrize(("n", "m"), [(6, 5), (5, 3)])
def test_each_players_gradient_is_that_of_the_papers_objective(n: int, m: int) -> None:
    """The encoder gets the labels inverted and nothing of the task; the critic the truth, at full strength (row 7)."""
    adapter, net, batch = game(n, m)
    critic, encoder, source_encoder = (wide(m) for m in (adapter.critic, net, adapter.source.eval()))
    here = source_encoder.bottleneck(batch.source.images.double()).detach()
    (asked, asked_players), (judged, judged_players) = adapter.steps(batch, 0.9)
    assert (asked_players, judged_players) == (("encoder",), ("critic",))

    sum(asked.values()).backward()
    there = encoder.bottleneck(batch.target.images.double())
    log_loss(critic(torch.cat([here, there]))[n:], 1.0).backward()
    assert_same(gradients(net.bottleneck), gradients(encoder.bottleneck))
    assert gradients(net.head) == [None, None] and gradients(net.bottleneck)[0].norm() > 0

    adapter.zero_grad()
    critic.zero_grad()
    before = gradients(net.bottleneck)[0].clone()
    sum(judged.values()).backward()
    domain = critic(torch.cat([here, there.detach()]))
    ((log_loss(domain[:n], 1.0) + log_loss(domain[n:], 0.0)) / 2).backward()
    assert_same(gradients(adapter.critic), gradients(critic))
    assert torch.equal(gradients(net.bottleneck)[0], before)
    assert all(p.grad is None for p in adapter.source.parameters())


def test_the_curves_go_on_through_both_stages() -> None:
    history = cu.fit(cu.ADDA(), feature_pair(), **FAST | {"epochs": 4}).history
    assert history[["task", "passing", "domain"]].notna().all(axis=None)


def test_without_a_first_stage_it_begins_from_a_net_that_knows_the_source() -> None:
    start = cu.fit(cu.SourceOnly(), toy_pair(), **FAST).net
    run = cu.fit(cu.ADDA(share=0.0), toy_pair(), net=start, **FAST)
    assert same(start.state_dict(), run.adapter.source.state_dict())
    assert same(start.state_dict(), run.net.state_dict(), "head")
    assert not same(start.state_dict(), run.net.state_dict(), "backbone")


def test_the_encoder_is_slower_by_its_own_rate() -> None:
    _, _, run = trace(cu.ADDA(encoder_rate=0.2, critic_rate=3.0))
    rates = {name: {g["rate"] for g in o.param_groups} for name, o in run.optimisers.items()}
    assert rates == {"net": {1.0}, "encoder": {0.2}, "critic": {3.0}}


@pytest.mark.parametrize("other", [cu.DAN(), cu.DeepCORAL()], ids=repr)
def test_adda_takes_in_the_terms_of_another_strategy_in_both_stages(other: Adapter) -> None:
    run = cu.fit(cu.ADDA() + other, feature_pair(), **FAST)
    assert len(run.history.columns) > 10 and run.history.notna().all(axis=None)


# -- what is refused ---------------------------------------------------------------------------------------------------

GAMES = [cu.DANN, cu.CDAN, cu.CDANE, cu.ADDA, cu.MDD]
SETTINGS = [
    *((method, "critic_width", 0, "at least 1") for method in GAMES),
    *((method, "critic_rate", -1.0, "at least 0") for method in GAMES),
    *((method, "weight", -0.5, "at least 0") for method in (cu.DANN, cu.CDAN, cu.CDANE, cu.MDD)),
    *((method, "smoothing", 1.5, "between 0 and 1") for method in (cu.DANN, cu.CDAN, cu.CDANE, cu.ADDA)),
    *((method, "map_width", 0, "at least 1") for method in (cu.CDAN, cu.CDANE)),
    (cu.ADDA, "share", 1.1, "between 0 and 1"),
    (cu.ADDA, "encoder_rate", -1.0, "at least 0"),
    (cu.MDD, "margin_factor", -1.0, "at least 0"),
    (cu.MCD, "moves", 0, "at least 1"),
]


@pytest.mark.parametrize(("method", "name", "value", "said"), SETTINGS)
def test_a_setting_out_of_range_is_refused(method: type, name: str, value: float, said: str) -> None:
    with pytest.raises(ValueError, match=rf"{method.__name__}\({name}={value}\): {name} must .*{said}"):
        method(**{name: value})


@pytest.mark.parametrize("method", [*GAMES, cu.MCD])
def test_a_critic_of_the_wrong_width_says_so(method: type) -> None:
    """A net put together by hand may say one width and give another."""
    net = Net(nn.Identity(), nn.Linear(5, 7), nn.Linear(7, 3), 8, CLASSES)
    with pytest.raises(ValueError, match=r"features of width 8, and this net's have width 7: Net\(..., width=7\)"):
        cu.fit(method(), feature_pair(), net=net, **FAST)


@pytest.mark.parametrize("method", [cu.ADDA, cu.MCD])
def test_features_that_cannot_learn_cannot_play(method: type) -> None:
    net = Net(nn.Identity(), nn.Identity(), nn.Linear(5, 3), 5, CLASSES)
    with pytest.raises(ValueError, match="Nothing below this net's head learns: its features cannot play"):
        cu.fit(method(), feature_pair(), net=net, **FAST)


def test_a_schedule_of_ones_own_that_falls_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="strength -1.0: below zero the features would help the critic"):
        cu.fit(cu.DANN(schedule=lambda progress: -1.0), feature_pair(), **FAST)
