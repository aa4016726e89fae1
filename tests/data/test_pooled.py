"""Several sources as one: who is in it, how often, and that no original stands in two splits."""

from __future__ import annotations

import collections
import dataclasses

import numpy as np
import pytest

import course_utils as cu
from course_utils.data import PairError
from course_utils.data.domain import SPLITS
from tests.toys import toy_domain


@pytest.fixture
def two():
    return toy_domain("one", seed=0), toy_domain("other", seed=1)


def counted(domain, index) -> collections.Counter:
    """Every image with its label, however often."""
    return collections.Counter((domain.images[i].tobytes(), int(domain.labels[i])) for i in index)


def test_a_pool_holds_each_image_of_each_split_once_with_its_label(two):
    pool = cu.pooled(two)
    for split in SPLITS:
        apart = sum((counted(d, d.splits[split]) for d in two), collections.Counter())
        assert counted(pool, pool.splits[split]) == apart


def test_shares_say_how_large_a_part_of_training_each_domain_has(two):
    total = sum(len(d.splits["train"]) for d in two)
    pool = cu.pooled(two, shares=(3, 1))
    drawn = counted(pool, pool.splits["train"])
    from_one = counted(two[0], two[0].splits["train"])
    taken = [drawn[image] for image in from_one]
    assert sum(taken) == round(total * 3 / 4)
    assert sum(drawn.values()) == total
    assert set(from_one.values()) == {1}
    assert max(taken) - min(taken) == 1
    assert len(pool.splits["test"]) == sum(len(d.splits["test"]) for d in two)


def test_a_share_of_nothing_leaves_a_domain_out_of_training_alone(two):
    pool = cu.pooled(two, shares=(0, 1))
    assert not set(counted(pool, pool.splits["train"])) & set(counted(two[0], two[0].splits["train"]))


def test_no_original_stands_in_two_splits(two):
    one, other = two
    shared = dataclasses.replace(other, groups=other.groups.copy())
    shared.groups[other.splits["train"][0]] = one.groups[one.splits["test"][0]]
    pool = cu.pooled((one, shared))
    of = {split: set(pool.groups[pool.splits[split]]) for split in SPLITS}
    assert not of["train"] & (of["validation"] | of["test"])
    assert len(pool) == len(one) + len(other) - 1


def test_a_pool_trains_as_the_source_of_a_pair(two):
    run = cu.fit(cu.SourceOnly(), cu.pair((cu.pooled(two), toy_domain("target", seed=2))), epochs=1, batch_size=16)
    assert run.pair.name == "one + other -> target"


def test_what_is_no_pool_is_refused(two):
    one, other = two
    with pytest.raises(PairError, match="'other' has 3 classes and images of"):
        cu.pooled((one, dataclasses.replace(other, classes=("a", "b", "c"))))
    for shares in ((1,), (-1, 2), (0, 0)):
        with pytest.raises(ValueError, match="give one number for each of 2 domains"):
            cu.pooled(two, shares=shares)
    examined = dataclasses.replace(other, groups=np.full(len(other), one.groups[one.splits["test"][0]]))
    with pytest.raises(ValueError, match="'other' has no training image left for its share"):
        cu.pooled((one, examined), shares=(1, 1))
