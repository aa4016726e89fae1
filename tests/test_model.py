"""What is kept of a run: the same answers in another process, and a clear no to any other file."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import course_utils as cu
from course_utils.model import Model, ModelFileError
from tests.toys import FAST, feature_pair, toy_pair


@pytest.fixture(scope="module")
def run() -> cu.training.Run:
    return cu.fit(cu.DANN(), toy_pair(), **FAST)


ELSEWHERE = """
import json, sys, numpy, course_utils as cu
images = numpy.load(sys.argv[2])
print(json.dumps(cu.load(sys.argv[1]).predict(images).to_dict("list")))
"""


def test_a_kept_model_answers_in_another_process_as_the_exam_did(run, tmp_path) -> None:
    file, test = run.save(tmp_path / "mine.safetensors"), run.pair.target.test
    np.save(tmp_path / "images.npy", test.images)
    asked = [sys.executable, "-c", ELSEWHERE, str(file), str(tmp_path / "images.npy")]
    answer = json.loads(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)
    logits = torch.from_numpy(run.evaluations[-1]["target_logits"])
    confidence, best = logits.softmax(1).max(1)
    assert answer["class"] == [run.pair.classes[i] for i in best]
    np.testing.assert_allclose(answer["confidence"], confidence, atol=1e-5)


def test_the_card_says_how_the_model_was_made(run, tmp_path) -> None:
    card = cu.load(run.save(tmp_path / "mine")).card
    assert (
        card["pair"] == "here -> there" and card["strategy"].startswith("DANN(") and card["target labels"] == "0 read"
    )
    assert card["target accuracy"] == pytest.approx(run.exam().loc["last", "target"], abs=1e-4)


def test_pixels_may_come_as_bytes_or_as_numbers_up_to_one(run) -> None:
    images = run.pair.target.test.images[:5]
    by_bytes, by_numbers = run.predict(images), run.predict(torch.from_numpy(images) / 255)
    assert by_bytes["class"].equals(by_numbers["class"])


def test_a_folder_gives_one_row_a_file_and_says_which_are_no_images(run, tmp_path) -> None:
    images = run.pair.target.test.images[:3]
    for i, image in enumerate(images):
        Image.fromarray(image[0]).save(tmp_path / f"{i}.png")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "notes.png").write_text("no picture")
    (tmp_path / ".DS_Store").write_text("x")
    found = run.predict(tmp_path)
    assert list(found.index) == ["0.png", "1.png", "2.png", "deeper/notes.png"]
    assert list(found["class"][:3]) == list(run.predict(images)["class"])
    assert (
        found.loc["deeper/notes.png", "class"] is np.nan and "not an image" in found.loc["deeper/notes.png", "problem"]
    )
    one = run.predict(tmp_path / "1.png")
    assert list(one.index) == ["1.png"]
    assert list(one["class"]) == [found.loc["1.png", "class"]]


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (np.zeros((2, 3, 16, 16), np.uint8), r"shape \(2, 3, 16, 16\); this model takes \(n, 1, 16, 16\)"),
        (np.zeros((0, 1, 16, 16), np.uint8), "n > 0"),
        (np.full((2, 1, 16, 16), 7.0), r"run from 7 to 7; expected uint8, or numbers in \[0, 1\]"),
    ],
)
def test_other_images_than_it_was_trained_on_are_refused(run, images, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        run.predict(images)


def test_a_path_with_nothing_to_look_at_is_refused(run, tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="empty"):
        run.predict(tmp_path)
    with pytest.raises(FileNotFoundError, match="not there"):
        run.predict(tmp_path / "nowhere")


def test_a_model_of_features_takes_features_and_no_files(tmp_path) -> None:
    run = cu.fit(cu.SourceOnly(), feature_pair(), **FAST)
    model = cu.load(run.save(tmp_path / "mine"))
    assert len(model.predict(run.pair.target.test.images)) == len(run.pair.target.test)
    with pytest.raises(ValueError, match=r"5 cached features an image.*cu.extract"):
        model.predict(tmp_path)


def test_a_net_made_by_hand_is_not_kept(run, tmp_path) -> None:
    net = cu.nets.Net(torch.nn.Flatten(), torch.nn.Identity(), torch.nn.Linear(4, 2), 4, ("a", "b"))
    with pytest.raises(ValueError, match=r"by hand.*@nets.maker"):
        Model(net, (1, 2, 2), {}).save(tmp_path / "mine")


# -- files that are no model -------------------------------------------------------------------------------------------


def test_a_file_that_is_cut_off_is_refused(run, tmp_path) -> None:
    file = run.save(tmp_path / "mine")
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ModelFileError, match="not a whole file"):
        cu.load(file)


def test_a_pickle_is_not_opened(tmp_path) -> None:
    torch.save({"weights": torch.zeros(3)}, tmp_path / "mine.pt")
    with pytest.raises(ModelFileError, match="not a whole file"):
        cu.load(tmp_path / "mine.pt")


def test_weights_of_somebody_else_are_refused(tmp_path) -> None:
    save_file({"weight": torch.zeros(3)}, tmp_path / "theirs")
    with pytest.raises(ModelFileError, match=r"run.save\(\) did not write it"):
        cu.load(tmp_path / "theirs")


def test_weights_of_another_architecture_are_refused(run, tmp_path) -> None:
    model = run.model
    model.net.recipe = cu.nets.small_cnn(1, run.pair.classes, 16, backbone="deep").recipe
    with pytest.raises(ModelFileError, match="another architecture than small_cnn makes"):
        cu.load(model.save(tmp_path / "mixed"))
