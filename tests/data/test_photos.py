import pickle

import numpy as np
import pytest
from PIL import Image
from torchvision import datasets

from course_utils.data import classes, photos
from course_utils.data.archives import unpack
from course_utils.data.formats import FormatError
from course_utils.data.published.photos import ROWS

ROW = {row.name: row for row in ROWS}


def some_images(n, *shape, seed=0):
    return np.random.default_rng(seed).integers(256, size=(n, *shape), dtype=np.uint8)


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def save_classes(root, names, size, seed=0, per_class=2):
    """Two images of each class as PNG, and what a reader has to find: images (N, C, H, W) and labels."""
    images = some_images(len(names) * per_class, size, size, 3, seed=seed)
    labels = np.repeat(np.arange(len(names)), per_class)
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        save(root / names[label] / f"{i:04d}.png", image)
    return images.transpose(0, 3, 1, 2), labels


def assert_holds(listing, images, labels, names):
    assert listing.classes == tuple(names)
    np.testing.assert_array_equal(np.asarray(listing.images), images)
    np.testing.assert_array_equal(listing.labels, labels)


def test_cifar_10_from_its_binary_version_equals_torchvisions_class_on_the_pickled_one(tmp_path, monkeypatch):
    binary, python = tmp_path / "cifar-10-batches-bin", tmp_path / "cifar-10-batches-py"
    binary.mkdir()
    python.mkdir()
    for i, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        pixels, labels = some_images(4, 3072, seed=i), np.arange(i, i + 4) % 10
        np.column_stack((labels.astype(np.uint8), pixels)).tofile(binary / f"{name}.bin")
        (python / name).write_bytes(pickle.dumps({"data": pixels, "labels": labels.tolist()}))
    (python / "batches.meta").write_bytes(pickle.dumps({"label_names": list(classes.CIFAR_10)}))
    monkeypatch.setattr(datasets.cifar, "check_integrity", lambda *_: True)
    listing = photos.cifar_10(tmp_path)
    for split in ("train", "test"):
        theirs = datasets.CIFAR10(tmp_path, train=split == "train")
        rows = listing.splits[split]
        np.testing.assert_array_equal(np.asarray(listing.images)[rows], theirs.data.transpose(0, 3, 1, 2))
        np.testing.assert_array_equal(listing.labels[rows], theirs.targets)


def test_stl_10_equals_torchvisions_class(tmp_path, monkeypatch):
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    for seed, split in enumerate(("train", "test")):
        some_images(5, 3, 96, 96, seed=seed).tofile(folder / f"{split}_X.bin")
        (np.arange(5, dtype=np.uint8) * 2 + 1).tofile(folder / f"{split}_y.bin")
    monkeypatch.setattr(datasets.stl10, "check_integrity", lambda *_: True)
    listing = photos.stl_10(tmp_path)
    for split in ("train", "test"):
        theirs = datasets.STL10(tmp_path, split=split)
        rows = listing.splits[split]
        np.testing.assert_array_equal(np.asarray(listing.images)[rows], theirs.data)
        np.testing.assert_array_equal(listing.labels[rows], theirs.labels)


def test_labels_mean_what_their_publishers_say():
    cifar_10 = "airplane automobile bird cat deer dog frog horse ship truck"
    assert tuple(cifar_10.replace("automobile", "car").split()) == classes.CIFAR_10
    assert " ".join(classes.STL_10) == "airplane bird car cat deer dog horse monkey ship truck"
    assert classes.DOMAINNET.index("t-shirt") == 327, "the one class that painting lacks in training"
    assert [len(names) for names in (classes.DOMAINNET, classes.OFFICE_HOME, classes.OFFICE_31)] == [345, 65, 31]


def test_cifar_10_and_stl_10_share_nine_classes_under_one_name():
    assert set(classes.CIFAR_10) - set(classes.STL_10) == {"frog"}
    assert set(classes.STL_10) - set(classes.CIFAR_10) == {"monkey"}
    assert len(classes.CIFAR_STL) == 9


def test_a_cut_batch_of_cifar_10_is_refused(tmp_path):
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        (tmp_path / f"{name}.bin").write_bytes(bytes(3073 * 2 - (name == "data_batch_3")))
    with pytest.raises(FormatError, match=r"data_batch_3.bin cannot be read as a file of records of 3073 bytes"):
        photos.cifar_10(tmp_path)


@pytest.mark.parametrize("at", ["", "pacs/images"])
def test_a_domain_of_pacs_is_read_wherever_its_four_domains_lie(tmp_path, at):
    expected = {d: save_classes(tmp_path / at / d, classes.PACS, 128, i) for i, d in enumerate(photos.PACS_DOMAINS)}
    assert_holds(ROW["pacs/cartoon"].build(tmp_path), *expected["cartoon"], classes.PACS)


def test_pacs_equals_torchvisions_image_folder(tmp_path):
    for domain in photos.PACS_DOMAINS:
        save_classes(tmp_path / domain, classes.PACS, 128)
    listing, theirs = photos.pacs(tmp_path, "sketch"), datasets.ImageFolder(tmp_path / "sketch")
    assert listing.classes == tuple(theirs.classes)
    for i, (image, label) in enumerate(theirs):
        np.testing.assert_array_equal(listing.images[i], np.asarray(image).transpose(2, 0, 1))
        assert listing.labels[i] == label


def test_office_31_is_read_with_and_without_its_folder_images(tmp_path):
    expected = {
        domain: save_classes(tmp_path / "office" / domain / inside, classes.OFFICE_31, 128, seed)
        for seed, (domain, inside) in enumerate({"amazon": "images", "dslr": ".", "webcam": "images"}.items())
    }
    for domain, holds in expected.items():
        assert_holds(ROW[f"office-31/{domain}"].build(tmp_path), *holds, classes.OFFICE_31)


def test_office_home_has_a_domain_with_a_space_in_its_name(tmp_path):
    root = tmp_path / "OfficeHomeDataset_10072016"
    for domain in ("Art", "Clipart", "Product"):
        save_classes(root / domain, classes.OFFICE_HOME, 4, per_class=1)
    holds = save_classes(root / "Real World", classes.OFFICE_HOME, 128, per_class=1)
    assert_holds(ROW["office-home/real-world"].build(tmp_path), *holds, classes.OFFICE_HOME)


@pytest.mark.parametrize("at", ["{}", "{0}/{0}"])
def test_visda_tells_its_part_train_from_its_class_train(tmp_path, at):
    expected = {
        domain: save_classes(tmp_path / at.format(part), classes.VISDA, 224, seed, per_class=1)
        for seed, (domain, part) in enumerate(photos.VISDA_DOMAINS.items())
    }
    for domain, holds in expected.items():
        assert_holds(ROW[f"visda/{domain}"].build(tmp_path), *holds, classes.VISDA)


def test_visda_without_the_part_is_refused(tmp_path):
    save_classes(tmp_path / "validation", classes.VISDA, 4, per_class=1)
    with pytest.raises(FormatError, match="No folder train with the twelve classes"):
        photos.visda(tmp_path, "synthetic")


@pytest.mark.parametrize("at", ["", "clipart"])
def test_domainnet_follows_its_lists(tmp_path, at):
    images = some_images(6, 224, 224, 3)
    names = [f"clipart/{classes.DOMAINNET[label]}/clipart_{label:03d}.png" for label in (3, 1, 4, 344, 0, 327)]
    for name, image in zip(names, images, strict=True):
        save(tmp_path / at / name, image)
    save(tmp_path / at / "clipart" / "zebra" / "listed_nowhere.png", images[0])
    lines = [f"{name} {label}\n" for name, label in zip(names, (3, 1, 4, 344, 0, 327), strict=True)]
    (tmp_path / "clipart_train.txt").write_text("".join(lines[:4]))
    (tmp_path / "clipart_test.txt").write_text("".join(lines[4:]))
    listing = ROW["domainnet/clipart"].build(tmp_path)
    assert_holds(listing, images.transpose(0, 3, 1, 2), [3, 1, 4, 344, 0, 327], classes.DOMAINNET)
    assert listing.splits["test"].tolist() == [4, 5]


def test_domainnet_without_its_images_is_refused_with_the_file_that_is_missing(tmp_path):
    for split in ("train", "test"):
        (tmp_path / f"real_{split}.txt").write_text("real/zebra/real_001.jpg 343\n")
    with pytest.raises(FormatError, match=r"real/zebra/real_001.jpg is neither in"):
        photos.domainnet(tmp_path, "real")


def test_the_pets_equal_torchvisions_class(tmp_path):
    folder = tmp_path / "oxford-iiit-pet"
    lists = {"trainval": [], "test": []}
    for label, name in enumerate(classes.PETS):
        for i, part in enumerate(lists):
            save(folder / "images" / f"{name}_{i}.jpg", some_images(1, 128, 128, 3, seed=label)[0])
            lists[part].append(f"{name}_{i} {label + 1} 1 1\n")
    (folder / "annotations").mkdir()
    for part, lines in lists.items():
        (folder / "annotations" / f"{part}.txt").write_text("".join(lines))
    listing = photos.pets(tmp_path)
    for part, split in {"trainval": "train", "test": "test"}.items():
        theirs = datasets.OxfordIIITPet(tmp_path, split=part)
        rows = listing.splits[split]
        assert [name.lower() for name in theirs.classes] == [n.replace("_", " ").lower() for n in listing.classes]
        np.testing.assert_array_equal(listing.labels[rows], theirs._labels)
        image, _ = theirs[5]
        np.testing.assert_array_equal(listing.images[rows[5]], np.asarray(image).transpose(2, 0, 1))


@pytest.fixture(scope="module")
def real_pacs(originals, tmp_path_factory):
    return unpack(originals / "pacs_128.tar", tmp_path_factory.mktemp("pacs") / "pacs")


@pytest.mark.parametrize("domain", photos.PACS_DOMAINS)
def test_the_real_pacs_has_the_catalogued_images_of_each_class(real_pacs, domain):
    row = ROW[f"pacs/{domain}"]
    listing = row.build(real_pacs)
    assert tuple(np.bincount(listing.labels).tolist()) == row.per_class["all"]
    theirs = datasets.ImageFolder(real_pacs / "PACS" / domain)
    np.testing.assert_array_equal(listing.labels, theirs.targets)
    for i in np.linspace(0, len(theirs) - 1, 20, dtype=int):
        np.testing.assert_array_equal(listing.images[i], np.asarray(theirs[i][0]).transpose(2, 0, 1))
