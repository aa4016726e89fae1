"""The matrix of `plots`: every number can be read, and the best of each column is found without colour."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from course_utils import plots

TITLE = "Each augmentation covers what it imitates"
SHIFTS = pd.DataFrame(
    np.linspace(0, 1, 30).reshape(3, 10)[[1, 2, 0]],
    index=["nothing", "random convolution", "FDA"],
    columns=["as taken", "impulse_noise", *"abcdefgh"],
)


def test_the_matrix_writes_every_number_and_frames_the_best_of_each_column():
    drawing = plots.matrix(SHIFTS, TITLE)
    drawing.draw_without_rendering()
    axes = drawing.axes[0]
    written = {text.get_position(): text for text in axes.texts}
    assert len(written) == SHIFTS.size
    for (row, column), value in np.ndenumerate(SHIFTS.to_numpy()):
        assert written[column, row].get_text() == f"{value:.2f}"
    bold = {place for place, text in written.items() if text.get_weight() == "bold"}
    framed = {tuple(np.add(patch.get_xy(), 0.46).round()) for patch in axes.patches}
    assert bold == framed == {(column, 1) for column in range(10)}
    assert "impulse_noise: random convolution 0.72" in drawing.alt
    boxes = [Text.get_window_extent(text) for text in written.values()]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_every_number_of_the_matrix_stands_out_from_its_shade():
    axes = plots.matrix(SHIFTS, TITLE).axes[0]
    shades = axes.images[0].to_rgba(axes.images[0].get_array())[..., :3]
    for text in axes.texts:
        column, row = text.get_position()
        assert contrast(to_rgb(text.get_color()), shades[row, column]) >= 4.5


def contrast(one, other):
    """Of two colours as WCAG 2.2 defines it: 1 to 21."""
    linear = [[c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour] for colour in (one, other)]
    dark, light = sorted(np.dot(linear, (0.2126, 0.7152, 0.0722)))
    return (light + 0.05) / (dark + 0.05)


def test_a_matrix_of_other_numbers_is_refused():
    with pytest.raises(ValueError, match="values from 0.00 to 2.00; expected 0 to 1"):
        plots.matrix(2 * SHIFTS, TITLE)
