"""One walk over all strategies: a new one is covered on the day it is written."""

from __future__ import annotations

import dataclasses
import inspect

import numpy as np
import pytest
import torch

import course_utils as cu
from course_utils import adapters
from course_utils.adapters.base import Adapter, Sum
from course_utils.data.domain import SealedLabelsError
from course_utils.data.pair import DomainPair
from tests.toys import FAST, feature_pair, toy_pair

LABELS_IN_THE_DOCSTRING = ("Paper:", "Minimises", "Symbols:", "Differs from", "Can go wrong:", "Taught in:")
METHODS = [pytest.param(a, id=a.__name__) for a in adapters.ADAPTERS]
WEIGHTED = [
    pytest.param(a, id=a.__name__) for a in adapters.ADAPTERS if "weight" in {f.name for f in dataclasses.fields(a)}
]
WITHOUT_TARGET_LABELS = [pytest.param(a, id=a.__name__) for a in adapters.ADAPTERS if a.unseals is None]


def with_target_labels(pair: DomainPair, value: int) -> DomainPair:
    """The pair with every sealed label replaced, after the splits were made."""
    labels = pair.target.domain.labels.copy()
    for part in (pair.target.train, pair.target.validation):
        labels[part.indices] = value
    domain = object.__new__(cu.Domain)
    domain.__dict__.update(pair.target.domain.__dict__ | {"targets": {"label": labels}})
    parts = {
        name: dataclasses.replace(getattr(pair.target, name), domain=domain) for name in ("train", "validation", "test")
    }
    return dataclasses.replace(pair, target=dataclasses.replace(pair.target, **parts))


def test_the_registry_holds_every_strategy_and_no_other() -> None:
    shipped = {a for a in Adapter.__subclasses__() if a.__module__.startswith("course_utils.")}
    assert set(adapters.ADAPTERS) == shipped - {Sum}
    assert all(not a.__subclasses__() for a in shipped)


@pytest.mark.parametrize("method", METHODS)
def test_the_docstring_ties_the_code_to_its_paper(method: type[Adapter]) -> None:
    assert method.__doc__.split(":")[0].split(",")[0].replace("-o", "O") == method.__name__
    for label in LABELS_IN_THE_DOCSTRING:
        assert label in method.__doc__, f"{method.__name__} does not say: {label}"


@pytest.mark.parametrize("method", METHODS)
def test_the_loss_reads_like_an_equation(method: type[Adapter]) -> None:
    assert len(inspect.getsource(method.loss).splitlines()) <= 12


@pytest.mark.parametrize("shape", [(1, 16, 16), (5,)], ids=["images", "features"])
@pytest.mark.parametrize("method", METHODS)
def test_it_trains_on_images_and_on_features_and_moves_the_weights(method: type[Adapter], shape: tuple) -> None:
    pair = toy_pair(shape)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        start = cu.nets.default_net(shape, pair.classes)
    run = cu.fit(method(), pair, net=start, **FAST)
    moved = [not torch.equal(a, b) for a, b in zip(start.parameters(), run.net.parameters(), strict=True)]
    assert all(moved) and np.isfinite(run.history.to_numpy(float)).all()
    assert len(run.history) == 2 and run.exam().notna().all(axis=None)


@pytest.mark.parametrize("method", WITHOUT_TARGET_LABELS)
def test_target_labels_change_neither_the_weights_nor_the_choice(method: type[Adapter]) -> None:
    """Pitfall 38: with every sealed label at -1 the run is the same to the last bit."""
    runs = [cu.fit(method(), pair, **FAST) for pair in (feature_pair(), with_target_labels(feature_pair(), -1))]
    (one, other), names = [run.net.state_dict() for run in runs], runs[0].net.state_dict()
    assert all(torch.equal(one[name], other[name]) for name in names)
    assert runs[0].selected_epoch == runs[1].selected_epoch
    assert all(torch.equal(runs[0].selected_weights[n], runs[1].selected_weights[n]) for n in names)
    assert runs[0].history.equals(runs[1].history)
    assert runs[0].pair.unsealed is None


@pytest.mark.parametrize("method", WITHOUT_TARGET_LABELS)
def test_it_is_never_handed_a_target_label(method: type[Adapter]) -> None:
    seen = []

    class Spy(method.__mro__[1]):
        sides = method.sides

        def build(self, net) -> None:
            self.inner = method()
            self.inner.build(net)

        def steps(self, batch, progress):
            seen.append(None if batch.target is None else batch.target.labels)
            yield from self.inner.steps(batch, progress)

    cu.fit(Spy(), feature_pair(), **FAST)
    assert seen and all(labels is None for labels in seen)


def test_the_oracle_opens_the_labels_on_the_record() -> None:
    run = cu.fit(cu.TargetOnly(), feature_pair(), **FAST)
    assert run.pair.unsealed == cu.TargetOnly.unseals
    assert run.exam().attrs["labels"] == cu.TargetOnly.unseals
    with pytest.raises(SealedLabelsError):
        _ = feature_pair().target.train.labels


@pytest.mark.parametrize("method", WEIGHTED)
def test_strength_zero_is_source_only_to_the_last_bit(method: type[Adapter]) -> None:
    off = cu.fit(method(weight=0.0), feature_pair(), batchnorm="frozen", **FAST)
    plain = cu.fit(cu.SourceOnly(), feature_pair(), batchnorm="frozen", **FAST)
    for name, tensor in plain.net.state_dict().items():
        assert torch.equal(off.net.state_dict()[name], tensor), name


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_is_the_same_run_and_another_seed_another(method: type[Adapter]) -> None:
    first, again, other = (cu.fit(method(), feature_pair(), seed=s, **FAST) for s in (3, 3, 4))
    weights = [torch.cat([p.flatten() for p in run.net.parameters()]) for run in (first, again, other)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("method", METHODS)
def test_it_stays_finite_under_bfloat16(method: type[Adapter]) -> None:
    run = cu.fit(method(), toy_pair(), **FAST | {"mixed_precision": True})
    assert np.isfinite(run.history.to_numpy(float)).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("batchnorm", ["joint", "separate", "source", "frozen"])
def test_unequal_numbers_of_images_are_no_trouble(method: type[Adapter], batchnorm: str) -> None:
    run = cu.fit(method(), toy_pair((5,), n=30, m=90), batchnorm=batchnorm, **FAST)
    assert run.steps_per_epoch == -(-54 // 8)
