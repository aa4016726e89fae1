"""One walk over all strategies: a new one is covered on the day it is written."""

from __future__ import annotations

import dataclasses
import inspect

import numpy as np
import pytest
import torch

import course_utils as cu
from course_utils import adapters, training
from course_utils.adapters.base import Adapter
from course_utils.adapters.sums import Sum
from course_utils.data.domain import SealedLabelsError
from course_utils.data.pair import DomainPair
from tests.toys import FAST, feature_pair, toy_pair

SHOTS = 3

LABELS_IN_THE_DOCSTRING = ("Paper:", "Minimises", "Symbols:", "Differs from", "Can go wrong:", "Taught in:")
METHODS = [pytest.param(a, id=a.__name__) for a in adapters.ADAPTERS]
WEIGHTED = [
    pytest.param(a, id=a.__name__) for a in adapters.ADAPTERS if "weight" in {f.name for f in dataclasses.fields(a)}
]
WITHOUT_SEALED_LABELS = [pytest.param(a, id=a.__name__) for a in adapters.ADAPTERS if a.unseals is None]


def with_target_labels(pair: DomainPair, value: int) -> DomainPair:
    """The pair with every sealed label replaced, after the splits were made; the few that are open stay."""
    labels = pair.target.domain.labels.copy()
    for part in (pair.target.train, pair.target.validation):
        labels[part.indices] = value
    labels[pair.target.shots.indices] = pair.target.shots.labels
    domain = object.__new__(cu.Domain)
    domain.__dict__.update(pair.target.domain.__dict__ | {"targets": {"label": labels}})
    names = ("train", "validation", "test", "shots")
    parts = {name: dataclasses.replace(getattr(pair.target, name), domain=domain) for name in names}
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
def test_it_trains_on_images_and_on_features_and_moves_what_it_optimises(method: type[Adapter], shape: tuple) -> None:
    pair = toy_pair(shape, shots=SHOTS)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        start = cu.nets.default_net(shape, pair.classes)
    run = cu.fit(method(), pair, net=start, **FAST)
    moved = [not torch.equal(a, b) for a, b in zip(start.parameters(), run.net.parameters(), strict=True)]
    optimised = {p for o in run.optimisers.values() for group in o.param_groups for p in group["params"]}
    assert set(run.net.head.parameters()) <= optimised
    assert moved == [p in optimised for p in run.net.parameters()] and np.isfinite(run.history.to_numpy(float)).all()
    assert len(run.history) == 2 and run.exam().notna().all(axis=None)


@pytest.mark.parametrize("method", WITHOUT_SEALED_LABELS)
def test_target_labels_change_neither_the_weights_nor_the_choice(method: type[Adapter]) -> None:
    """Pitfall 38: with every sealed label at -1 the run is the same to the last bit."""
    pair = feature_pair(SHOTS)
    runs = [cu.fit(method(), pair, **FAST) for pair in (pair, with_target_labels(pair, -1))]
    (one, other), names = [run.net.state_dict() for run in runs], runs[0].net.state_dict()
    assert all(torch.equal(one[name], other[name]) for name in names)
    assert runs[0].selected_epoch == runs[1].selected_epoch
    assert all(torch.equal(runs[0].selected_weights[n], runs[1].selected_weights[n]) for n in names)
    assert runs[0].history.equals(runs[1].history)
    assert runs[0].pair.unsealed is None


@pytest.mark.parametrize("method", WITHOUT_SEALED_LABELS)
def test_it_is_never_handed_a_sealed_label(method: type[Adapter]) -> None:
    seen = []

    class Spy(method.__mro__[1]):
        sides = method.sides

        def build(self, net) -> None:
            self.inner = method()
            self.inner.build(net)

        def steps(self, batch, progress):
            if batch.target is not None:
                seen.append(batch.target)
            yield from self.inner.steps(batch, progress)

        def players(self, net):
            return self.inner.players(net)

        def refresh(self, source, target):
            if target is not None:
                seen.append(target)
            self.inner.refresh(source, target)

    pair = feature_pair(SHOTS)
    cu.fit(Spy(), pair, **FAST)
    assert bool(seen) == (method.sides != ("source",))
    if "shots" in method.sides:
        few = dict(zip(pair.target.shots.ids.tolist(), pair.target.shots.labels.tolist(), strict=True))
        assert all(few[i] == y for v in seen for i, y in zip(v.ids.tolist(), v.labels.tolist(), strict=True))
    else:
        assert all(view.labels is None for view in seen)


def test_the_oracle_opens_the_labels_on_the_record() -> None:
    run = cu.fit(cu.TargetOnly(), feature_pair(), **FAST)
    assert run.pair.unsealed == cu.TargetOnly.unseals
    assert run.exam().attrs["labels"] == cu.TargetOnly.unseals
    with pytest.raises(SealedLabelsError):
        _ = feature_pair().target.train.labels


@pytest.mark.parametrize("method", WEIGHTED)
def test_strength_zero_is_the_plain_strategy_to_the_last_bit(method: type[Adapter]) -> None:
    weights = {f.name: 0.0 for f in dataclasses.fields(method) if f.name.endswith("weight")}
    plain = cu.FineTune() if "shots" in method.sides else cu.SourceOnly()
    settings = FAST | {"batchnorm": "frozen", "weight_decay": 0.0}
    off, alone = (cu.fit(adapter, feature_pair(SHOTS), **settings) for adapter in (method(**weights), plain))
    for name, tensor in alone.net.state_dict().items():
        assert torch.equal(off.net.state_dict()[name], tensor), name


@pytest.mark.parametrize("method", METHODS)
def test_a_run_that_broke_off_ends_at_the_same_bits(method: type[Adapter], tmp_path, monkeypatch) -> None:
    """Pitfall 44: what a strategy keeps beside the net is in the checkpoint, or follows from the progress."""

    file, options = tmp_path / "run.pt", FAST | {"epochs": 3}

    def power_cut(state: dict, path) -> None:
        torch.save(state, path)
        if state["epoch"] == 2:
            raise ConnectionAbortedError

    whole = cu.fit(method(), toy_pair(n=30, m=40, shots=SHOTS), **options)
    with monkeypatch.context() as patch:
        patch.setattr(training, "_write", power_cut)
        with pytest.raises(ConnectionAbortedError):
            cu.fit(method(), toy_pair(n=30, m=40, shots=SHOTS), checkpoint=file, **options)
    run = cu.fit(method(), toy_pair(n=30, m=40, shots=SHOTS), checkpoint=file, **options)
    assert run.history.equals(whole.history) and len(run.history) == 3
    for mine, other in ((run.net, whole.net), (run.adapter, whole.adapter)):
        assert all(torch.equal(t, other.state_dict()[name]) for name, t in mine.state_dict().items())


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_is_the_same_run_and_another_seed_another(method: type[Adapter]) -> None:
    first, again, other = (cu.fit(method(), feature_pair(SHOTS), seed=s, **FAST) for s in (3, 3, 4))
    weights = [torch.cat([p.flatten() for p in run.net.parameters()]) for run in (first, again, other)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("method", METHODS)
def test_it_stays_finite_under_bfloat16(method: type[Adapter]) -> None:
    run = cu.fit(method(), toy_pair(shots=SHOTS), **FAST | {"mixed_precision": True})
    assert np.isfinite(run.history.to_numpy(float)).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("batchnorm", ["joint", "separate", "source", "frozen"])
def test_unequal_numbers_of_images_are_no_trouble(method: type[Adapter], batchnorm: str) -> None:
    run = cu.fit(method(), toy_pair((5,), n=30, m=90, shots=SHOTS), batchnorm=batchnorm, **FAST)
    assert run.steps_per_epoch == -(-54 // 8)
