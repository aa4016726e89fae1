"""Domains that no lesson could use are refused, and target labels stay sealed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

import course_utils as cu
from course_utils.data import catalog, store
from course_utils.data.catalog import UnknownPairError
from course_utils.data.domain import SealedLabelsError
from course_utils.data.objects import ABSENT, check_objects
from course_utils.data.pair import PairError, pair
from course_utils.data.rows import PairRow
from tests.tasks.scenes import scene_domain
from tests.toys import CLASSES, feature_pair, toy_domain, toy_pair


def changed(**fields: object) -> cu.Domain:
    return dataclasses.replace(toy_domain(), **fields)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"images": np.zeros((0, 1, 8, 8), np.uint8)}, r"shape \(0, 1, 8, 8\); expected"),
        ({"images": np.zeros((60, 8, 8), np.uint8)}, r"shape \(60, 8, 8\); expected"),
        ({"images": np.full((60, 1, 8, 8), 7, np.uint8)}, "every pixel has the value 7"),
        ({"images": np.zeros((60, 1, 8, 8), np.float32)}, "images are float32; expected uint8"),
        ({"targets": {"label": np.full(60, 3)}}, r"label 3 is outside 0\.\.2 \(60 of 60"),
        ({"targets": {"label": np.full(60, -1)}}, "label -1 is outside"),
        ({"targets": {"label": np.zeros(59, np.int64)}}, "59 label for 60 images"),
        ({"targets": {"label": np.zeros(60)}}, "labels are float64; expected whole numbers, 0 for 'zero'"),
        ({"targets": {"label": np.full(60, "zero")}}, "labels are <U4; expected whole numbers"),
        ({"targets": {"label": np.zeros(60, np.int64), "mask": np.zeros((5, 16, 16))}}, "5 mask for 60 images"),
        ({"targets": {"class": np.zeros(60, np.int64)}}, "targets lack 'label'"),
        ({"splits": {"train": np.arange(60)}}, "splits lack validation, test"),
        ({"images": np.zeros((60, 8, 8, 3), np.uint8)}, r"channels last; expected \(N, C, H, W\)"),
        ({"classes": ()}, r"classes are \(\); expected a tuple of names"),
        ({"images": np.full((60, 5), np.nan, np.float32)}, "features hold NaN"),
        ({"ids": np.arange(3)}, "3 ids for 60 images"),
        (
            {"splits": {"train": np.arange(60), "validation": np.arange(3), "test": np.arange(0)}},
            "exactly once",
        ),
    ],
)
def test_an_unusable_domain_is_refused_by_name(fields: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"toy: .*{sentence}"):
        changed(**fields)


def test_a_picture_three_pixels_wide_is_not_taken_for_channels() -> None:
    assert changed(images=np.arange(60 * 3 * 8 * 3, dtype=np.uint8).reshape(60, 3, 8, 3)).images.shape == (60, 3, 8, 3)


def test_a_set_whose_first_images_are_constant_is_not_refused() -> None:
    images = np.zeros((600, 1, 4, 4), np.uint8)
    images[-1] = 9
    domain = toy_domain(n=600)
    assert len(dataclasses.replace(domain, images=images)) == 600


@pytest.mark.parametrize("split", ["train", "validation"])
def test_reading_sealed_labels_raises_an_error_that_teaches(split: str) -> None:
    part = getattr(feature_pair().target, split)
    with pytest.raises(SealedLabelsError, match=r"(?s)sealed.*nobody has labelled.*shots=k.*unseal"):
        _ = part.labels
    assert len(part.images) == len(part) and "sealed" in repr(part)


def test_the_source_and_the_targets_test_part_are_open() -> None:
    p = feature_pair()
    for part in (p.source.train, p.source.validation, p.source.test, p.target.test):
        assert set(part.labels) <= {0, 1, 2}


def test_unsealing_needs_a_reason_and_carries_it() -> None:
    p = feature_pair()
    with pytest.raises(ValueError, match="Say why"):
        p.unseal(" ")
    opened = p.unseal("to draw the oracle row")
    assert opened.unsealed == "to draw the oracle row" and len(opened.target.train.labels) == len(p.target.train)
    with pytest.raises(SealedLabelsError):
        _ = p.target.train.labels


def test_k_shots_open_k_labels_a_class_out_of_the_training_part() -> None:
    domains = toy_domain(shape=(5,)), toy_domain("there", 75, (5,), seed=1)
    p = pair(domains, shots=4)
    assert np.bincount(p.target.shots.labels).tolist() == [4, 4, 4]
    assert set(p.target.shots.ids) <= set(p.target.train.ids)
    again, other = pair(domains, shots=4), pair(domains, shots=4, seed=1)
    assert np.array_equal(p.target.shots.ids, again.target.shots.ids)
    assert not np.array_equal(p.target.shots.ids, other.target.shots.ids)
    with pytest.raises(ValueError, match="not 100"):
        pair(domains, shots=100)


def test_no_original_stands_on_both_sides() -> None:
    """The larger side gives the shared ones up, whichever side it is."""
    large, small = toy_domain(n=75, shape=(5,)), toy_domain("there", 60, (5,), seed=1)
    groups = small.groups.copy()
    groups[:10] = large.groups[:10]
    small = dataclasses.replace(small, groups=groups)
    for p in (pair((large, small)), pair((small, large))):
        kept = p.source.domain if p.source.domain.name == "toy" else p.target.domain
        assert len(kept) == 65 and not set(kept.groups) & set(groups)
        assert np.array_equal(kept.labels, large.labels[kept.ids]), "labels follow their images"
        assert np.array_equal(kept.images, large.images[kept.ids])
        assert sorted(np.concatenate(list(kept.splits.values()))) == list(range(65))
        for split in kept.splits:
            assert set(kept.ids[kept.splits[split]]) <= set(large.splits[split]), "nobody changes splits"


def test_a_source_without_any_original_of_its_own_is_refused() -> None:
    source = toy_domain(shape=(5,))
    with pytest.raises(PairError, match="nothing is left"):
        pair((source, dataclasses.replace(source, name="there")))


def test_classes_that_do_not_match_are_refused_with_the_list() -> None:
    other = dataclasses.replace(toy_domain("there"), classes=("zero", "one", "three"))
    with pytest.raises(PairError, match=r"only in 'toy': two; only in 'there': three"):
        pair((toy_domain(), other))
    turned = dataclasses.replace(toy_domain("there"), classes=CLASSES[::-1])
    with pytest.raises(PairError, match="the order differs"):
        pair((toy_domain(), turned))


def test_sizes_that_do_not_match_are_refused() -> None:
    with pytest.raises(PairError, match="one size"):
        pair((toy_domain(), toy_domain("there", shape=(1, 20, 20))))


def test_grey_is_repeated_to_three_channels_where_the_other_side_has_colour() -> None:
    p = pair((toy_domain(), toy_domain("there", shape=(3, 16, 16))))
    images = p.source.train.images
    assert images.shape[1] == 3 and (images == images[:, :1]).all()


@pytest.mark.parametrize("size", [9, 16, 40])
def test_boxes_and_masks_go_where_torchvision_takes_those_of_each_image(monkeypatch, size: int) -> None:
    scenes = {"here": scene_domain("here"), "there": scene_domain("there", seed=1)}
    monkeypatch.setitem(catalog.PAIRS, "here -> there", PairRow("here", "there", size=size, channels=1))
    monkeypatch.setattr(store, "domain", scenes.get)
    domain = cu.pair("here -> there").target.domain
    assert check_objects(domain).images.shape == (40, 1, size, size)
    for i, box in enumerate(scenes["there"].targets["box"]):
        boxes = tv_tensors.BoundingBoxes(box[:1], format="XYXY", canvas_size=(16, 16), dtype=torch.float32)
        mask = tv_tensors.Mask(torch.from_numpy(scenes["there"].targets["mask"][i]))
        boxes, mask = v2.Resize((size, size))(boxes, mask)
        np.testing.assert_allclose(domain.targets["box"][i], [*boxes.tolist(), [ABSENT] * 4])
        np.testing.assert_array_equal(domain.targets["mask"][i], mask)
        bright = domain.images[i, 0] > 150  # found among the pixels, which OpenCV scaled
        if size == 40:
            rows, columns = bright.nonzero()
            around = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
            np.testing.assert_allclose(domain.targets["box"][i, 0], around, atol=1.5)
    assert np.array_equal(domain.targets["box_label"], scenes["there"].targets["box_label"])


def test_boxes_and_masks_keep_their_images_where_originals_are_left_out() -> None:
    here, there = scene_domain("here"), scene_domain("there", seed=1)
    groups = there.groups.copy()
    groups[:5] = here.groups[3:8]
    kept = pair((here, dataclasses.replace(there, groups=groups))).source.domain
    rest = np.delete(np.arange(40), np.arange(3, 8))
    for name, values in kept.targets.items():
        assert np.array_equal(values, here.targets[name][rest])


def test_a_pair_of_fewer_classes_refuses_boxes_and_masks_that_it_would_lose(monkeypatch) -> None:
    row = PairRow("here", "there", size=16, channels=1, classes=("large",))
    monkeypatch.setitem(catalog.PAIRS, "here -> there", row)
    monkeypatch.setattr(store, "domain", scene_domain)
    with pytest.raises(PairError, match="'here' holds box, box_label, mask, and an image"):
        cu.pair("here -> there")


def test_an_unknown_pair_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownPairError, match="mnist-5k -> mnist-m-5k"):
        cu.pair("mnist-5k -> mnist-m")


def test_the_catalogs_pair_brings_both_sides_to_one_shape_and_class_list() -> None:
    p = cu.pair("glyphs -> optdigits")
    assert p.classes == tuple("0123456789") == p.source.domain.classes
    assert p.source.train.images.shape[1:] == p.target.train.images.shape[1:] == (1, 28, 28)
    assert set(p.source.train.labels) == set(range(10))


def test_mnist_m_never_shows_a_digit_that_the_source_has() -> None:
    p = cu.pair("mnist-5k -> mnist-m-5k")
    source, target = (set(side.domain.groups) for side in (p.source, p.target))
    assert len(source) == len(target) == 2500 and not source & target


def test_the_probe_is_the_same_in_every_run() -> None:
    first, again = toy_pair().probe(5), toy_pair().probe(5)
    for a, b in zip(first, again, strict=True):
        assert len(a) == 5 and np.array_equal(a.ids, b.ids) and a.split == "test"


def test_representations_say_what_a_person_needs() -> None:
    assert repr(toy_domain()) == "Domain('toy', 60 of 1x16x16, 3 classes)"
    assert "36 labelled source and 45 unlabelled target images" in repr(toy_pair())
    assert "36 labelled source and 9 labelled of 45 target images" in repr(toy_pair(shots=3))
    assert "36 labelled source and 45 labelled target images" in repr(toy_pair().unseal("to see"))
