"""Folders are found and read as a set's publisher laid them, and the parts that nobody published are drawn fairly."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from course_utils.data.alone import OriginalError
from course_utils.data.domain import SPLITS
from course_utils.data.images import UnreadableImageError
from course_utils.data.listing import FolderError, class_folders, completed_splits, find_root, is_bookkeeping

SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}


def fill(root: Path, **classes: int) -> Path:
    """One folder a class, with so many 4 px images, each of its own grey."""
    for number, (name, count) in enumerate(classes.items()):
        (root / name).mkdir(parents=True)
        for i in range(count):
            Image.new("RGB", (4, 4), (20 * number, i, 0)).save(root / name / f"{i}.png")
    return root


# One folder per class


def test_class_folders_give_what_torchvisions_image_folder_gives(tmp_path: Path) -> None:
    from torchvision.datasets import ImageFolder

    listing = class_folders(fill(tmp_path, dog=12, cat=3, Zebra=2), size=4)
    expected = ImageFolder(tmp_path)
    assert [str(path) for path in listing.images.paths] == [path for path, _ in expected.samples]
    assert listing.labels.tolist() == expected.targets and list(listing.classes) == expected.classes
    np.testing.assert_array_equal(listing.images[:], [np.asarray(image).transpose(2, 0, 1) for image, _ in expected])


def test_named_classes_keep_their_order_and_leave_others_out(tmp_path: Path) -> None:
    listing = class_folders(fill(tmp_path, cat=2, dog=3, owl=4), ["owl", "cat"], channels=1, size=4)
    assert listing.classes == ("owl", "cat") and listing.labels.tolist() == [0] * 4 + [1] * 2
    assert listing.images.shape == (6, 1, 4, 4) and listing.images.paths[-1] == tmp_path / "cat" / "1.png"


def test_what_the_system_leaves_beside_images_is_neither_class_nor_image(tmp_path: Path) -> None:
    fill(tmp_path, cat=1, __MACOSX=1, **{".ipynb_checkpoints": 1})
    for name in (".DS_Store", "._0.png", "Thumbs.db", "desktop.ini"):
        (tmp_path / "cat" / name).write_bytes(b"?")
    listing = class_folders(tmp_path, size=4)
    assert listing.classes == ("cat",) and listing.images.paths == (tmp_path / "cat" / "0.png",)
    assert not is_bookkeeping(tmp_path / "thumbs.png")


def test_what_is_no_image_is_listed_and_told_when_it_is_read(tmp_path: Path) -> None:
    fill(tmp_path, cat=1)
    (tmp_path / "cat" / "deeper").mkdir()
    (tmp_path / "cat" / "notes.txt").write_text("about cats")
    files = class_folders(tmp_path, size=4).images
    assert [path.name for path in files.paths] == ["0.png", "deeper", "notes.txt"]
    _, reasons = files.read(0, 3)
    assert reasons[1].startswith("is a folder") and reasons[2].startswith("is not an image")
    with pytest.raises(UnreadableImageError, match="deeper: is a folder"):
        _ = files[:]


def test_missing_and_empty_class_folders_are_refused_with_the_list(tmp_path: Path) -> None:
    fill(tmp_path, cat=1, dog=0, owl=0)
    with pytest.raises(FolderError, match=r"no folder for 2 of its 3 classes: cow, hen.*Its folders are cat, dog, owl"):
        class_folders(tmp_path, ["cat", "cow", "hen"], size=4)
    with pytest.raises(FolderError, match="nothing in the folders dog, owl"):
        class_folders(tmp_path, size=4)
    with pytest.raises(FolderError, match="has no folders in it"):
        class_folders(tmp_path / "cat", size=4)
    with pytest.raises(OriginalError, match=r"gone cannot be looked into: No such file"):
        class_folders(tmp_path / "gone", size=4)


# The folder that is meant


@pytest.mark.parametrize("inside", [".", "PACS", "a/b/c/PACS"])
def test_the_root_is_found_at_or_below_the_folder(tmp_path: Path, inside: str) -> None:
    root = fill(tmp_path / inside, photo=0, sketch=0, extra=0)
    fill(tmp_path / "__MACOSX" / inside, photo=0, sketch=0)
    fill(root / "photo", photo=0, sketch=0)
    assert find_root(tmp_path, ["sketch", "photo"]) == root


def test_no_root_is_refused_with_the_nearest(tmp_path: Path) -> None:
    fill(tmp_path / "half", photo=0)
    fill(tmp_path / "too" / "far" / "down" / "to" / "look", photo=0, sketch=0)
    with pytest.raises(FolderError, match=r"has the folders photo, sketch\. The nearest is .*half, which lacks sketch"):
        find_root(tmp_path, ["photo", "sketch"])
    file = tmp_path / "file"
    file.write_text("not a folder")
    with pytest.raises(FolderError, match="cannot be looked into: Not a directory"):
        find_root(file, ["photo"])


def test_several_roots_are_refused_by_name(tmp_path: Path) -> None:
    for copy in ("PACS", "PACS-old"):
        fill(tmp_path / copy, photo=0, sketch=0)
    with pytest.raises(FolderError, match=r"2 folders below .*PACS, .*PACS-old\. Name the one"):
        find_root(tmp_path, ["photo", "sketch"])


def test_a_link_back_up_is_not_followed(tmp_path: Path) -> None:
    root = fill(tmp_path / "set", photo=0, sketch=0)
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    assert find_root(tmp_path, ["photo", "sketch"]) == root


def test_a_name_that_is_not_utf8_can_be_told(tmp_path: Path) -> None:
    os.mkdir(os.path.join(os.fsencode(tmp_path), b"\xff"))
    with pytest.raises(FolderError) as caught:
        class_folders(tmp_path, ["cat"], size=4)
    assert str(caught.value).encode()


# Train, validation and test


labelled = st.lists(st.integers(0, 4), min_size=20, max_size=200).map(np.array)


@given(labelled, st.integers(0, 3), st.data())
def test_parts_cover_all_images_and_keep_groups_and_published_parts(
    labels: np.ndarray, seed: int, data: st.DataObject
) -> None:
    n = len(labels)
    groups = np.array(data.draw(st.lists(st.integers(0, n // 2), min_size=n, max_size=n)))
    of_test = groups % 5 == 0
    assume(not of_test.all())
    published = data.draw(
        st.sampled_from(
            [
                {},
                {"test": np.flatnonzero(of_test)},
                {"train": np.flatnonzero(~of_test), "test": np.flatnonzero(of_test)},
                {"train": np.flatnonzero(~of_test), "validation": np.flatnonzero(of_test)},
            ]
        )
    )
    splits = completed_splits(labels, published, seed, groups)
    assert list(splits) == list(SPLITS)
    np.testing.assert_array_equal(np.sort(np.concatenate(list(splits.values()))), np.arange(n))
    homes = [set(groups[rows]) for rows in splits.values()]
    assert sum(map(len, homes)) == len(set.union(*homes)), "a group stands in two parts"
    for split in published.keys() - {"train"}:
        np.testing.assert_array_equal(splits[split], published[split])
    if "train" in published:
        assert set(splits["train"]) <= set(published["train"])


@given(labelled, st.integers(0, 3))
def test_nothing_published_gives_70_10_20_of_all_and_of_every_class(labels: np.ndarray, seed: int) -> None:
    splits = completed_splits(labels, {}, seed)
    for split, share in SHARES.items():
        assert abs(len(splits[split]) - share * len(labels)) <= 1
        for label in np.unique(labels):
            assert abs((labels[splits[split]] == label).sum() - share * (labels == label).sum()) < 2


@given(st.integers(1, 40), st.integers(1, 40))
def test_an_eighth_of_a_published_train_part_validates(n: int, m: int) -> None:
    labels = np.tile([0, 1, 2], n + m)
    splits = completed_splits(labels, {"train": np.arange(3 * n), "test": np.arange(3 * n, 3 * (n + m))}, seed=0)
    assert abs(len(splits["validation"]) - 3 * n / 8) <= 1
    assert np.ptp(np.bincount(labels[splits["validation"]], minlength=3)) <= 1


def test_large_groups_still_come_near_the_shares() -> None:
    """As in GTSRB: tracks of 30 frames, 20 tracks a class."""
    groups = np.arange(3000) // 30
    splits = completed_splits(groups // 20, {}, 0, groups)
    assert {split: len(rows) for split, rows in splits.items()} == {"train": 2100, "validation": 300, "test": 600}


def test_the_seed_decides_and_only_the_seed() -> None:
    labels = np.arange(100) % 3
    first, again, other = (completed_splits(labels, {}, seed)["train"] for seed in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    of_names = completed_splits(labels, {}, 0, np.array([f"original {i:03}" for i in range(100)]))
    assert np.array_equal(of_names["train"], first), "a group of one is no group"


@pytest.mark.parametrize(
    ("published", "groups", "sentence"),
    [
        ({"train": range(5), "test": range(4, 10)}, None, "1 images stand in two published parts"),
        ({"train": range(5), "test": range(6, 10)}, None, "1 of 10 images stand in no part"),
        ({"test": range(10)}, None, "0 in train"),
        ({"training": range(10)}, None, "called 'training'; expected train, validation, test"),
        ({"train": range(5), "test": range(5, 10)}, [*range(9), 0], "1 originals stand in two published parts"),
    ],
)
def test_published_parts_that_cannot_be_are_refused(published: dict, groups: list | None, sentence: str) -> None:
    parts = {split: np.array(rows) for split, rows in published.items()}
    with pytest.raises(ValueError, match=sentence):
        completed_splits(np.zeros(10, np.int64), parts, 0, None if groups is None else np.array(groups))
