import bz2
import gzip
import shutil
import struct

import numpy as np
import pytest
from PIL import Image
from torchvision import datasets

from course_utils.data import digits
from course_utils.data.formats import FormatError
from course_utils.data.published.digits import ROWS

ROW = {row.name: row for row in ROWS}


def counted(listing):
    """Images of each digit in each published part."""
    return {
        split: tuple(np.bincount(listing.labels[rows], minlength=10).tolist()) for split, rows in listing.splits.items()
    }


def some_digits(n, *shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(256, size=(n, *shape), dtype=np.uint8), rng.permutation(np.arange(n) % 10)


def write_idx(path, array):
    content = struct.pack(f">BBBB{array.ndim}i", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content))
    path.with_suffix("").write_bytes(content)


@pytest.fixture
def mnist_folder(tmp_path):
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for stem, n in {"train": 30, "t10k": 20}.items():
        images, labels = some_digits(n, 28, 28, seed=n)
        write_idx(folder / f"{stem}-images-idx3-ubyte.gz", images)
        write_idx(folder / f"{stem}-labels-idx1-ubyte.gz", labels)
    return folder


def assert_equals_torchvision(listing, parts):
    """`parts`: split -> (images as (N, C, H, W), labels) of torchvision's own class."""
    assert set(listing.splits) == set(parts)
    for split, (images, labels) in parts.items():
        rows = listing.splits[split]
        np.testing.assert_array_equal(np.asarray(listing.images)[rows], images)
        np.testing.assert_array_equal(listing.labels[rows], labels)


def torchvision_mnist(root):
    both = {split: datasets.MNIST(root, train=split == "train") for split in ("train", "test")}
    return {split: (part.data.numpy()[:, None], part.targets.numpy()) for split, part in both.items()}


def torchvision_usps(root):
    both = {split: datasets.USPS(root, train=split == "train") for split in ("train", "test")}
    return {split: (part.data[:, None], part.targets) for split, part in both.items()}


def test_mnist_equals_torchvisions_class(mnist_folder):
    listing = digits.mnist(mnist_folder)
    assert_equals_torchvision(listing, torchvision_mnist(mnist_folder.parents[1]))
    assert listing.groups[29:32].tolist() == ["mnist:train:29", "mnist:test:0", "mnist:test:1"]


def test_mnist_with_a_label_too_few_is_refused(mnist_folder):
    write_idx(mnist_folder / "t10k-labels-idx1-ubyte.gz", np.arange(19))
    with pytest.raises(FormatError, match="test part has 20 images"):
        digits.mnist(mnist_folder)


def test_usps_equals_torchvisions_class(tmp_path):
    for seed, name in enumerate(("usps.bz2", "usps.t.bz2")):
        images, labels = some_digits(20, 256, seed=seed)
        values = np.round(images / 127.5 - 1, 6)
        lines = [
            f"{label + 1} " + " ".join(f"{i}:{value:g}" for i, value in enumerate(row, 1))
            for row, label in zip(values, labels, strict=True)
        ]
        (tmp_path / name).write_bytes(bz2.compress("\n".join(lines).encode()))
    assert_equals_torchvision(digits.usps(tmp_path), torchvision_usps(tmp_path))


def write_mats(folder, stem, label_of_zero):
    from scipy.io import savemat

    for seed, split in enumerate(("train", "test")):
        images, labels = some_digits(20, 32, 32, 3, seed=seed)
        published = np.where(labels == 0, label_of_zero, labels)[:, None]
        savemat(folder / f"{stem}{split}_32x32.mat", {"X": images.transpose(1, 2, 3, 0), "y": published})


def test_svhn_equals_torchvisions_class(tmp_path, monkeypatch):
    write_mats(tmp_path, "", label_of_zero=10)
    monkeypatch.setattr(datasets.svhn, "check_integrity", lambda *_: True)
    both = {split: datasets.SVHN(tmp_path, split=split) for split in ("train", "test")}
    assert_equals_torchvision(digits.svhn(tmp_path), {split: (part.data, part.labels) for split, part in both.items()})


def test_syn_digits_are_read_like_svhn_with_the_digit_as_label(tmp_path):
    (tmp_path / "SynthDigits").mkdir()
    write_mats(tmp_path / "SynthDigits", "synth_", label_of_zero=0)
    expected = {}
    for seed, split in enumerate(("train", "test")):
        images, labels = some_digits(20, 32, 32, 3, seed=seed)
        expected[split] = images.transpose(0, 3, 1, 2), labels
    assert_equals_torchvision(digits.syn_digits(tmp_path), expected)


def test_mnist_m_is_read_from_its_lists_of_labels(tmp_path):
    inside, expected = tmp_path / "unpacked" / "mnist_m", {}
    for seed, split in enumerate(("train", "test")):
        images, labels = some_digits(12, 32, 32, 3, seed=seed)
        (inside / f"mnist_m_{split}").mkdir(parents=True)
        for i, image in enumerate(images):
            Image.fromarray(image).save(inside / f"mnist_m_{split}" / f"{i:08d}.png")
        lines = [f"{i:08d}.png {label}" for i, label in enumerate(labels)]
        (inside / f"mnist_m_{split}_labels.txt").write_text("\n".join(lines) + "\n")
        expected[split] = images.transpose(0, 3, 1, 2), labels
    listing = digits.mnist_m(tmp_path)
    assert_equals_torchvision(listing, expected)
    assert listing.groups is None, "the published protocol has the same digits on both sides"


def test_the_9001_images_of_mnist_m_name_the_digits_that_they_are_made_of(tmp_path):
    images, labels = some_digits(10, 32, 32, 3)
    split = np.array([1, 0, 0, 1, 1, 0, 1, 1, 0, 1], np.uint8)
    np.savez(tmp_path / "mnist_m_official_test.npz", images=images, labels=labels, split=split, names=np.array(["x"]))
    listing = digits.mnist_m_9k(tmp_path)
    np.testing.assert_array_equal(listing.images, images.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(listing.labels, labels)
    assert listing.splits["train"].tolist() == [1, 2, 5, 8]
    assert listing.splits["test"].tolist() == [0, 3, 4, 6, 7, 9]
    assert listing.groups.tolist() == [f"mnist:test:{i}" for i in range(10)]


def test_each_corruption_of_mnist_c_is_read_from_its_own_folder(tmp_path):
    for i, corruption in enumerate((*digits.CORRUPTIONS, "identity")):
        folder = tmp_path / "unpacked" / "mnist_c" / corruption
        folder.mkdir(parents=True)
        for split in ("train", "test"):
            images, labels = some_digits(10, 28, 28, 1, seed=i)
            np.save(folder / f"{split}_images.npy", images)
            np.save(folder / f"{split}_labels.npy", labels)
    images, labels = some_digits(10, 28, 28, 1, seed=digits.CORRUPTIONS.index("fog"))
    expected = images.transpose(0, 3, 1, 2), labels
    listing = ROW["mnist-c/fog"].build(tmp_path)
    assert_equals_torchvision(listing, {"train": expected, "test": expected})


def copied(originals, tmp_path, *names):
    """The real files of one set, alone in a folder where torchvision may unpack them."""
    for name in names:
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(originals / name, target)
    return tmp_path


def test_the_real_mnist_has_the_published_counts_and_equals_torchvisions_class(originals, tmp_path):
    names = [f"MNIST/raw/{original.name}" for original in ROW["mnist"].originals]
    root = copied(originals, tmp_path, *names)
    listing = digits.mnist(root)
    assert counted(listing) == ROW["mnist"].per_class
    for file in (root / "MNIST" / "raw").iterdir():
        file.with_suffix("").write_bytes(gzip.decompress(file.read_bytes()))
    assert_equals_torchvision(listing, torchvision_mnist(root))


def test_the_real_usps_has_the_published_counts_and_equals_torchvisions_class(originals, tmp_path):
    root = copied(originals, tmp_path, "USPS/usps.bz2", "USPS/usps.t.bz2") / "USPS"
    listing = digits.usps(root)
    assert counted(listing) == ROW["usps"].per_class
    assert_equals_torchvision(listing, torchvision_usps(root))


def test_the_real_test_part_of_mnist_m_has_the_labels_of_the_digits_that_it_names(originals):
    listing = digits.mnist_m_9k(originals)
    assert np.bincount(listing.labels).tolist() == [878, 1016, 933, 908, 890, 807, 856, 914, 880, 919]
    assert {split: len(rows) for split, rows in listing.splits.items()} == ROW["mnist-m-9k"].counts
    mnist = digits.mnist(originals)
    label_of = dict(zip(mnist.groups.tolist(), mnist.labels.tolist(), strict=True))
    assert [label_of[group] for group in listing.groups.tolist()] == listing.labels.tolist()
