"""The stream of test images: answered first, learned from after, and begun anew when asked."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

import course_utils as cu
from course_utils.data.domain import Part, SealedLabelsError
from course_utils.nets import Net, batchnorm_layers
from course_utils.test_time import stream
from tests.toys import CLASSES, FAST, feature_pair, toy_net, toy_pair


def part(n: int = 300) -> Part:
    return toy_pair(m=n).target.test


def walked_by_hand(net: Net, images: torch.Tensor, size: int, rate: float) -> tuple[list, list, Net]:
    """The paper's order in float64, with Adam's equations written out: entropies, predictions, and the net."""
    net = copy.deepcopy(net).double().train()
    moving = [p for layer in batchnorm_layers(net) for p in layer.parameters()]
    first, second = [0.0] * len(moving), [0.0] * len(moving)
    entropies, predicted = [], []
    for t, batch in enumerate(images.split(size), 1):
        z = net(batch).logits
        p = torch.exp(z) / torch.exp(z).sum(1, keepdim=True)
        entropy = sum(-(row * row.log()).sum() for row in p) / len(p)
        entropies.append(entropy.item())
        predicted.append(z.argmax(1).tolist())
        slopes = torch.autograd.grad(entropy, moving)
        with torch.no_grad():
            for i, (parameter, g) in enumerate(zip(moving, slopes, strict=True)):
                first[i], second[i] = 0.9 * first[i] + 0.1 * g, 0.999 * second[i] + 0.001 * g * g
                root = (second[i] / (1 - 0.999**t)).sqrt() + 1e-8
                parameter -= rate * first[i] / (1 - 0.9**t) / root
    return entropies, predicted, net


def test_each_batch_is_answered_by_what_the_batches_before_it_taught() -> None:
    """Row 28, and the paper's order: the pass that answers is the one before the step."""
    net, test = toy_net(), part()
    walk = stream(net, test, 20, learning_rate=0.05, seed=None)
    answers = list(walk)
    images = torch.from_numpy(test.images).double() / 255
    entropies, predicted, moved = walked_by_hand(net, images, 20, 0.05)
    assert len(answers) == 3
    np.testing.assert_allclose([a.entropy for a in answers], entropies, rtol=1e-3)
    assert [a.predicted.tolist() for a in answers] == predicted
    labels = [test.labels[i : i + 20] for i in range(0, 60, 20)]
    right = [(np.array(p) == y).mean() for p, y in zip(predicted, labels, strict=True)]
    assert [a.accuracy for a in answers] == pytest.approx(right)
    for mine, theirs in zip(walk.net.parameters(), moved.parameters(), strict=True):
        torch.testing.assert_close(mine.double(), theirs, rtol=1e-3, atol=1e-3)


def test_scales_and_shifts_move_and_no_other_parameter() -> None:
    net = toy_net()
    walk = stream(net, part(), 20)
    list(walk)
    norms = {p for layer in batchnorm_layers(walk.net) for p in layer.parameters()}
    for mine, start in zip(walk.net.parameters(), net.parameters(), strict=True):
        assert torch.equal(mine, start) != (mine in norms)


@pytest.mark.parametrize("start", ["run", "model", "net"])
def test_what_it_starts_from_stays_as_it_is(start: str) -> None:
    run = cu.fit(cu.SourceOnly(), feature_pair(), **FAST)
    given = {"run": run, "model": run.model, "net": run.net}[start]
    net = given if start == "net" else given.net
    before, asks = copy.deepcopy(net.state_dict()), [p.requires_grad for p in net.parameters()]
    walk = stream(given, toy_pair((5,), m=200).target.test, 20)
    list(walk)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert [p.requires_grad for p in net.parameters()] == asks
    assert any(not torch.equal(before[name], tensor) for name, tensor in walk.net.state_dict().items())


def test_a_reset_is_exact_and_the_stream_goes_on() -> None:
    """Row 28: to the last bit, the optimiser's memory and the running statistics as well."""
    net, test = toy_net(), part(600)
    walk = stream(net, test, 20, seed=None)
    for _ in range(3):
        next(walk)
    walk.reset()
    assert all(torch.equal(net.state_dict()[name], tensor) for name, tensor in walk.net.state_dict().items())
    fresh = stream(net, test.take(np.arange(60, len(test))), 20, seed=None)
    for one, other in zip(walk, fresh, strict=True):
        assert one.entropy == other.entropy and one.predicted.tolist() == other.predicted.tolist()
    assert all(torch.equal(walk.net.state_dict()[name], tensor) for name, tensor in fresh.net.state_dict().items())


def test_beginning_anew_with_each_batch_leaves_the_batchs_own_statistics() -> None:
    """Since it is answered before it teaches; the first batch is the same in any case."""
    net, test = toy_net(), part()
    each = list(stream(net, test, 20, learning_rate=0.1, reset_each=True))
    none = list(stream(net, test, 20, learning_rate=0.0))
    on = list(stream(net, test, 20, learning_rate=0.1))
    assert [a.entropy for a in each] == [a.entropy for a in none]
    assert on[0].entropy == none[0].entropy and on[1].entropy < none[1].entropy


def test_the_seed_draws_the_order_and_every_image_comes_once() -> None:
    net, test = toy_net(), part()
    shuffled, again, other = (list(stream(net, test, 20, seed=s)) for s in (0, 0, 1))
    assert [a.entropy for a in shuffled] == [a.entropy for a in again] != [a.entropy for a in other]
    assert sum(len(a.predicted) for a in shuffled) == len(test)


def test_a_stream_sorted_by_class_collapses() -> None:
    """Row 28: a batch of one class is normalised as if that class were the domain; mixed batches lose nothing."""
    run = cu.fit(cu.SourceOnly(), toy_pair(n=300, m=900), **FAST | {"epochs": 4})
    test = run.pair.target.test
    by_class = test.take(np.argsort(test.labels, kind="stable"))
    mixed, ordered = (
        [a.accuracy for a in stream(run, which, 20, learning_rate=0.02, seed=seed)]
        for which, seed in ((test, 0), (by_class, None))
    )
    assert np.mean(mixed) > 0.9 and np.mean(ordered) < 0.6


# -- few images, and what is refused -----------------------------------------------------------------------------------


def test_few_images_a_batch_warn_and_one_is_answered_by_the_running_statistics() -> None:
    net, test = toy_net(), part()
    with pytest.warns(UserWarning, match="A batch of 15: its mean and variance say little"):
        stream(net, test, 15)
    with pytest.warns(UserWarning, match="A batch of 1: "):
        walk = stream(net, test, 1, seed=None)
    answers = [next(walk) for _ in range(5)]
    logits = net.eval()(torch.from_numpy(test.images[:5]) / 255).logits
    assert [a.predicted.item() for a in answers] == logits.argmax(1).tolist()
    assert all(torch.equal(net.state_dict()[name], tensor) for name, tensor in walk.net.state_dict().items())


def test_a_last_batch_of_one_image_is_no_trouble() -> None:
    test = part()
    answers = list(stream(toy_net(), test.take(np.arange(41)), 20))
    assert [len(a.predicted) for a in answers] == [20, 20, 1]


@pytest.mark.parametrize(("name", "value"), [("batch_size", 0), ("learning_rate", -1.0)])
def test_a_setting_out_of_range_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"Stream\({name}={value}\): {name} must be at least"):
        stream(toy_net(), part(), **{name: value})


def test_a_net_without_batch_norm_and_sealed_labels_are_refused() -> None:
    plain = Net(torch.nn.Identity(), torch.nn.Linear(5, 7), torch.nn.Linear(7, 3), 7, CLASSES)
    with pytest.raises(ValueError, match="this net has none that learn"):
        stream(plain, feature_pair().source.test)
    with pytest.raises(SealedLabelsError):
        stream(toy_net(), toy_pair().target.train)
