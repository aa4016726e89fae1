import csv
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from torchvision import datasets

from course_utils.data import applied, classes
from course_utils.data.formats import FormatError


def some_images(n, *shape, seed=0):
    return np.random.default_rng(seed).integers(256, size=(n, *shape), dtype=np.uint8)


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def write_signs(folder, training):
    """Two tracks of two images for every sign, and a test image for every third."""
    for label in range(43):
        (folder / training / f"{label:05d}").mkdir(parents=True)
        (folder / training / f"{label:05d}" / f"GT-{label:05d}.csv").write_text("Filename;Width\n")
        for track in range(2):
            for i, image in enumerate(some_images(2, 32, 32, 3, seed=label * 2 + track)):
                save(folder / training / f"{label:05d}" / f"{track:05d}_{i:05d}.ppm", image)
    labels = list(range(42, -1, -3))
    for i, image in enumerate(some_images(len(labels), 32, 32, 3, seed=99)):
        save(folder / "GTSRB" / "Final_Test" / "Images" / f"{i:05d}.ppm", image)
    with (folder / "GT-final_test.csv").open("w", newline="") as file:
        table = csv.writer(file, delimiter=";")
        table.writerow(["Filename", "Width", "Height", "Roi.X1", "Roi.Y1", "Roi.X2", "Roi.Y2", "ClassId"])
        table.writerows([f"{i:05d}.ppm", 32, 32, 0, 0, 31, 31, label] for i, label in enumerate(labels))


@pytest.mark.parametrize("training", ["GTSRB/Training", "GTSRB/Final_Training/Images"])
def test_the_signs_equal_torchvisions_class(tmp_path, training):
    write_signs(tmp_path / "gtsrb", "GTSRB/Training")
    expected = {split: datasets.GTSRB(tmp_path, split=split) for split in ("train", "test")}
    write_signs(tmp_path / "ours", training)
    listing = applied.gtsrb(tmp_path / "ours")
    assert listing.classes == classes.GTSRB
    for split, theirs in expected.items():
        rows = listing.splits[split]
        images, labels = zip(*theirs, strict=True)
        np.testing.assert_array_equal(listing.labels[rows], labels)
        np.testing.assert_array_equal(
            listing.images[rows], np.stack([np.asarray(image).transpose(2, 0, 1) for image in images])
        )


def test_the_images_of_one_track_are_one_group(tmp_path):
    write_signs(tmp_path, "GTSRB/Final_Training/Images")
    listing = applied.gtsrb(tmp_path)
    of_train = listing.groups[listing.splits["train"]]
    assert of_train[:4].tolist() == ["gtsrb:00000:00000"] * 2 + ["gtsrb:00000:00001"] * 2
    assert len(set(of_train)) == 43 * 2
    assert len(set(listing.groups[listing.splits["test"]])) == len(listing.splits["test"])


def test_a_table_of_signs_without_labels_is_refused(tmp_path):
    write_signs(tmp_path, "GTSRB/Training")
    (tmp_path / "GT-final_test.csv").write_text("Filename;Width\n00000.ppm;32\n")
    with pytest.raises(FormatError, match=r"GT-final_test.csv cannot be read as a table with Filename and ClassId"):
        applied.gtsrb(tmp_path)


def test_pathmnist_keeps_its_three_published_parts(tmp_path):
    arrays, expected = {}, {}
    for seed, (split, name) in enumerate({"train": "train", "validation": "val", "test": "test"}.items()):
        images, labels = some_images(9, 28, 28, 3, seed=seed), np.arange(9)[::-1]
        arrays |= {f"{name}_images": images, f"{name}_labels": labels[:, None].astype(np.uint8)}
        expected[split] = images.transpose(0, 3, 1, 2), labels
    np.savez(tmp_path / "pathmnist.npz", **arrays)
    listing = applied.pathmnist(tmp_path)
    for split, (images, labels) in expected.items():
        rows = listing.splits[split]
        np.testing.assert_array_equal(np.asarray(listing.images)[rows], images)
        np.testing.assert_array_equal(listing.labels[rows], labels)


def test_pcam_without_h5py_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(FormatError, match="Install h5py"):
        applied.pcam(tmp_path)


def test_pcam_is_read_slice_by_slice(tmp_path, monkeypatch):
    """An HDF5 data set is an array that is read when it is sliced, which NumPy's maps can stand for here."""

    def opened(path, mode):
        assert mode == "r"
        return {path.stem[-1]: np.load(path, mmap_mode="r")}

    monkeypatch.setitem(sys.modules, "h5py", SimpleNamespace(File=opened))
    expected = {}
    for seed, (split, name) in enumerate({"train": "train", "validation": "valid", "test": "test"}.items()):
        images, labels = some_images(6, 96, 96, 3, seed=seed), np.array([0, 1, 1, 0, 1, 0], np.uint8)
        for part, array in {"x": images, "y": labels.reshape(-1, 1, 1, 1)}.items():
            with (tmp_path / f"camelyonpatch_level_2_split_{name}_{part}.h5").open("wb") as file:
                np.save(file, array)
        expected[split] = images.transpose(0, 3, 1, 2), labels
    listing = applied.pcam(tmp_path)
    assert listing.images.shape == (18, 3, 96, 96)
    for split, (images, labels) in expected.items():
        rows = listing.splits[split]
        np.testing.assert_array_equal(listing.images[rows[0] : rows[-1] + 1], images)
        np.testing.assert_array_equal(listing.labels[rows], labels)


def test_of_the_faces_only_the_seven_people_are_read(tmp_path):
    faces = some_images(7, 128, 128, 3)
    for name, face in zip(classes.LFW, faces, strict=True):
        save(tmp_path / "lfw_funneled" / name / f"{name}_0001.png", face)
    save(tmp_path / "lfw_funneled" / "Somebody_Else" / "Somebody_Else_0001.png", faces[0])
    listing = applied.lfw(tmp_path)
    assert listing.classes == classes.LFW
    np.testing.assert_array_equal(listing.images[:], faces.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(listing.labels, np.arange(7))
