"""A coin for every channel: between plain batch norm in training and plain batch norm in evaluation."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import course_utils as cu
from tests.toys import CLASSES, FAST, toy_pair


def layer(kind: type[nn.Module] = nn.BatchNorm2d) -> nn.Module:
    """With statistics, scale and shift that are not those of the first moment."""
    plain = kind(40)
    with torch.no_grad():
        for tensor in (plain.weight, plain.bias, plain.running_mean):
            tensor.copy_(torch.randn(40))
        plain.running_var.copy_(1 + torch.rand(40))
    return plain


def stochastic(plain: nn.Module, probability: float) -> nn.Module:
    net = nn.Sequential(copy.deepcopy(plain))
    cu.StochNorm(probability).build(net)
    return net[0]


KINDS = [(nn.BatchNorm1d, (8, 40)), (nn.BatchNorm2d, (8, 40, 3, 3)), (nn.BatchNorm3d, (8, 40, 2, 2, 2))]


@pytest.mark.parametrize(("kind", "shape"), KINDS)
def test_probability_one_is_batch_norm_in_training_to_the_last_bit(kind: type[nn.Module], shape: tuple) -> None:
    """Row 32: a probability that lands in another argument of batch norm is ignored in silence."""
    plain, x = layer(kind), torch.randn(shape) + 1
    ours = stochastic(plain, 1.0)
    assert torch.equal(ours(x), plain(x))
    assert all(torch.equal(t, plain.state_dict()[name]) for name, t in ours.state_dict().items())


@pytest.mark.parametrize(("kind", "shape"), KINDS)
def test_probability_zero_normalises_as_in_evaluation_while_the_statistics_move(kind, shape: tuple) -> None:
    plain, x = layer(kind), torch.randn(shape) + 1
    ours = stochastic(plain, 0.0)
    assert torch.equal(ours(x), copy.deepcopy(plain).eval()(x)), "by the statistics from before this batch"
    plain(x)
    assert torch.equal(ours.running_mean, plain.running_mean) and torch.equal(ours.running_var, plain.running_var)
    assert ours.num_batches_tracked == 1


def test_in_between_each_channel_is_wholly_the_one_or_the_other_and_drawn_anew() -> None:
    plain, x = layer(), torch.randn(8, 40, 3, 3) + 1
    ours, chosen = stochastic(plain, 0.25), []
    for _ in range(100):
        moving, batch = copy.deepcopy(ours).eval()(x), copy.deepcopy(plain)(x)
        found = ours(x)
        by_batch, by_moving = ((found == other).flatten(2).all(2).all(0) for other in (batch, moving))
        assert (by_batch ^ by_moving).all()
        chosen.append(by_batch)
    chosen = torch.stack(chosen).double()
    assert chosen.mean().item() == pytest.approx(0.25, abs=4 * (0.25 * 0.75 / 4000) ** 0.5)
    assert chosen.std(0).min() > 0 and chosen.std(1).min() > 0, "not the same channels at every step, nor all at once"


def test_the_gradient_goes_through_the_batchs_statistics_where_they_were_chosen() -> None:
    """A constant is lost to batch statistics, and not to moving ones."""
    x = torch.randn(8, 40, 3, 3, requires_grad=True)
    for probability, lost in ((1.0, True), (0.0, False)):
        (gradient,) = torch.autograd.grad(stochastic(layer(), probability)(x).square().sum(), x)
        assert (gradient.sum((0, 2, 3)).abs().max() < 1e-3) == lost


def test_in_evaluation_it_is_plain_batch_norm() -> None:
    plain, x = layer().eval(), torch.randn(8, 40, 3, 3)
    assert torch.equal(stochastic(plain, 0.5).eval()(x), plain(x))


def test_a_batch_norm_that_carries_an_activation_keeps_it() -> None:
    """timm's efficient nets fold the activation into the norm: a plain stochastic layer would drop it."""
    from timm.layers import BatchNormAct2d

    plain, x = BatchNormAct2d(40, act_layer=nn.ReLU), torch.randn(8, 40, 3, 3)
    ours = stochastic(plain, 0.5)
    assert isinstance(ours, BatchNormAct2d) and ours(x).min() == 0


def test_a_run_loads_into_a_plain_net_and_a_second_one_draws_with_its_own_probability(tmp_path) -> None:
    run = cu.fit(cu.StochNorm(), toy_pair(shots=3), **FAST)
    plain = cu.nets.small_cnn(1, CLASSES, size=16)
    assert plain.load_state_dict(run.net.state_dict()) and plain.state_dict().keys() == run.net.state_dict().keys()
    images = torch.rand(4, 1, 16, 16)
    expected = run.net.eval()(images).logits
    torch.testing.assert_close(plain.eval()(images).logits, expected)
    kept = cu.load(run.save(tmp_path / "run.safetensors")).net
    assert type(kept.backbone.stage1[1]) is nn.BatchNorm2d
    torch.testing.assert_close(kept(images).logits, expected)
    again = cu.fit(cu.StochNorm(probability=0.1), toy_pair(shots=3), net=run.net, **FAST | {"epochs": 1}).net
    assert type(again.backbone.stage1[1]) is type(run.net.backbone.stage1[1])
    assert (again.backbone.stage1[1].probability, run.net.backbone.stage1[1].probability) == (0.1, 0.5)


def test_a_net_whose_statistics_are_frozen_has_nothing_to_draw() -> None:
    options = FAST | {"batchnorm": "frozen", "epochs": 1}
    drawn, plain = (cu.fit(method, toy_pair(shots=3), **options).net for method in (cu.StochNorm(), cu.FineTune()))
    assert all(torch.equal(t, drawn.state_dict()[name]) for name, t in plain.state_dict().items())


def test_statistics_are_estimated_without_a_coin() -> None:
    """What the second layer sees is what the first makes of the batch: by chance, it would differ from call to call."""
    net, images = nn.Sequential(layer(), layer()), torch.randn(16, 40, 3, 3) + 2
    cu.nets.estimate_statistics(plain := copy.deepcopy(net), [images])
    cu.StochNorm(0.5).build(net)
    cu.nets.estimate_statistics(net, [images])
    assert all(torch.equal(t, net.state_dict()[name]) for name, t in plain.state_dict().items())


@pytest.mark.parametrize("probability", [-0.1, 1.5])
def test_a_probability_is_between_zero_and_one(probability: float) -> None:
    with pytest.raises(ValueError, match="must lie between 0 and 1"):
        cu.StochNorm(probability)
