"""TENT: what it minimises, by which statistics, and what moves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import special, stats

import course_utils as cu
from course_utils.adapters.base import Batch
from course_utils.data.batches import View
from course_utils.nets import Net, batchnorm_layers
from tests.adapters.games import assert_same, net_of_width, wide
from tests.adapters.traces import same, trace
from tests.adapters.views import view
from tests.toys import CLASSES, FAST, feature_pair, toy_pair


def test_tent_is_the_task_and_scipys_mean_entropy_of_the_target() -> None:
    source, target = view(0, 6, labelled=True), view(1, 5, labelled=False)
    terms = cu.TENT().loss(source, target, 0.9)
    entropies = [stats.entropy(row) for row in special.softmax(target.logits.double().numpy(), axis=1)]
    assert terms["entropy"].item() == pytest.approx(np.mean(entropies), rel=1e-5)
    assert terms["task"].item() == pytest.approx(cu.losses.cross_entropy(source.logits, source.labels).item())


def test_in_the_second_stage_scales_and_shifts_move_and_no_other_parameter() -> None:
    """Row 28, bit by bit, against weight decay as well; the running statistics follow the target."""
    nets, _, run = trace(cu.TENT(share=0.5, norm_rate=1.0), weight_decay=0.5)
    change = next(i for i in range(len(nets)) if i / (len(nets) - 2) >= 0.5)
    norms = {name for name, module in run.net.named_modules() if module in set(batchnorm_layers(run.net))}
    for name, _ in run.net.named_parameters():
        held = torch.equal(nets[change][name], nets[-1][name])
        assert held != (name.rpartition(".")[0] in norms), name
    mean = "backbone.stage1.1.running_mean"
    assert not torch.equal(nets[change][mean], nets[-1][mean])


def test_the_gradient_is_that_of_the_entropy_under_the_batchs_own_statistics() -> None:
    """Row 28: in float64, layer by layer, with the mean and the variance of this batch written out."""
    adapter, net = cu.TENT(share=0.0), net_of_width().train()
    adapter.build(net)
    with torch.no_grad():
        net.bottleneck[1].running_mean.add_(3)
    source, target = view(0, 6, labelled=True), view(1, 7, labelled=False)
    layers = wide(net)
    ((terms, players),) = adapter.steps(Batch(source, target, lambda sides: [net(x) for x in sides]), 0.0)
    assert players == ("norms",)
    sum(terms.values()).backward()

    scale, shift = layers.bottleneck[1].weight, layers.bottleneck[1].bias
    x = layers.bottleneck[0](target.images.double())
    x = (x - x.mean(0)) / (x.var(0, correction=0) + 1e-5).sqrt()
    z = layers.head((x * scale + shift).relu())
    p = torch.exp(z) / torch.exp(z).sum(1, keepdim=True)
    (-(p * p.log()).sum() / 7).backward()
    assert_same([net.bottleneck[1].weight.grad, net.bottleneck[1].bias.grad], [scale.grad, shift.grad])
    assert scale.grad.norm() > 0


def test_scales_and_shifts_have_a_rate_of_their_own_and_do_not_decay() -> None:
    run = cu.fit(cu.TENT(norm_rate=0.2), toy_pair(), **FAST)
    (group,) = run.optimisers["norms"].param_groups
    assert group["rate"] == 0.2 and group["weight_decay"] == 0 and len(group["params"]) == 2 * 3


def test_a_frozen_norm_stays_and_the_others_move() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = cu.nets.default_net((1, 16, 16), CLASSES).freeze("backbone")
    run = cu.fit(cu.TENT(), toy_pair(), net=net, **FAST)
    assert same(net.state_dict(), run.net.state_dict(), "backbone")
    assert not same(net.state_dict(), run.net.state_dict(), "bottleneck")


def test_a_net_without_batch_norm_is_refused() -> None:
    net = Net(torch.nn.Identity(), torch.nn.Linear(5, 7), torch.nn.Linear(7, 3), 7, CLASSES)
    with pytest.raises(ValueError, match="this net has none that learn. Take a net with batch norm"):
        cu.fit(cu.TENT(), feature_pair(), net=net, **FAST)


def test_a_batch_of_one_image_warns() -> None:
    adapter, net = cu.TENT(), net_of_width().eval()
    adapter.build(net)
    one = View(torch.rand(1, 4), torch.arange(1), None)
    with pytest.warns(UserWarning, match="A batch of 1: its mean and variance say little"):
        list(adapter.steps(Batch(view(0, 6, labelled=True), one, lambda sides: [net(x) for x in sides]), 0.9))


@pytest.mark.parametrize(
    ("name", "value", "said"), [("share", -0.1, "between 0 and 1"), ("norm_rate", -1.0, "at least 0")]
)
def test_a_setting_out_of_range_is_refused(name: str, value: float, said: str) -> None:
    with pytest.raises(ValueError, match=rf"TENT\({name}={value}\): {name} must .*{said}"):
        cu.TENT(**{name: value})
