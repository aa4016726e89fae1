"""The knobs of Augment: what the kernel draws, and what a page plays without one."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
import traitlets
from PIL import Image

from course_utils.data.augment import Augment
from course_utils.explore import augmentation
from course_utils.explore.augmentation import LEVELS, MOST
from course_utils.explore.pictures import tiles
from tests.explore.siblings import augmentation as toy
from tests.toys import toy_domain


def by_hand(images: np.ndarray, seed: int = 0, **knobs: float) -> np.ndarray:
    drawn = Augment(**knobs)(torch.tensor(images) / 255, torch.Generator().manual_seed(seed))
    return 255 * drawn.numpy()


def sheet_of(explorer) -> np.ndarray:
    return tiles(np.frombuffer(explorer.sheet, np.uint8), explorer.header["sheet"]).astype(float)


def apart(a: np.ndarray, b: np.ndarray) -> float:
    return np.abs(a - b).mean()


def test_the_kernel_draws_what_augment_draws() -> None:
    explorer = toy()
    images = explorer.arrays["images"]
    assert apart(sheet_of(explorer), by_hand(images, rotation=20)) < 4
    explorer.knobs = {"rotation": 20, "brightness": 0.5}
    assert apart(sheet_of(explorer), by_hand(images, rotation=20, brightness=0.5)) < 4
    assert apart(sheet_of(explorer), by_hand(images, rotation=20)) > 8, "and the comparison can tell the two apart"
    explorer.seed = 1
    assert apart(sheet_of(explorer), by_hand(images, seed=1, rotation=20, brightness=0.5)) < 4


def test_a_turn_is_answered_by_one_message_that_says_what_it_shows(monkeypatch) -> None:
    explorer, sent = toy(), []
    monkeypatch.setattr(explorer.comm, "send", lambda data, buffers: sent.append(data))
    explorer.knobs = {"scale": 0.2}
    pictures = [message["state"]["rendered"] for message in sent if ["sheet"] in message["buffer_paths"]]
    assert pictures == [{"scale": 0.2, "seed": 0}]


def test_the_page_has_a_sheet_for_every_step_of_every_knob() -> None:
    explorer = toy()
    frames = tiles(explorer.arrays["frames"], explorer.header["frames"]).astype(float)
    frames = frames.reshape(1 + len(MOST) * LEVELS, 6, 1, 16, 16)
    images = explorer.arrays["images"]
    assert apart(frames[0], images) < 4
    for i, (name, most) in enumerate(MOST.items()):
        for step in range(1, LEVELS + 1):
            wanted = by_hand(images, **{name: most * step / LEVELS})
            assert apart(frames[i * LEVELS + step], wanted) < 5, f"{name}, step {step}"


def test_the_knobs_become_a_transform_to_train_with() -> None:
    explorer = toy()
    explorer.knobs = {"crop": 0.2}
    assert explorer.augment == Augment(crop=0.2)


def test_images_are_taken_across_the_classes_of_the_training_part() -> None:
    domain = toy_domain()
    train = domain.images[domain.splits["train"]]
    shown = augmentation(domain, count=6).arrays["images"]
    np.testing.assert_array_equal(shown, train[[0, 6, 12, 18, 24, 30]])


def test_a_knob_that_augment_has_not_is_refused_with_the_nearest() -> None:
    explorer = toy()
    with pytest.raises(traitlets.TraitError, match=r"no option 'rotaton'. Did you mean 'rotation'"):
        explorer.knobs = {"rotaton": 3}
    with pytest.raises(traitlets.TraitError, match="expected a number from 0 to 180"):
        explorer.knobs = {"rotation": 900}
    assert explorer.knobs == {"rotation": 20}
    with pytest.raises(ValueError, match=r"covers has no knob 'color'. Did you mean 'colour'"):
        augmentation(toy_domain(), {"color": "ink"})


def test_no_image_is_said_and_features_are_refused() -> None:
    assert "no image" in augmentation(np.zeros((0, 1, 8, 8), np.uint8)).message
    with pytest.raises(ValueError, match="show the domain's `pictures`"):
        augmentation(toy_domain(shape=(5,)))


def test_the_live_sheet_is_a_jpeg_of_all_images() -> None:
    explorer = toy()
    index = explorer.header["sheet"]
    picture = Image.open(io.BytesIO(explorer.sheet))
    assert picture.format == "JPEG" and picture.width == index["columns"] * index["across"]
