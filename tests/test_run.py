"""A Run derives what it shows; the exam says which rule chose the epoch."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

import course_utils as cu
from tests.toys import FAST, feature_pair


@pytest.fixture(scope="module")
def run() -> cu.training.Run:
    return cu.fit(cu.DAN(), feature_pair(), **FAST | {"epochs": 3})


def test_the_exam_shows_last_selected_and_peeked_with_scikit_learns_accuracy(run) -> None:
    exam = run.exam()
    assert list(exam.index) == ["last", "selected", "peeked"]
    for rule, row in exam.iterrows():
        evaluation = run.evaluations[int(row["epoch"]) - 1]
        for side in ("source", "target"):
            truth = getattr(run.pair, side).test.labels
            assert row[side] == pytest.approx(accuracy_score(truth, evaluation[f"{side}_logits"].argmax(1))), rule
    assert exam.loc["peeked", "target"] == exam["target"].max()
    assert exam.loc["last", "epoch"] == 3


def test_the_oracle_stands_beside(run) -> None:
    oracle = cu.fit(cu.TargetOnly(), feature_pair(), **FAST)
    assert list(run.exam(oracle).index) == ["last", "selected", "peeked", "oracle"]
    assert run.exam(oracle).loc["oracle", "target"] == oracle.exam().loc["last", "target"]


def test_snapshots_are_the_probes_features_after_every_epoch(run) -> None:
    snapshots, (source, target) = run.snapshots, run.pair.probe()
    assert snapshots.source.shape == (3, len(source), 256) and snapshots.target.shape == (3, len(target), 256)
    np.testing.assert_array_equal(snapshots.source_ids, source.ids)
    np.testing.assert_array_equal(snapshots.target_labels, target.labels)
    rows = [list(run.pair.target.test.ids).index(i) for i in target.ids]
    np.testing.assert_array_equal(snapshots.target[1], run.evaluations[1]["target_features"][rows])


def test_a_run_says_what_it_is(run) -> None:
    assert "DAN(weight=" in repr(run) and "'here -> there', seed 0, epoch 3 of 3" in repr(run)
