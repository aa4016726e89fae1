from __future__ import annotations

import numpy as np
import pytest
import torch

from course_utils.data.batches import Batches, generator, steps_per_epoch
from tests.toys import feature_pair


@pytest.fixture
def part():
    return feature_pair().source.train  # 36 images


@pytest.mark.parametrize("size", [1, 5, 7, 36])
def test_every_image_is_seen_once_a_cycle(part, size: int) -> None:
    batches = Batches(part, size, seed=0)
    positions = np.concatenate([batches.positions(step) for step in range(-(-36 * 3 // size))])
    for cycle in range(3):
        assert sorted(positions[36 * cycle : 36 * (cycle + 1)]) == list(range(36))


def test_a_batch_depends_on_seed_and_step_alone(part) -> None:
    forwards = [Batches(part, 7, seed=1).positions(s) for s in range(12)]
    one = Batches(part, 7, seed=1)
    backwards = [one.positions(s) for s in reversed(range(12))][::-1]
    assert all(np.array_equal(a, b) for a, b in zip(forwards, backwards, strict=True))
    assert not np.array_equal(forwards[0], Batches(part, 7, seed=2).positions(0))
    assert not np.array_equal(forwards[0], forwards[6])


@pytest.mark.parametrize("size", [0, 37, 100])
def test_a_batch_larger_than_the_set_is_refused_with_a_way_out(part, size: int) -> None:
    with pytest.raises(ValueError, match=f"A batch of {size} .* 36 images .*'here'.*between 1 and 36"):
        Batches(part, size, seed=0)


def test_an_epoch_sees_the_larger_domain_once_and_does_not_stop_at_the_shorter() -> None:
    assert steps_per_epoch([10, 65], 8) == 9


def test_random_numbers_of_steps_and_sides_are_unrelated() -> None:
    draws = [torch.rand(3, generator=generator(0, step, side)) for step in range(3) for side in range(2)]
    assert len({tuple(d.tolist()) for d in draws}) == 6
    assert torch.equal(torch.rand(3, generator=generator(0, 2, 1)), draws[-1])
