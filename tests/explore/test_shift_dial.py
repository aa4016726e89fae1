"""A shift that grows, and what a network makes of it."""

from __future__ import annotations

import numpy as np
import pytest

from course_utils.explore import shift_dial
from course_utils.explore.pictures import tiles
from tests.explore.siblings import answers_dial
from tests.explore.siblings import shift_dial as toy

GREY = np.full((2, 1, 8, 8), 100, np.uint8)


def test_each_strength_shows_its_own_pictures() -> None:
    explorer = toy()
    back = tiles(explorer.arrays["sheet"], explorer.header["sheet"]).reshape(3, 6, 1, 16, 16).mean((1, 2, 3, 4))
    assert explorer.header["each"] == 6
    assert back[0] + 45 < back[1] and back[1] + 20 < back[2], "each half of the strength adds light"


def test_strengths_are_sorted_and_their_numbers_go_with_them() -> None:
    frames = {1: GREY + 100, 0: GREY, 0.5: GREY + 50}
    names, sure = [["one"], ["none"], ["half"]], [[0.1], [0.9], [0.5]]
    explorer = shift_dial(frames, accuracy=[0.1, 0.9, 0.5])
    assert explorer.header["places"] == ["0", "0.5", "1"]
    np.testing.assert_allclose(explorer.arrays["panel0"], [[0.9, 0.5, 0.1]], rtol=1e-6)
    single = {strength: images[:1] for strength, images in frames.items()}
    asked = shift_dial(single, answers=(names, np.array(sure)))
    assert [row[0] for row in asked.header["answers"]] == [["none", 0.9], ["half", 0.5], ["one", 0.1]]


def test_accuracy_and_distance_have_axes_that_no_reader_can_mistake() -> None:
    accuracy, distance = toy().header["panels"]
    assert (accuracy["title"], accuracy["y"]["low"], accuracy["y"]["high"]) == ("accuracy", 0, 1)
    assert (distance["title"], distance["y"]["low"], distance["y"]["high"]) == ("proxy A-distance", 0, 2)
    assert accuracy["x"] == {"label": "strength", "values": [0, 0.5, 1], "names": None}


def test_the_words_say_every_strength() -> None:
    assert toy().text() == (
        "It gets lighter. Strength 0: accuracy 0.90, proxy A-distance 0.00. "
        "Strength 0.5: accuracy 0.50, proxy A-distance 1.20. Strength 1: accuracy 0.25, proxy A-distance 1.90."
    )
    assert "Strength 1: coil 0.27, barrel 0.09." in answers_dial().text()
    assert shift_dial({0: GREY}).text() == "A shift that grows. Strength 0."


@pytest.mark.parametrize(
    ("frames", "options", "why"),
    [
        ({0: GREY, 1: GREY[:1]}, {}, r"at 1 \(1, 1, 8, 8\): a dial shows the same ones"),
        ({0: GREY, 1: GREY}, {"accuracy": [1.0]}, "accuracy has 1 numbers for 2 strengths"),
        ({0: GREY}, {"answers": ([["a"]], np.array([[0.5]]))}, "2 pictures of each"),
        ({0: np.zeros((41, 1, 4, 4), np.uint8)}, {}, "41 pictures a strength, and a dial shows 1 to 40"),
    ],
)
def test_what_does_not_fit_together_is_refused(frames, options, why) -> None:
    with pytest.raises(ValueError, match=why):
        shift_dial(frames, **options)
