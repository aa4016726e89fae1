import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.data.stacked import Stacked

WHOLE = np.arange(9 * 3 * 2 * 4, dtype=np.uint8).reshape(9, 3, 2, 4)
index = st.none() | st.integers(-12, 12)


@settings(deadline=None)
@given(start=index, stop=index, step=st.none() | st.integers(1, 4), borders=st.sets(st.integers(1, 8)))
def test_a_slice_equals_the_slice_of_the_whole(start, stop, step, borders):
    stacked = Stacked(np.split(WHOLE, sorted(borders)))
    np.testing.assert_array_equal(stacked[start:stop:step], WHOLE[start:stop:step])


def test_shape_length_and_the_whole_are_those_of_one_array():
    stacked = Stacked([WHOLE[:4], WHOLE[4:4], WHOLE[4:]])
    assert (stacked.shape, len(stacked), stacked.ndim, stacked.dtype) == (WHOLE.shape, 9, 4, np.uint8)
    np.testing.assert_array_equal(np.asarray(stacked), WHOLE)


def test_channels_that_stand_last_come_first():
    stacked = Stacked([WHOLE[:5].transpose(0, 2, 3, 1), WHOLE[5:].transpose(0, 2, 3, 1)], axes=(0, 3, 1, 2))
    assert stacked.shape == WHOLE.shape
    np.testing.assert_array_equal(stacked[3:7], WHOLE[3:7])


def test_only_the_rows_of_a_slice_are_asked_for():
    class Asked(np.ndarray):
        rows = 0

        def __getitem__(self, key):
            part = super().__getitem__(key)
            Asked.rows += len(part)
            return part

    Stacked([WHOLE[:5].view(Asked), WHOLE[5:].view(Asked)])[4:7]
    assert Asked.rows == 3


def test_it_never_is_an_array_without_a_copy():
    with pytest.raises(ValueError, match="copied"):
        np.asarray(Stacked([WHOLE]), copy=False)
