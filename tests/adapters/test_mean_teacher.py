"""The mean teacher: what it is a mean of, what it sees, and what it leaves alone."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from scipy import special

import course_utils as cu
from course_utils.adapters.base import Batch
from course_utils.data.batches import View
from course_utils.nets import batchnorm_layers
from tests.toys import FAST, toy_net, toy_pair


def batch_of(net, seed: int = 0) -> Batch:
    g = torch.Generator().manual_seed(seed)
    views = [
        View(
            torch.rand(n, 1, 16, 16, generator=g), torch.arange(n), labels, second=torch.rand(n, 1, 16, 16, generator=g)
        )
        for n, labels in ((6, torch.arange(6) % 3), (5, None))
    ]
    return Batch(*views, lambda sides: [net(side) for side in sides])


def numbers(net) -> dict[str, np.ndarray]:
    return {name: tensor.detach().numpy().astype(float) for name, tensor in net.state_dict().items()}


def built(**settings: float) -> tuple[cu.MeanTeacher, torch.nn.Module]:
    net, adapter = toy_net(), cu.MeanTeacher(**settings)
    adapter.build(net)
    return adapter.train(), net


def by_its_batch(net, images: torch.Tensor) -> torch.Tensor:
    """Logits in evaluation mode, every layer with the mean and variance of what reaches it."""
    net = copy.deepcopy(net)
    for layer in batchnorm_layers(net):
        layer.train()
        layer.momentum = 1.0
    net(images)
    return net.eval()(images).logits.double()


@pytest.mark.parametrize("decay", [0.0, 0.9, 1.0])
def test_the_teacher_is_the_exponential_mean_of_weights_and_of_statistics(decay: float) -> None:
    """After T steps  α^T θ_0 + (1 - α) Σ_t α^(T - t) θ_t,  batch norm's buffers included; the net moves before it."""
    adapter, net = built(decay=decay)
    history = [numbers(net)]
    optimiser = torch.optim.SGD(net.parameters(), lr=0.5)
    for t in range(4):
        for terms, _ in adapter.steps(batch_of(net, seed=t), 0.5):
            optimiser.zero_grad()
            sum(terms.values()).backward()
            optimiser.step()
        history.append(numbers(net))
    teacher = numbers(adapter.teacher)
    for name in teacher:
        ages = [decay**4, *((1 - decay) * decay ** (4 - t) for t in range(1, 5))]
        expected = sum(age * state[name] for age, state in zip(ages, history, strict=True))
        if "num_batches" in name:
            expected = history[-1][name]
        np.testing.assert_allclose(teacher[name], expected, rtol=1e-4, atol=1e-6, err_msg=name)
    moved = [name for name in teacher if not np.array_equal(history[0][name], history[-1][name])]
    assert any("running_mean" in name for name in moved) and any("weight" in name for name in moved)


@pytest.mark.parametrize("share", [1.0, 0.6, 0.0])
def test_the_student_is_asked_for_the_teachers_probabilities_where_the_teacher_is_sure(share: float) -> None:
    adapter, net = built(weight=3.0)
    with torch.no_grad():
        for part in (net, adapter.teacher):
            part.head.weight.mul_(4)
        adapter.teacher.head.bias += 0.3
    batch = batch_of(net)
    with torch.no_grad():
        teacher = special.softmax(by_its_batch(adapter.teacher, batch.target.second).numpy(), axis=1)
    # So high that `share` of the five images pass.
    adapter.threshold = float(np.quantile(teacher.max(1), 1 - share, method="higher")) - 1e-5 if share else 1.0
    terms, _ = next(adapter.steps(batch, 0.25))
    student = special.softmax(batch.target.logits.detach().double().numpy(), axis=1)
    kept = [max(q) >= adapter.threshold for q in teacher]
    expected = sum(((p - q) ** 2).sum() for p, q, k in zip(student, teacher, kept, strict=True) if k) / (5 * 3)
    assert terms["consistency"].item() == pytest.approx(3 * math.tanh(1.25) * expected, rel=1e-4, abs=1e-9)
    assert terms["passed"].item() == pytest.approx(np.mean(kept)) == pytest.approx(share)


def test_the_teacher_takes_no_gradient_and_its_look_moves_no_statistics() -> None:
    """Row 9: its dropout rests, though it was copied from a net in training mode."""
    net, adapter = toy_net(), cu.MeanTeacher()
    net.bottleneck.append(torch.nn.Dropout(0.5))
    adapter.build(net)
    modes = []
    adapter.teacher.bottleneck[-1].register_forward_hook(lambda m, *_: modes.append(m.training))
    before = copy.deepcopy(adapter.teacher.state_dict())
    moves = adapter.steps(batch_of(net), 0.5)
    terms, _ = next(moves)
    sum(terms.values()).backward()
    assert all(torch.equal(before[name], tensor) for name, tensor in adapter.teacher.state_dict().items())
    assert all(p.grad is None and not p.requires_grad for p in adapter.teacher.parameters())
    assert modes and not any(modes)


def test_the_teacher_begins_as_the_net_and_shares_no_memory_with_it() -> None:
    adapter, net = built()
    mine, its = adapter.teacher.state_dict(), net.state_dict()
    assert all(torch.equal(mine[name], its[name]) for name in its)
    assert not {t.data_ptr() for t in mine.values() if t.numel()} & {t.data_ptr() for t in its.values() if t.numel()}


def test_the_optimiser_never_sees_the_teacher_and_the_state_holds_it_once() -> None:
    run = cu.fit(cu.MeanTeacher(), toy_pair(), **FAST)
    optimised = {p for o in run.optimisers.values() for group in o.param_groups for p in group["params"]}
    assert not optimised & set(run.adapter.teacher.parameters())
    assert set(run.adapter.state_dict()) == {f"teacher.{name}" for name in run.net.state_dict()}
    parts = zip(run.adapter.teacher.parameters(), run.net.parameters(), strict=True)
    assert all(torch.isfinite(a).all() and not torch.equal(a, b) for a, b in parts)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cu.MeanTeacher(weight=-1.0), r"MeanTeacher\(weight=-1.0\): weight must be at least 0"),
        (lambda: cu.MeanTeacher(decay=1.1), r"MeanTeacher\(decay=1.1\): decay must lie between 0 and 1"),
        (lambda: cu.MeanTeacher(threshold=1.1), r"MeanTeacher\(threshold=1.1\): threshold must lie between 0 and 1"),
    ],
)
def test_settings_out_of_range_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_what_is_frozen_has_its_own_statistics_in_the_teacher_too() -> None:
    """By the batch's, student and teacher would disagree about blocks that neither of them moves."""
    net = toy_net().freeze("backbone")
    adapter, images, seen = cu.MeanTeacher(), torch.rand(6, 1, 16, 16), []
    adapter.build(net.train())
    adapter.teacher.backbone.register_forward_hook(lambda _, given, output: seen.append((given[0], output)))
    adapter._taught(View(images, torch.arange(6), None))
    given, output = seen[-1]
    torch.testing.assert_close(output, net.backbone.eval()(given))
