"""Class shares and alignment: what is drawn, what is measured of a class, and that the record is the present code's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cosine

from course_utils import class_shares
from tests.toys import toy_pair


def test_the_source_gets_the_shares_that_were_asked_for_and_nothing_else_changes() -> None:
    on = toy_pair(n=180)
    few = class_shares.with_shares(on, np.array([0.5, 0.3, 0.2]))
    counts = np.bincount(few.source.train.labels, minlength=3)
    assert counts / counts.sum() == pytest.approx([0.5, 0.3, 0.2], abs=0.02)
    assert counts[0] == np.bincount(on.source.train.labels)[0], "as many as go: the scarcest class is used up"
    assert set(few.source.train.indices) < set(on.source.train.indices)
    assert few.target is on.target and few.source.test is on.source.test
    assert class_shares.with_shares(on, np.array([0.5, 0.3, 0.2])).source.train.indices.tolist() == (
        few.source.train.indices.tolist()
    )


def test_the_mixes_are_the_pair_equal_classes_and_the_targets_shares_with_its_labels_still_sealed() -> None:
    on = toy_pair(n=180, m=200)
    mixes = class_shares.mixes(on)
    assert mixes["as they are"] is on
    alike = np.bincount(mixes["all alike"].source.train.labels)
    assert len(set(alike)) == 1
    target = on.target.domain.labels[on.target.train.indices]
    assert class_shares.shares(mixes["target's"].source.train.labels, 3) == pytest.approx(
        class_shares.shares(target, 3), abs=0.03
    )
    assert all(mix.target.train.sealed and mix.unsealed is None for mix in mixes.values())


def alignment_one_by_one(here, of_here, there, of_there, classes):
    """SciPy's cosine between every pair of centred class means."""
    means = [
        [np.mean([z for z, label in zip(features, labels, strict=True) if label == c], axis=0) for c in range(classes)]
        for features, labels in ((here, of_here), (there, of_there))
    ]
    near, far = ([mean - np.mean(side, axis=0) for mean in side] for side in means)
    own = [1 - cosine(far[c], near[c]) for c in range(classes)]
    other = [max(1 - cosine(far[c], near[k]) for k in range(classes) if k != c) for c in range(classes)]
    return own, other


def test_a_class_is_compared_with_its_own_source_mean_and_with_the_nearest_other() -> None:
    generator = torch.Generator().manual_seed(0)
    here, there = torch.randn(50, 6, generator=generator), 2 + torch.randn(40, 6, generator=generator)
    of_here, of_there = np.arange(50) % 4, np.arange(40) % 4
    own, other = class_shares.class_alignment(here, of_here, there, of_there, 4)
    expected = alignment_one_by_one(here.numpy(), of_here, there.numpy(), of_there, 4)
    assert own == pytest.approx(expected[0], abs=1e-5) and other == pytest.approx(expected[1], abs=1e-5)
    wrong = alignment_one_by_one(here.numpy(), of_here, here.numpy(), of_here, 4)
    assert own != pytest.approx(wrong[0], abs=1e-2), "the oracle would notice a wrong side"


def test_the_record_is_that_of_the_present_code() -> None:
    held = class_shares.stored()
    made_with = {name: held[name] for name in class_shares.made_with()}
    assert made_with == class_shares.made_with(), "make it again with `python3 course.py bench class_shares`"
    assert list(held["fits"]) == ["as they are", "all alike", "target's"]
    for rows in held["fits"].values():
        assert list(rows) == [type(adapter).__name__ for adapter in class_shares.STRATEGIES]
        assert all(len(seeds) == len(class_shares.SEEDS) for seeds in rows.values())
        for of in (of for seeds in rows.values() for of in seeds):
            right = np.array(of["right"]) @ np.array(held["shares"]["sketch"])
            assert of["accuracy"] == pytest.approx(right, abs=2e-3) and sum(of["answers"]) == pytest.approx(1, abs=1e-3)


def test_the_table_and_the_classes_are_read_from_the_record() -> None:
    held, table = class_shares.stored(), class_shares.table()
    fits = held["fits"]["all alike"]["DAN"]
    assert table.loc[("DAN", 1), "all alike"] == fits[1]["accuracy"]
    told = class_shares.by_class("answers", "DAN", "all alike")
    assert told.index.tolist() == held["classes"]
    assert told.to_numpy() == pytest.approx(np.mean([of["answers"] for of in fits], axis=0))
