"""MCC and BNM against their papers' equations, and in a sum with other strategies."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import special, stats

import course_utils as cu
from course_utils.adapters.sums import Sum
from tests.adapters.games import leaves
from tests.adapters.views import view
from tests.toys import FAST, feature_pair

SOURCE, TARGET = view(0, 6, labelled=True), view(1, 5, labelled=False)


def confused(logits: torch.Tensor, temperature: float) -> float:
    """The paper's loss by loops over images and classes."""
    p = special.softmax(logits.double().numpy() / temperature, axis=1)
    w = np.array([1 + math.exp(-stats.entropy(row)) for row in p])
    w = len(w) * w / w.sum()
    c = sum(w_i * np.outer(p_i, p_i) for w_i, p_i in zip(w, p, strict=True))
    c = np.stack([row / row.sum() for row in c])
    return (c.sum() - np.trace(c)) / len(c)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_mcc_is_the_task_plus_the_ramped_confusion_of_the_target(temperature: float) -> None:
    terms = cu.MCC(weight=0.7, temperature=temperature).loss(SOURCE, TARGET, 0.25)
    expected = 0.7 * math.tanh(1.25) * confused(TARGET.logits, temperature)
    assert terms["confusion"].item() == pytest.approx(expected, rel=1e-5)
    assert terms["task"].item() == pytest.approx(cu.losses.cross_entropy(SOURCE.logits, SOURCE.labels).item())


def test_bnm_is_the_task_minus_the_ramped_nuclear_norm_of_the_targets_predictions() -> None:
    p = special.softmax(TARGET.logits.double().numpy(), axis=1)
    terms = cu.BNM(weight=0.7).loss(SOURCE, TARGET, 0.25)
    expected = -0.7 * math.tanh(1.25) * np.linalg.norm(p, "nuc") / 5
    assert terms["nuclear_norm"].item() == pytest.approx(expected, rel=1e-5)
    assert terms["task"].item() == pytest.approx(cu.losses.cross_entropy(SOURCE.logits, SOURCE.labels).item())


@pytest.mark.parametrize(("adapter", "name"), [(cu.MCC(), "confusion"), (cu.BNM(), "nuclear_norm")])
def test_only_the_targets_logits_are_moved(adapter: cu.Adapter, name: str) -> None:
    source, target = leaves()
    adapter.loss(source, target, 0.5)[name].backward()
    assert target.logits.grad.abs().sum() > 0
    assert source.logits.grad is None and source.features.grad is None


@pytest.mark.parametrize(("adapter", "apart"), [(cu.MCC(), False), (cu.BNM(), False), (cu.EntropyMinimisation(), True)])
def test_a_batch_fallen_into_one_class_is_the_best_of_all_for_entropy_alone(adapter: cu.Adapter, apart: bool) -> None:
    """What BNM and MCC add to entropy: six sure predictions of one class are no better than two of each."""
    target = view(1, 6, labelled=False)
    fallen, balanced = (
        20 * torch.nn.functional.one_hot(torch.tensor(labels), 3).float() for labels in ([0] * 6, [0, 1, 2] * 2)
    )
    values = []
    for target.logits in (fallen, balanced):
        terms = adapter.loss(SOURCE, target, 1.0)
        values.append(sum(term.item() for name, term in terms.items() if name != "task"))
    assert (values[0] <= values[1] + 1e-6) == apart


def test_dann_plus_mcc_is_the_sum_of_named_terms() -> None:
    adapter, (first, second) = cu.DANN() + cu.MCC(weight=0.5), (cu.DANN(), cu.MCC(weight=0.5))
    assert isinstance(adapter, Sum)
    torch.manual_seed(0)
    adapter.build(net := cu.nets.feature_net(4, ("a", "b", "c"), width=4))
    first.critic = adapter.first.critic
    views = view(0, 6, True), view(1, 5, False)
    apart = [part.eval().loss(*views, 0.3) for part in (first, second)]
    terms = adapter.eval().loss(*views, 0.3)
    assert list(terms) == ["task", "domain", "confusion"]
    assert all(torch.equal(terms[name], (apart[0] | apart[1])[name]) for name in terms)
    assert {p for group in adapter.players(net)["all"] for p in group["params"]} == {
        *net.parameters(),
        *adapter.first.critic.parameters(),
    }


@pytest.mark.parametrize(
    "make",
    [
        lambda: cu.DANN() + cu.MCC(),
        lambda: cu.MCC() + cu.DANN(),
        lambda: cu.DeepCORAL() + cu.BNM(),
        lambda: cu.MCC() + cu.BNM() + cu.EntropyMinimisation(),
        lambda: cu.MCD() + cu.MCC(),
        lambda: cu.MCC() + cu.FixMatch(),
        lambda: cu.DANN() + cu.MeanTeacher(),
        lambda: cu.PseudoLabels() + cu.DAN(),
    ],
)
def test_sums_train_and_show_every_term(make) -> None:
    run = cu.fit(make(), feature_pair(), **FAST)
    parts, names = [run.adapter], set()
    while parts:
        part = parts.pop()
        parts += [part.first, part.second] if isinstance(part, Sum) else []
        names |= {
            "DANN": {"domain"},
            "MCC": {"confusion"},
            "BNM": {"nuclear_norm"},
            "EntropyMinimisation": {"entropy"},
            "FixMatch": {"pseudo", "passed"},
            "PseudoLabels": {"pseudo", "passed"},
            "MeanTeacher": {"consistency", "passed"},
        }.get(type(part).__name__, set())
    assert names <= set(run.history.columns) and np.isfinite(run.history.to_numpy(float)).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cu.MCC(weight=-1.0), r"MCC\(weight=-1.0\): weight must be at least 0"),
        (lambda: cu.MCC(temperature=0.0), r"MCC\(temperature=0.0\): temperature must be at least 0.1"),
        (lambda: cu.BNM(weight=-1.0), r"BNM\(weight=-1.0\): weight must be at least 0"),
    ],
)
def test_settings_out_of_range_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
