"""A dial: its positions, and the numbers that reach the page."""

from __future__ import annotations

import numpy as np
import pytest
import traitlets

from course_utils.explore.dial import Panel, dial
from tests.explore.siblings import shift_dial


def two_places(**panel):
    given = {"title": "loss", "lines": ("a",), "across": "epoch", "x": [1, 2, 3], "limits": (0, 1)} | panel
    return dial("Two", "size", ["small", "large"], [Panel(**given)], ["Small.", "Large."])


def test_a_position_outside_is_refused() -> None:
    explorer = shift_dial()
    explorer.place = 2
    with pytest.raises(traitlets.TraitError, match="positions 0 to 2, and not 3"):
        explorer.place = 3
    assert explorer.place == 2


def test_a_gap_in_a_curve_travels_as_a_gap_and_leaves_the_page_valid() -> None:
    values = np.array([[[0.5, 0.25, np.nan]], [[0.5, np.nan, np.nan]]])
    explorer = two_places(values=values)
    np.testing.assert_array_equal(explorer.arrays["panel0"], values.astype(np.float32))
    assert "NaN" not in explorer.to_html().split('id="payload"')[1].split("</script>")[0]


def test_the_picture_marks_the_last_number_of_a_curve_that_ends_early() -> None:
    explorer = two_places(values=np.array([[[0.5, 0.25, np.nan]], [[0.5, 0.4, 0.3]]]))
    axes = explorer.twin().subfigs[1].axes[0]
    assert list(axes.lines[1].get_xydata()[0]) == [2, 0.25]
    explorer.place = 1
    axes = explorer.twin().subfigs[1].axes[0]
    np.testing.assert_allclose(axes.lines[1].get_xydata()[0], [3, 0.3])


def test_the_picture_marks_the_present_position_on_the_dial_s_own_axis() -> None:
    explorer = two_places(values=np.array([[0.5, 0.75, 0.8]]))
    explorer.place = 1
    axes = explorer.twin().subfigs[1].axes[0]
    assert list(axes.lines[1].get_xydata()[0]) == [2, 0.75]
    assert axes.get_ylim() == (0, 1)


@pytest.mark.parametrize(("height", "places"), [(16, ["0", "1", "2", "3"]), (32, ["0", "3"]), (64, ["2"])])
def test_tall_pictures_stand_at_fewer_positions_and_no_smaller(height: int, places: list[str]) -> None:
    frames = np.zeros((4, 5, 3, height, 16), np.uint8)
    panel = Panel("loss", ("a",), np.zeros((1, 4)), "size", range(4), (0, 1))
    explorer = dial("Four", "size", list("0123"), [panel], ["Said."] * 4, frames)
    explorer.place = 2
    drawing = explorer.twin()
    strips = drawing.subfigs[0].axes
    assert [strip.get_title(loc="left") for strip in strips] == [f"size {place}" for place in places]
    drawing.draw_without_rendering()
    assert min(strip.get_window_extent().height for strip in strips) > 0.6 * min(height / 16, 3) * drawing.dpi
