"""One walk over all augmentations: what `fit` and a record rely on."""

from __future__ import annotations

import inspect
import pickle

import pytest
import torch

import course_utils as cu
from course_utils.data import augmentations
from course_utils.data.augment import Augment, Augmentation
from course_utils.data.augmentations import Chain, FourierStyle, RandAugment, RandomConvolution, TrivialAugment
from tests.toys import FAST, toy_domain, toy_pair

GREY, COLOUR = (toy_domain("there", shape=(channels, 16, 16), seed=1) for channels in (1, 3))
PAIRS = {channels: toy_pair((channels, 16, 16)) for channels in (1, 3)}


def all_of(channels: int) -> list[Augmentation]:
    style = FourierStyle(PAIRS[channels].target.train, beta=0.2)
    alone = [RandAugment(), TrivialAugment(), RandomConvolution(), style]
    return [*alone, Augment(rotation=20) + RandomConvolution()]


EACH = [
    pytest.param(augment, channels, id=f"{type(augment).__name__}-{channels}")
    for channels in (1, 3)
    for augment in all_of(channels)
]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images_of(channels: int, n: int = 8) -> torch.Tensor:
    return torch.from_numpy({1: GREY, 3: COLOUR}[channels].images[:n].copy())


def test_the_walk_holds_every_augmentation() -> None:
    assert {type(augment).__name__ for augment in all_of(1)} == set(augmentations.__all__)


@pytest.mark.parametrize("byte", [True, False], ids=["uint8", "float"])
@pytest.mark.parametrize(("augment", "channels"), EACH)
def test_any_images_become_floats_in_0_1_of_the_same_shape(augment, channels, byte) -> None:
    images = images_of(channels) if byte else images_of(channels) / 255
    kept = images.clone()
    out = augment(images, seeded())
    assert (out.shape, out.dtype) == (images.shape, torch.float32)
    assert 0 <= out.min() <= out.max() <= 1
    assert torch.equal(images, kept), "the images given are not changed"
    assert not torch.allclose(out, images / 255 if byte else images, atol=0.01)


@pytest.mark.parametrize(("augment", "channels"), EACH)
def test_a_generator_means_the_same_images_and_nothing_else_is_drawn_from(augment, channels) -> None:
    images = images_of(channels)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = augment(images, seeded())
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(augment(images, seeded()), first)
    assert not torch.allclose(augment(images, seeded(1)), first)


@pytest.mark.parametrize(("augment", "channels"), EACH)
def test_a_second_batch_is_drawn_anew(augment, channels) -> None:
    generator, images = seeded(), images_of(channels)
    assert not torch.allclose(augment(images, generator), augment(images, generator))


@pytest.mark.parametrize(("augment", "channels"), EACH)
def test_every_image_has_a_draw_of_its_own(augment, channels) -> None:
    out = augment(images_of(channels, n=1).repeat(16, 1, 1, 1), seeded())
    assert len(out.flatten(1).unique(dim=0)) > 8


@pytest.mark.parametrize(("augment", "channels"), EACH)
def test_it_can_be_pickled_and_is_an_augmentation_with_a_short_name(augment, channels) -> None:
    images = images_of(channels)
    assert torch.equal(pickle.loads(pickle.dumps(augment))(images, seeded()), augment(images, seeded()))
    assert isinstance(augment, Augmentation) and len(repr(augment)) < 200


@pytest.mark.parametrize(
    "kind", [k for k in vars(augmentations).values() if inspect.isclass(k) and k is not TrivialAugment]
)
def test_a_misspelt_setting_is_answered_with_the_nearest_name(kind) -> None:
    option = next(iter(inspect.signature(kind).parameters))
    with pytest.raises(TypeError, match=f"{kind.__name__} has no option '{option}e'. Did you mean '{option}'"):
        kind(**{f"{option}e": 1})


def test_a_chain_is_one_after_the_other_from_one_generator() -> None:
    images, generator = images_of(1), seeded()
    chain = Augment(rotation=20) + RandomConvolution() + RandAugment()
    by_hand = Augment(rotation=20)(images, generator)
    by_hand = RandAugment()(RandomConvolution()(by_hand, generator), generator)
    assert torch.equal(chain(images, seeded()), by_hand)
    assert chain == Chain(Augment(rotation=20) + RandomConvolution(), RandAugment())
    assert repr(RandomConvolution() + RandAugment()) == (
        "RandomConvolution(sizes=(1, 3, 5, 7), strength=1.0) + RandAugment(operations=2, magnitude=9)"
    )


@pytest.mark.parametrize("augment", all_of(1), ids=lambda augment: type(augment).__name__)
def test_fit_trains_with_it_and_a_run_names_it(augment) -> None:
    run, again = (cu.fit(cu.DAN(), PAIRS[1], **FAST | {"augment": augment}) for _ in range(2))
    assert repr(augment) in run.identity
    assert run.history.equals(again.history)
    assert not run.history.equals(cu.fit(cu.DAN(), PAIRS[1], **FAST).history)
