"""Lambda against both losses, read off runs that somebody fitted before."""

from __future__ import annotations

import math

import numpy as np
import pytest

import course_utils as cu
from course_utils.explore import adversary_dial
from tests.explore.siblings import runs
from tests.toys import FAST, toy_pair


def ganin(p: float) -> float:
    """Equation (14) of the paper, written anew."""
    return 2 / (1 + math.exp(-10 * p)) - 1


def test_the_curves_are_those_of_the_runs() -> None:
    explorer = adversary_dial(runs())
    ends, accuracy, losses, weights = (explorer.arrays[f"panel{i}"] for i in range(4))
    for i, (weight, run) in enumerate(runs().items()):
        np.testing.assert_allclose(losses[i], run.history[["task", "domain"]].to_numpy().T, rtol=1e-6)
        hits = [e["target_logits"].argmax(1) == run.pair.target.test.labels for e in run.evaluations]
        np.testing.assert_allclose(accuracy[i, 0], [hit.mean() for hit in hits], rtol=1e-6)
        np.testing.assert_allclose(ends[:, i], run.exam().loc["last", ["target", "source"]].astype(float), rtol=1e-6)
        assert weights[i, 0, 0] == 0
        np.testing.assert_allclose(weights[i, 0, [5, 10, -1]], [weight * ganin(p) for p in (0.25, 0.5, 1)], rtol=1e-5)


def test_a_critic_that_guesses_is_drawn_beside_the_losses() -> None:
    [(name, height)] = adversary_dial(runs()).header["panels"][2]["y"]["guides"]
    assert name == "a critic that guesses" and height == pytest.approx(0.6931, abs=1e-4)


def test_a_shorter_run_ends_earlier_and_does_not_stretch() -> None:
    one = cu.fit(cu.DANN(critic_width=8), toy_pair(), seed=0, **(FAST | {"epochs": 1}))
    explorer = adversary_dial({"short": one, "long": runs()[1]})
    assert explorer.header["places"] == ["short", "long"]
    _, accuracy, losses, weights = (explorer.arrays[f"panel{i}"] for i in range(4))
    assert np.isnan(losses[0, :, 1]).all() and np.isfinite(losses[1]).all()
    assert np.isnan(accuracy[0, 0, 1]) and np.isnan(weights[0, 0, 11:]).all()


def test_a_run_that_was_examined_once_shows_its_one_accuracy_at_its_end() -> None:
    run = cu.fit(cu.DANN(critic_width=8), toy_pair(), seed=0, snapshots=False, **FAST)
    accuracy = adversary_dial({1: run}).arrays["panel1"]
    assert np.isnan(accuracy[0, 0, 0]) and accuracy[0, 0, 1] == pytest.approx(run.target_accuracies()[0])


def test_a_run_without_a_critic_is_refused_by_name() -> None:
    run = cu.fit(cu.SourceOnly(), toy_pair(), seed=0, **FAST)
    with pytest.raises(ValueError, match="run 'plain' is of SourceOnly, which has no weight and schedule"):
        adversary_dial({"plain": run})
    with pytest.raises(ValueError, match=r"no term 'domian'. Did you mean 'domain'"):
        adversary_dial(runs(), domain_loss="domian")
