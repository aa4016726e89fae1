"""Boxes and masks that no image could have are refused by name, and images without objects are not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from course_utils.data.domain import Domain
from course_utils.data.objects import ObjectError, check_objects

N, HEIGHT, WIDTH = 6, 20, 24


def domain(box=None, box_label=None, mask=None, **targets):
    """Six images; the first has two objects, the second one, the others none."""
    good_box, good_label = np.full((N, 2, 4), -1), np.full((N, 2), -1)
    good_box[0], good_label[0] = [[0, 0, 24, 20], [3, 4, 4, 5]], [0, 2]
    good_box[1, 0], good_label[1, 0] = [5, 6, 9, 8], 1
    good_mask = np.zeros((N, HEIGHT, WIDTH), np.uint8)
    good_mask[1, 6:8, 5:9] = 3
    targets = {
        "label": np.zeros(N, np.int64),
        "box": good_box if box is None else box(good_box),
        "box_label": good_label if box_label is None else box_label(good_label),
        "mask": good_mask if mask is None else mask(good_mask),
    } | targets
    return Domain(
        name="shelf",
        images=np.random.default_rng(0).integers(0, 256, (N, 3, HEIGHT, WIDTH)).astype(np.uint8),
        targets={name: values for name, values in targets.items() if values is not None},
        classes=("cup", "jug", "pot"),
        splits={"train": np.arange(4), "validation": np.array([4]), "test": np.array([5])},
        ids=np.arange(N),
        groups=np.arange(N).astype(str),
    )


def at(place, value):
    def changed(array):
        array = array.copy()
        array[place] = value
        return array

    return changed


def test_boxes_up_to_the_border_of_one_pixel_and_images_of_none_are_right():
    right = domain()
    assert check_objects(right) is right
    assert check_objects(domain(box=lambda box: np.where(box < 0, box, box / 1.0)))
    nothing = domain(box=at(..., -1), box_label=at(..., -1), mask=at(..., 0))
    assert check_objects(nothing) is nothing
    alone = domain(box=lambda _: None, box_label=lambda _: None)
    assert check_objects(alone) is alone, "a set may have masks and no boxes"


@pytest.mark.parametrize(
    ("box", "complaint"),
    [
        ([5, 6, 5, 8], "has no area"),
        ([5, 6, 9, 6], "has no area"),
        ([9, 6, 5, 8], "has no area"),
        ([5, 6, 25, 8], "reaches outside its image of 24x20 px"),
        ([5, 6, 9, 21], "reaches outside its image of 24x20 px"),
        ([-1, 6, 9, 8], "reaches outside"),
        ([5, -2, 9, 8], "reaches outside"),
        ([-1, -1, -1, -1], "has no area"),
    ],
)
def test_a_box_outside_its_image_or_without_area_is_refused_by_name(box, complaint):
    with pytest.raises(
        ObjectError, match=rf"^shelf: box 0 of image 1, \({box[0]}, {box[1]}, .* of class 1, {complaint}"
    ):
        check_objects(domain(box=at((1, 0), box)))


def test_a_box_of_no_numbers_is_refused():
    with pytest.raises(ObjectError, match=r"box 1 of image 0, \(nan, 4, 4, 5\) of class 2, has no area"):
        check_objects(domain(box=lambda box: at((0, 1, 0), np.nan)(box.astype(float))))


def test_a_class_that_no_name_has_is_refused():
    with pytest.raises(
        ObjectError, match=r"box 0 of image 1, .* of class 3, has a class outside 0\.\.2 \(1 of 3 boxes"
    ):
        check_objects(domain(box_label=at((1, 0), 3)))
    with pytest.raises(ObjectError, match=r"of class -2, has a class outside"):
        check_objects(domain(box_label=at((1, 0), -2)))


def test_a_box_that_belongs_to_no_object_is_refused():
    with pytest.raises(ObjectError, match="box 0 of image 1, .* of class -1, belongs to no object"):
        check_objects(domain(box_label=at((1, 0), -1)))


def test_boxes_without_classes_or_of_other_counts_are_refused():
    with pytest.raises(ObjectError, match="box or box_label alone"):
        check_objects(domain(box_label=lambda _: None))
    with pytest.raises(ObjectError, match=r"boxes of \(6, 1, 4\) and box_labels of \(6, 2\) for 6 images"):
        check_objects(domain(box=lambda box: box[:, :1]))
    with pytest.raises(ValueError, match="shelf: 5 box for 6 images"):
        domain(box=lambda box: box[:5])


def test_features_have_no_places_for_boxes_and_need_none():
    features = dataclasses.replace(domain(), images=np.random.default_rng(0).random((N, 5)).astype(np.float32))
    with pytest.raises(ObjectError, match="shelf: boxes and masks lie in images"):
        check_objects(features)
    plain = dataclasses.replace(features, targets={"label": features.labels})
    assert check_objects(plain) is plain


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ObjectError, match=r"^shelf: masks of \(6, 10, 24\) for 6 images of 24x20 px"):
        check_objects(domain(mask=lambda mask: mask[:, ::2]))


@pytest.mark.parametrize("unknown", [4, 255])
def test_an_id_that_no_class_has_is_refused_with_its_place(unknown):
    with pytest.raises(
        ObjectError, match=rf"mask of image 2 says {unknown} at column 7, row 11; known are 0 .* 1\.\.3"
    ):
        check_objects(domain(mask=at((2, 11, 7), unknown)))
