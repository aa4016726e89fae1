"""Nine faults: each is open in the naive pipeline, right once repaired, and named when the repair is half."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold, train_test_split

from course_utils import faults
from course_utils.data.images import read_image
from course_utils.exercise import Exercise

IMAGENET = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def naive_preprocess(path, size=96):
    image = cv2.imread(path)
    image = cv2.resize(image, (size, size))
    mean, std = IMAGENET
    return ((image / 255 - mean) / std).transpose(2, 0, 1)


def naive_load(folder, preprocess_image):
    dataset = []
    for name in os.listdir(folder):
        dataset.append(preprocess_image(os.path.join(folder, name)))
    return np.array(dataset)


def naive_split(paths, labels, test_size=0.2):
    np.random.default_rng().shuffle(paths)
    cut = int(len(paths) * (1 - test_size))
    return paths[:cut], labels[:cut], paths[cut:], labels[cut:]


def whole_preprocess(path):
    return (read_image(path, size=96) / 255 - 0.5) / 0.5


def whole_load(folder, preprocess_image):
    paths = [path for path in sorted(Path(folder).iterdir()) if path.suffix.lower() in (".png", ".jpg")]
    return paths, [path.name.split("-")[0] for path in paths]


def parts(paths, labels, train, test):
    return paths[train], labels[train], paths[test], labels[test]


def scenes(paths):
    return [path.rsplit("-", 1)[0] for path in paths]


def whole_split(paths, labels):
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0).split(paths, labels, scenes(paths))
    return parts(paths, labels, *next(folds))


WITNESSES = {
    "02-f1": (faults.of_a_web_page, naive_preprocess, whole_preprocess),
    "02-f2": (faults.of_a_red_square, naive_preprocess, whole_preprocess),
    "02-f3": (faults.of_a_tall_picture, naive_preprocess, whole_preprocess),
    "02-f4": (faults.of_black_and_white, naive_preprocess, whole_preprocess),
    "02-f5": (faults.of_a_tidy_folder, naive_load, whole_load),
    "02-f6": (faults.of_a_real_folder, naive_load, whole_load),
    "02-f7": (faults.of_a_large_folder, naive_load, whole_load),
    "02-f8": (faults.of_names_and_labels, naive_split, whole_split),
    "02-f9": (faults.of_forty_scenes, naive_split, whole_split),
}


@pytest.mark.parametrize("id", faults.VERDICTS)
def test_a_fault_is_open_in_the_naive_pipeline_and_right_once_repaired(id):
    witness, naive, whole = WITNESSES[id]
    verdicts = faults.VERDICTS[id]
    assert witness(naive) is ...
    assert witness(whole) == next(iter(verdicts))
    exercise = Exercise(id, next(iter(verdicts)), verdicts)
    assert exercise.judge(witness(naive)).state == "open"
    assert exercise.judge(witness(whole)).text == f"{id}: right. {next(iter(verdicts.values()))}"


def opened(path):
    image = cv2.imread(path)
    assert image is not None, "no image"
    return image


def refused_in_silence(path):
    image = cv2.imread(path)
    return None if image is None else naive_preprocess(path)


def refused_as_the_wrong_type(path):
    if cv2.imread(path) is None:
        raise TypeError(f"{path} is not an image")


def with_pixels(change):
    return lambda path: change(opened(path)).transpose(2, 0, 1)


def middle(image):
    edge = min(image.shape[:2])
    top, left = (image.shape[0] - edge) // 2, (image.shape[1] - edge) // 2
    return image[top : top + edge, left : left + edge]


def small(image, interpolation=cv2.INTER_AREA):
    return cv2.resize(image, (96, 96), interpolation=interpolation)


@pytest.mark.parametrize(
    ("witness", "half", "word"),
    [
        (faults.of_a_web_page, opened, "nameless"),
        (faults.of_a_web_page, refused_in_silence, "silent"),
        (faults.of_a_web_page, refused_as_the_wrong_type, "named"),
        (faults.of_a_red_square, with_pixels(lambda i: np.stack([small(i).mean(2)] * 3, 2)), "grey"),
        (faults.of_a_tall_picture, with_pixels(lambda i: small(middle(i), cv2.INTER_LINEAR)), "whole"),
        (faults.of_a_tall_picture, with_pixels(small), "smooth"),
        (faults.of_black_and_white, with_pixels(lambda i: small(i) / 255), "0 to 1"),
        (faults.of_black_and_white, with_pixels(small), "0 to 255"),
        (faults.of_black_and_white, with_pixels(lambda i: (small(i) / 255 - 0.75) / 0.25), "-3 to 1"),
        (faults.of_black_and_white, with_pixels(lambda i: small(i) / 128), "other"),
        (faults.of_a_tidy_folder, lambda f, p: (whole_load(f, p)[0], whole_load(f, p)[1][1:]), "too few"),
        (faults.of_a_tidy_folder, lambda f, p: (whole_load(f, p)[0], whole_load(f, p)[1][::-1]), "another's"),
        (faults.of_a_tidy_folder, lambda f, p: (naive_load(f, p), [n[:4] for n in os.listdir(f)]), "their own"),
        (faults.of_a_tidy_folder, lambda f, p: list(zip(*whole_load(f, p), strict=True)), "no labels"),
        (faults.of_a_real_folder, lambda f, p: (sorted(Path(f).glob("*.png")), []), "some"),
        (faults.of_a_real_folder, lambda f, p: ([x for x in Path(f).iterdir() if x.suffix != ".txt"], []), "left in"),
        (faults.of_a_large_folder, lambda f, p: (naive_load(f, p), []), "an array"),
        (faults.of_a_large_folder, lambda f, p: [p(path) for path in Path(f).iterdir()], "a list"),
        (faults.of_a_large_folder, lambda f, p: (map(p, sorted(Path(f).iterdir())), []), "later"),
    ],
)
def test_half_a_repair_is_told_what_is_missing(witness, half, word):
    assert witness(half) == word
    assert any(word in verdicts for verdicts in faults.VERDICTS.values())


def test_padding_instead_of_cropping_keeps_shapes_too():
    def padded(path):
        image = opened(path)
        edge = max(image.shape[:2])
        sides = [((edge - length) // 2, edge - length - (edge - length) // 2) for length in image.shape[:2]]
        return small(np.pad(image, (*sides, (0, 0)))).transpose(2, 0, 1)

    assert faults.of_a_tall_picture(padded) == "whole and smooth"


def test_labels_may_be_numbers_and_pictures_may_decode_when_asked():
    def lazy(folder, preprocess_image):
        paths, labels = whole_load(folder, preprocess_image)
        return map(preprocess_image, paths), [{"lake": 0, "tower": 1}[label] for label in labels]

    assert faults.of_a_tidy_folder(lazy) == "their own"
    assert faults.of_a_large_folder(lazy) == "later"
    assert faults.of_a_real_folder(lazy) == "pictures"


def by_picture(paths, labels):
    return parts(
        paths, labels, *train_test_split(np.arange(len(paths)), test_size=0.2, stratify=labels, random_state=0)
    )


def by_scene(paths, labels):
    split = GroupShuffleSplit(1, test_size=0.2, random_state=0).split(paths, labels, scenes(paths))
    return parts(paths, labels, *next(split))


def in_place(paths, labels):
    order = np.random.default_rng(0).permutation(len(paths))
    paths[:], labels[:] = paths[order], labels[order]
    return parts(paths, labels, slice(None, -27), slice(-27, None))


@pytest.mark.parametrize(
    ("witness", "half", "word"),
    [
        (faults.of_names_and_labels, by_picture, "together"),
        (faults.of_names_and_labels, in_place, "reordered"),
        (faults.of_names_and_labels, lambda p, y: parts(p, y, slice(9, None), slice(0, 5)), "lost"),
        (faults.of_names_and_labels, lambda p, y: train_test_split(p, y, test_size=0.2, random_state=0), "order"),
        (faults.of_forty_scenes, lambda p, y: parts(p, y, slice(None, -28), slice(-28, None)), "torn"),
        (faults.of_forty_scenes, by_picture, "balanced"),
        (faults.of_forty_scenes, by_scene, "whole"),
    ],
)
def test_half_a_split_is_told_what_is_missing(witness, half, word):
    assert witness(half) == word


def test_a_picture_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"shape \(96, 96, 3\); \(3, 96, 96\) is wanted"):
        faults.of_a_red_square(lambda path: small(opened(path)))
