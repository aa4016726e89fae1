"""Penalties that hold fine-tuning back, against their equations written out in float64."""

from __future__ import annotations

import copy
import hashlib

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import course_utils as cu
from course_utils.adapters.base import Adapter, Batch
from course_utils.data.batches import View
from tests.toys import CLASSES, FAST, toy_pair

SMALL = FAST | {"epochs": 1}


@pytest.fixture
def net() -> cu.nets.Net:
    """In float64 and evaluation mode, with statistics and a head that are not those of the first moment."""
    net = cu.nets.small_cnn(1, CLASSES, size=16, width=6).double()
    net.train()(torch.rand(32, 1, 16, 16, dtype=torch.float64))
    return net.eval()


def changed(net: cu.nets.Net) -> cu.nets.Net:
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.05 * torch.randn_like(p))
    return net


def terms(adapter: Adapter, net: cu.nets.Net, images: Tensor) -> dict[str, Tensor]:
    view = View(images, torch.arange(len(images)), torch.arange(len(images)) % 3)
    batch = Batch(None, view, lambda sides: [net(x) for x in sides])
    (found, players), *others = adapter.steps(batch, 0.5)
    assert players == ("all",) and not others
    return found


IMAGES = torch.rand(6, 1, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def assert_gradients_are_equal(net: cu.nets.Net, found: Tensor, explicit: Tensor) -> None:
    parameters = list(net.parameters())
    mine, oracle = (
        torch.autograd.grad(x, parameters, allow_unused=True, materialize_grads=True, retain_graph=True)
        for x in (found, explicit)
    )
    assert found.item() == pytest.approx(explicit.item(), rel=1e-9) and any(g.norm() > 0 for g in mine)
    for (name, _), a, b in zip(net.named_parameters(), mine, oracle, strict=True):
        torch.testing.assert_close(a, b, msg=lambda text, name=name: f"{name}: {text}")


# -- L2-SP -----------------------------------------------------------------------------------------------------------


def test_l2sp_is_the_distance_to_the_start_below_the_head_and_plain_decay_in_it(net: cu.nets.Net) -> None:
    start = {name: p.detach().clone() for name, p in net.named_parameters()}
    adapter = cu.L2SP(weight=0.3, head_weight=0.2)
    adapter.build(net)
    found = terms(adapter, changed(net), IMAGES)
    logits = net(IMAGES).logits
    task = -sum(torch.log_softmax(logits, 1)[i, i % 3] for i in range(6)) / 6
    below = sum(((p - start[n]) ** 2).sum() for n, p in net.named_parameters() if not n.startswith("head"))
    head = sum((p**2).sum() for n, p in net.named_parameters() if n.startswith("head"))
    assert_gradients_are_equal(net, sum(found.values()), task + 0.15 * below + 0.1 * head)
    assert found["anchor"].item() == pytest.approx(0.15 * below.item())


def test_l2sps_reference_is_a_clone_that_training_does_not_move() -> None:
    """Row 31: a detached alias moves with the weights, and the penalty stays zero for ever."""
    net = cu.nets.small_cnn(1, CLASSES, size=16)
    first = torch.cat([p.flatten() for n, p in net.named_parameters() if not n.startswith("head")])
    checksum = hashlib.sha256(first.detach().numpy().tobytes()).hexdigest()
    run = cu.fit(cu.L2SP(), toy_pair(shots=3), net=net, **FAST)
    assert hashlib.sha256(run.adapter.start.numpy().tobytes()).hexdigest() == checksum
    assert run.adapter.state_dict().keys() == {"start"}, "nothing of the net is kept twice"
    assert run.history["anchor"].iloc[0] > 0 < run.history["anchor"].iloc[1]


def test_l2sps_anchor_is_zero_before_the_first_step_and_does_not_see_the_head(net: cu.nets.Net) -> None:
    adapter = cu.L2SP()
    adapter.build(net)
    with torch.no_grad():
        net.head.weight += 1
    assert terms(adapter, net, IMAGES)["anchor"].item() == 0


@pytest.mark.parametrize("method", [cu.L2SP, cu.DELTA])
def test_there_is_no_weight_decay_on_top(method: type[Adapter]) -> None:
    """Row 31. With both weights at zero the run is fine-tuning without any decay, whatever the run's decay is."""
    off = cu.fit(method(weight=0.0, head_weight=0.0), toy_pair(shots=3), weight_decay=0.5, **SMALL)
    plain, decayed = (cu.fit(cu.FineTune(), toy_pair(shots=3), weight_decay=d, **SMALL) for d in (0.0, 0.5))
    same = [
        [torch.equal(a, b) for a, b in zip(off.net.parameters(), run.net.parameters(), strict=True)]
        for run in (plain, decayed)
    ]
    assert all(same[0]) and not any(same[1])


# -- DELTA -----------------------------------------------------------------------------------------------------------


def maps_by_hand(net: cu.nets.Net, images: Tensor) -> list[Tensor]:
    """Outputs of the two stages and of the bottleneck."""
    one = net.backbone.stage1((images - 0.5) / 0.5)
    two = net.backbone.stage2(one)
    return [one, two, net.bottleneck(two.flatten(1))]


def cost_without(net: cu.nets.Net, head: nn.Module, images: Tensor, block: int, channel: int | None) -> float:
    """The cross-entropy of the images when a hundred-thousandth of one channel of one map is taken away."""
    x = (images - 0.5) / 0.5
    for place, part in enumerate((net.backbone.stage1, net.backbone.stage2, net.bottleneck)):
        x = part(x.flatten(1) if place == 2 else x)
        if place == block and channel is not None:
            mask = torch.ones(x.shape[1], dtype=x.dtype)
            mask[channel] = 1 - 1e-5
            x = x * mask.reshape(1, -1, *[1] * (x.ndim - 2))
    return nn.functional.cross_entropy(head(x), torch.arange(len(images)) % 3).item()


def attention_by_turning_down(net: cu.nets.Net, head: nn.Module, images: Tensor) -> list[np.ndarray]:
    attention = []
    for block, wide in enumerate((16, 32, 6)):
        whole = cost_without(net, head, images, block, None)
        gains = np.array([cost_without(net, head, images, block, c) - whole for c in range(wide)])
        weights = np.exp((gains - gains.mean()) / gains.std() / 5)
        attention.append(wide * weights / weights.sum())
    return attention


def test_deltas_attention_is_that_of_turning_down_one_channel_after_another(net: cu.nets.Net) -> None:
    """One backward pass stands for a forward pass a channel. To first order, as the docstring says."""
    adapter = cu.DELTA()
    adapter.build(net)
    view = View(IMAGES, torch.arange(6), torch.arange(6) % 3)
    found = [attention.numpy() for _, attention in adapter._start_of(view)]
    exact = attention_by_turning_down(net, net.head, IMAGES)
    for mine, oracle in zip(found, exact, strict=True):
        assert mine.mean() == pytest.approx(1) and (mine > 0).all()
        np.testing.assert_allclose(mine, oracle, rtol=1e-4)
        assert mine.max() > 1.2 > 0.9 > mine.min()


def test_delta_is_the_attended_distance_of_the_maps_and_plain_decay_in_the_head(net: cu.nets.Net) -> None:
    start = copy.deepcopy(net)
    adapter = cu.DELTA(weight=0.3, head_weight=0.2)
    adapter.build(net)
    found = terms(adapter, changed(net), IMAGES)
    with torch.no_grad():
        before = maps_by_hand(start, IMAGES)
    attention = [a for _, a in adapter._start_of(View(IMAGES, torch.arange(6), torch.arange(6) % 3))]
    distance = 0
    for now, then, weights in zip(maps_by_hand(net, IMAGES), before, attention, strict=True):
        places = now[0, 0].numel()
        for i in range(6):
            for c in range(now.shape[1]):
                distance = distance + weights[c] * (now[i, c] - then[i, c]).square().sum() / (6 * places)
    head = sum((p**2).sum() for p in net.head.parameters())
    task = nn.functional.cross_entropy(net(IMAGES).logits, torch.arange(6) % 3)
    assert found["anchor"].item() == pytest.approx(0.15 * distance.item())
    assert_gradients_are_equal(net, sum(found.values()), task + 0.15 * distance + 0.1 * head)


def test_delta_starts_at_zero_attends_evenly_to_an_untrained_head_and_leaves_no_hook(net: cu.nets.Net) -> None:
    net = net.with_head(CLASSES).double().eval()
    adapter = cu.DELTA()
    adapter.build(net)
    assert terms(adapter, net, IMAGES)["anchor"].item() == 0
    assert all((a == 1).all() for _, a in adapter._start_of(View(IMAGES, torch.arange(6), torch.arange(6) % 3)))
    assert not any(m._forward_hooks for n in (net, adapter.start) for m in n.modules())


def test_deltas_frozen_net_is_not_moved_optimised_or_put_in_training_mode() -> None:
    net = cu.nets.small_cnn(1, CLASSES, size=16)
    run = cu.fit(cu.DELTA(), toy_pair(shots=3), net=net, **FAST)
    kept = run.adapter.start.state_dict()
    assert all(torch.equal(tensor, kept[name]) for name, tensor in net.state_dict().items())
    optimised = {p for group in run.optimisers["all"].param_groups for p in group["params"]}
    assert optimised == set(run.net.parameters())
    assert not run.adapter.start.training and (run.history["anchor"] > 0).all()


# -- BSS -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("smallest", [1, 3])
def test_bss_adds_the_smallest_squared_singular_values_of_the_features(net: cu.nets.Net, smallest: int) -> None:
    found = terms(cu.BSS(weight=0.5, smallest=smallest), net, IMAGES)
    values = np.linalg.svd(net(IMAGES).features.detach().numpy(), compute_uv=False)
    assert found["spectrum"].item() == pytest.approx(0.5 * (np.sort(values)[:smallest] ** 2).sum(), abs=1e-12)


@pytest.mark.parametrize("setting", ["weight", "head_weight", "smallest"])
@pytest.mark.parametrize("method", [cu.L2SP, cu.DELTA, cu.BSS])
def test_settings_out_of_range_are_refused(method: type[Adapter], setting: str) -> None:
    with pytest.raises((ValueError, TypeError), match=setting):
        method(**{setting: -1})
