"""Several tasks over one trunk: each weight and each gradient against what the paper's sentence says of it."""

from __future__ import annotations

import copy
import math

import pytest
import torch

import course_utils as cu
from course_utils.adapters.base import Adapter, Batch
from course_utils.losses import gradnorm, task_gradients
from course_utils.nets import Net
from tests.tasks.scenes import CLASSES, FAST, scene_pair, scene_view

TASK = cu.Tasks((cu.Labels(), cu.Masks()))


def built(adapter: Adapter, net: Net) -> Adapter:
    adapter.task = TASK
    adapter.build(net)
    return adapter


def net_of(seed: int = 0) -> Net:
    torch.manual_seed(seed)
    return TASK.net((1, 16, 16), CLASSES).train()


def batch_of(net: Net, seed: int = 0) -> Batch:
    view = scene_view(TASK, seed, n=8)
    return Batch(view, None, lambda images: [net(*images)], TASK.fill)


def flat(parameters) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in parameters])


def test_fixed_weights_multiply_each_loss() -> None:
    view = scene_view(TASK)
    losses = TASK.losses(view)
    terms = built(cu.FixedWeights(weights=(2.0, 0.5)), net_of()).loss(view, None, 0.5)
    assert terms.keys() == losses.keys()
    assert terms["label"] == 2 * losses["label"] and terms["mask"] == 0.5 * losses["mask"]
    assert built(cu.FixedWeights(), net_of()).loss(view, None, 0.5) == losses


@pytest.mark.parametrize("weights", [(1.0,), (1.0, 1.0, 1.0), (1.0, -0.1), (1.0, math.nan)])
def test_weights_that_do_not_fit_the_tasks_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"\('label', 'mask'\) need one weight each"):
        built(cu.FixedWeights(weights=weights), net_of())


def test_a_task_of_weight_zero_leaves_the_trunk_to_the_other() -> None:
    both = cu.fit(cu.FixedWeights(weights=(1.0, 0.0)), scene_pair(), task=TASK, **FAST | {"weight_decay": 0.0})
    blind = cu.fit(cu.FixedWeights(weights=(0.0, 0.0)), scene_pair(), task=TASK, **FAST | {"weight_decay": 0.0})
    moved = [not torch.equal(a, b) for a, b in zip(both.net.head[1].parameters(), blind.net.head[1].parameters(),
                                                   strict=True)]  # fmt: skip
    assert not any(moved)
    pairs = zip(both.net.backbone.parameters(), blind.net.backbone.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in pairs)


def test_uncertainty_weights_are_the_papers_sum_and_move_as_its_derivative_says() -> None:
    view, adapter = scene_view(TASK), built(cu.UncertaintyWeights(), net_of())
    adapter.log_variances.data = torch.tensor([0.5, -1.0])
    losses = [value.item() for value in TASK.losses(view).values()]
    terms = adapter.loss(view, None, 0.5)
    expected = [math.exp(-s) * value + s / 2 for s, value in zip((0.5, -1.0), losses, strict=True)]
    assert [t.item() for t in terms.values()] == pytest.approx(expected, rel=1e-5)
    sum(terms.values()).backward()
    slopes = [0.5 - math.exp(-s) * value for s, value in zip((0.5, -1.0), losses, strict=True)]
    assert adapter.log_variances.grad.tolist() == pytest.approx(slopes, rel=1e-5)
    assert adapter.groups()[0]["weight_decay"] == 0


def test_gradnorm_trains_its_weights_alone_by_the_papers_loss_and_keeps_their_sum() -> None:
    net = net_of()
    adapter, batch = built(cu.GradNorm(), net), batch_of(net)
    moves = adapter.steps(batch, 0.0)
    terms, players = next(moves)
    losses = TASK.losses(batch.source)
    assert players == ("all",) and all(torch.equal(terms[n], losses[n]) for n in losses)
    last = list(net.backbone.up1.parameters())
    norms = task_gradients(list(losses.values()), last).norm(dim=1)
    terms, players = next(moves)
    values = torch.stack(list(losses.values())).detach()
    assert players == ("weights",)
    assert terms["balance"].item() == pytest.approx(gradnorm(torch.ones(2), norms, values, values).item(), rel=1e-4)
    terms["balance"].backward()
    assert adapter.weights.grad.abs().min() > 0
    adapter.weights.data = torch.tensor([3.0, 2.0])
    assert next(moves, None) is None
    assert adapter.weights.tolist() == pytest.approx([1.2, 0.8]) and adapter.first.tolist() == values.tolist()


def test_gradnorm_brings_the_two_gradients_nearer_to_each_other() -> None:
    """With asymmetry 0 every task is to pull equally hard, whatever the units of its loss."""
    net = net_of()
    adapter = built(cu.GradNorm(asymmetry=0.0), net)
    optimiser = torch.optim.SGD([adapter.weights], lr=0.05)

    def ratio() -> float:
        losses = TASK.losses(batch_of(net).forward()[0])
        last = list(net.backbone.up1.parameters())
        pulls = adapter.weights.detach() * task_gradients(list(losses.values()), last).norm(dim=1)
        return (pulls.max() / pulls.min()).item()

    before = ratio()
    for _ in range(30):
        moves = adapter.steps(batch_of(net), 0.0)
        next(moves)
        terms, _ = next(moves)
        optimiser.zero_grad()
        terms["balance"].backward()
        optimiser.step()
        next(moves, None)
    assert before > 1.5 and ratio() < 1 + 0.3 * (before - 1) and adapter.weights.sum().item() == pytest.approx(2)


def surgery_by_hand(gradients: list[torch.Tensor]) -> torch.Tensor:
    one, other = (g.double() for g in gradients)
    total = torch.zeros_like(one)
    for mine, theirs in ((one, other), (other, one)):
        dot = (mine * theirs).sum()
        total += mine if dot >= 0 else mine - dot / (theirs * theirs).sum() * theirs
    return total


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_pcgrad_moves_the_trunk_by_the_projected_sum_and_the_heads_as_ever(sign: float) -> None:
    """Two tasks that agree, and the same two when one's loss is turned around."""
    net = net_of()
    adapter, view = built(cu.PCGrad(), net), batch_of(net).forward()[0]

    class Turned(cu.Tasks):
        def losses(self, view):
            found = super().losses(view)
            return {"label": found["label"], "mask": sign * found["mask"] + (1 - sign) * found["label"].detach()}

    adapter.task = Turned(TASK.parts)
    trunk = list(net.backbone.parameters())
    losses = adapter.task.losses(view)
    rows = list(task_gradients(list(losses.values()), trunk))
    heads = torch.autograd.grad(sum(losses.values()), list(net.head.parameters()), retain_graph=True)
    terms = adapter.loss(view, None, 0.5)
    assert terms["surgery"].item() == 0
    sum(terms.values()).backward()
    assert torch.allclose(flat(trunk).double(), surgery_by_hand(rows), atol=1e-6)
    assert torch.allclose(flat(net.head.parameters()), torch.cat([g.flatten() for g in heads]), atol=1e-7)


def test_pcgrads_step_is_not_the_plain_one_where_tasks_disagree() -> None:
    plain, surgery = (cu.fit(adapter, scene_pair(), task=TASK, **FAST) for adapter in (cu.FixedWeights(), cu.PCGrad()))
    pairs = zip(plain.net.parameters(), surgery.net.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in pairs)
    assert (surgery.history["surgery"] == 0).all()


def test_dwa_weighs_by_the_ratio_of_the_last_two_windows() -> None:
    adapter = built(cu.DWA(windows=4, temperature=2.0), net_of())
    views = [scene_view(TASK, seed) for seed in range(8)]
    losses = [[v.item() for v in TASK.losses(view).values()] for view in views]
    seen = []
    for step, view in enumerate(views):
        terms = adapter.loss(view, None, step / 7)
        seen.append([t.item() / v for t, v in zip(terms.values(), losses[step], strict=True)])
    windows = [min(int(4 * step / 7), 3) for step in range(8)]
    assert windows == [0, 0, 1, 1, 2, 2, 3, 3]
    means = [[sum(losses[2 * w + i][k] for i in (0, 1)) / 2 for k in (0, 1)] for w in range(4)]
    for step, weights in enumerate(seen):
        w = windows[step]
        ratios = [1.0, 1.0] if w < 2 else [means[w - 1][k] / means[w - 2][k] for k in (0, 1)]
        total = sum(math.exp(r / 2) for r in ratios)
        assert weights == pytest.approx([2 * math.exp(r / 2) / total for r in ratios], rel=1e-4)


@pytest.mark.parametrize("adapter", [cu.FixedWeights, cu.UncertaintyWeights, cu.GradNorm, cu.PCGrad, cu.DWA])
def test_the_settings_survive_a_copy_and_the_memory_is_saved(adapter) -> None:
    net = net_of()
    one = built(adapter(), net)
    if adapter is cu.DWA:
        one.loss(scene_view(TASK), None, 0.0)
    other = built(adapter(), copy.deepcopy(net))
    other.load_state_dict(one.state_dict())
    assert all(torch.equal(a, other.state_dict()[n]) for n, a in one.state_dict().items())
