"""Oxford-IIIT Pet with boxes and masks, on a folder in the publisher's layout, against torchvision's own classes."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets, tv_tensors
from torchvision.transforms import v2

from course_utils.data import arrivals, pets, store
from course_utils.data.building import IncompleteSetWarning
from course_utils.data.formats import FormatError
from course_utils.data.objects import ABSENT

XML = "<annotation><object><name>{}</name><bndbox>{}</bndbox></object></annotation>"
CORNERS = ("xmin", "ymin", "xmax", "ymax")
SIZES = ((150, 100), (90, 200), (128, 128))  # width, height


def box_of(i: int) -> tuple[int, int, int, int]:
    width, height = SIZES[i % 3]
    return 5 + i, 7, width // 2 + i, height // 3


def write_head(path: Path, corners: tuple, name: str = "cat") -> None:
    sides = "".join(f"<{side}>{value}</{side}>" for side, value in zip(CORNERS, corners, strict=True))
    path.write_text(XML.format(name, sides))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """24 pets, of which the last one's head has no file; a cat is a cat by the third number of its line."""
    root = tmp_path / "oxford-iiit-pet"
    annotations = root / "annotations"
    for folder in (root / "images", annotations / "trimaps", annotations / "xmls"):
        folder.mkdir(parents=True)
    rng, lines = np.random.default_rng(0), []
    for i in range(24):
        name, (width, height) = f"Breed_{i}", SIZES[i % 3]
        Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)).save(root / "images" / f"{name}.jpg")
        trimap = rng.integers(1, 4, (height // 10 + 1, width // 10 + 1)).repeat(10, 0).repeat(10, 1)[:height, :width]
        Image.fromarray(trimap.astype(np.uint8)).save(annotations / "trimaps" / f"{name}.png")
        if i < 23:
            write_head(annotations / "xmls" / f"{name}.xml", box_of(i))
        lines.append(f"{name} {1 + i} {1 + i % 2} 1\n")
    (annotations / "trainval.txt").write_text("".join(lines))
    (annotations / "test.txt").write_text("Breed_of_test_1 1 1 1\n")  # its files are not read here
    Image.new("RGB", (9, 9)).save(root / "images" / "Breed_of_test_1.jpg")
    return root


def test_images_boxes_and_masks_move_as_one_sample_of_torchvision_does(root: Path) -> None:
    listing = pets.cats_and_dogs(root)
    theirs = datasets.OxfordIIITPet(root.parent, target_types=["binary-category", "segmentation"])
    assert len(theirs) == len(listing.labels) == 24
    for i, (image, (species, trimap)) in enumerate(theirs):
        mask = torch.from_numpy((np.asarray(trimap) == 1) * np.uint8(1 + species))
        size = (image.height, image.width)
        boxes = tv_tensors.BoundingBoxes([box_of(i)], format="XYXY", canvas_size=size, dtype=torch.float32)
        sample = {"image": tv_tensors.Image(image), "mask": tv_tensors.Mask(mask), "boxes": boxes}
        moved = v2.Resize((128, 128), antialias=True)(sample)
        np.testing.assert_array_equal(listing.images[i], moved["image"])
        np.testing.assert_array_equal(listing.targets["mask"][i], moved["mask"])
        assert listing.labels[i] == species
        if i < 23:
            np.testing.assert_allclose(listing.targets["box"][i], moved["boxes"])
            assert listing.targets["box_label"][i].tolist() == [species]


def test_a_box_still_lies_around_what_was_painted_into_it(root: Path) -> None:
    """Without torchvision: the bright rectangle of a wide image, found again among the pixels."""
    picture, trimap = np.zeros((100, 150, 3), np.uint8), np.full((100, 150), 2, np.uint8)
    picture[20:60, 30:120], trimap[20:60, 30:120] = 255, 1
    Image.fromarray(picture).save(root / "images" / "Breed_0.jpg", quality=95)
    Image.fromarray(trimap).save(root / "annotations" / "trimaps" / "Breed_0.png")
    write_head(root / "annotations" / "xmls" / "Breed_0.xml", (30, 20, 120, 60))
    listing = pets.cats_and_dogs(root)
    box = listing.targets["box"][0, 0]
    for found in (listing.images[0].mean(0) > 127, listing.targets["mask"][0] == 1):
        rows, columns = found.nonzero()
        around = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        np.testing.assert_allclose(box, around, atol=1)


def test_the_border_and_the_background_are_0_and_a_head_without_a_file_is_absent(root: Path) -> None:
    Image.fromarray(np.full((128, 128), 3, np.uint8)).save(root / "annotations" / "trimaps" / "Breed_23.png")
    listing = pets.cats_and_dogs(root)
    assert not listing.targets["mask"][23].any() and set(np.unique(listing.targets["mask"])) == {0, 1, 2}
    assert listing.targets["box_label"][23].tolist() == [ABSENT]
    assert listing.targets["box"][23].tolist() == [[ABSENT] * 4]


def test_several_heads_of_one_image_are_all_kept(root: Path) -> None:
    two = XML.replace("</annotation>", "<object><bndbox>{}</bndbox></object></annotation>")
    sides = [
        "".join(f"<{s}>{v}</{s}>" for s, v in zip(CORNERS, c, strict=True)) for c in ((1, 1, 9, 9), (2, 3, 90, 80))
    ]
    (root / "annotations" / "xmls" / "Breed_2.xml").write_text(two.format("cat", *sides))
    listing = pets.cats_and_dogs(root)
    assert listing.targets["box"].shape == (24, 2, 4)
    assert listing.targets["box"][2].tolist() == [[1, 1, 9, 9], [2, 3, 90, 80]]
    assert listing.targets["box_label"][:3].tolist() == [[0, -1], [1, -1], [0, 0]]


@pytest.fixture
def imported(root: Path, tmp_path: Path, monkeypatch):
    """Imports the folder as it now is and opens the domain; returns it with what was told."""

    def imported() -> tuple:
        monkeypatch.setenv("COURSE_DATA", str(tmp_path / "store"))
        arrivals.take("oxford-pets", root)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            domain = store.domain("oxford-pets/cats-and-dogs")
        return domain, "\n".join(str(w.message) for w in told if w.category is IncompleteSetWarning)

    return imported


def test_an_imported_folder_becomes_a_domain_with_boxes_and_masks(root: Path, imported) -> None:
    listing = pets.cats_and_dogs(root)
    for domain in (imported()[0], store.domain("oxford-pets/cats-and-dogs")):
        np.testing.assert_array_equal(domain.images, listing.images[:])
        for name, values in listing.targets.items():
            np.testing.assert_array_equal(domain.targets[name], values)
        assert domain.classes == ("cat", "dog") and sum(map(len, domain.splits.values())) == 24


def break_image(root: Path) -> None:
    (root / "images" / "Breed_4.jpg").write_bytes(b"<html>")


def break_trimap(root: Path) -> None:
    (root / "annotations" / "trimaps" / "Breed_4.png").write_bytes(b"")


def shift_ids(root: Path) -> None:
    Image.fromarray(np.full((200, 90), 7, np.uint8)).save(root / "annotations" / "trimaps" / "Breed_4.png")


def turn_trimap(root: Path) -> None:
    Image.fromarray(np.ones((90, 200), np.uint8)).save(root / "annotations" / "trimaps" / "Breed_4.png")


def write_xml(text: str):
    return lambda root: (root / "annotations" / "xmls" / "Breed_4.xml").write_text(text)


def write_box(*corners: object):
    return lambda root: write_head(root / "annotations" / "xmls" / "Breed_4.xml", corners)


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (break_image, "is not an image"),
        (break_trimap, r"trimaps/Breed_4\.png is empty"),
        (shift_ids, r"trimaps/Breed_4\.png says 7; known are 1 \(pet\)"),
        (turn_trimap, "has 90x200 px and a trimap of 200x90"),
        (write_xml("<annotation>"), r"xmls/Breed_4\.xml cannot be read as head boxes"),
        (write_xml("<!DOCTYPE a [<!ENTITY b 'c'>]><annotation/>"), r"xmls/Breed_4\.xml .*declares entities"),
        (write_xml("<annotation>" + " " * 70_000 + "</annotation>"), r"xmls/Breed_4\.xml .*too long"),
        (write_xml("<annotation><bndbox><xmin>1</xmin></bndbox></annotation>"), r"xmls/Breed_4\.xml cannot be read"),
        (write_box("nan", 1, 2, 3), r"xmls/Breed_4\.xml has a box that is no number"),
        (write_box(20, 5, 10, 9), r"xmls/Breed_4\.xml has a box without area in the image of 90x200 px"),
        (write_box(95, 5, 99, 9), r"xmls/Breed_4\.xml has a box without area in the image of 90x200 px"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_pet_with_a_bad_file_is_left_out_by_name_and_its_targets_with_it(root: Path, imported, harm, reason) -> None:
    whole = pets.cats_and_dogs(root)
    harm(root)
    domain, told = imported()
    assert "images/Breed_4.jpg (" in told
    assert re.search(reason, told), told
    rest = np.delete(np.arange(24), 4)
    np.testing.assert_array_equal(domain.ids, rest)
    np.testing.assert_array_equal(domain.targets["mask"], whole.targets["mask"][rest])
    np.testing.assert_allclose(domain.targets["box"], whole.targets["box"][rest])


def test_a_box_that_reaches_over_the_edge_is_cut_to_the_image(root: Path) -> None:
    write_box(60, -3, 95, 100)(root)
    assert pets.cats_and_dogs(root).targets["box"][4, 0].tolist() == pytest.approx([60 / 90 * 128, 0, 128, 64])


def test_a_set_without_heads_and_a_list_of_other_numbers_are_refused(root: Path) -> None:
    listed = root / "annotations" / "trainval.txt"
    listed.write_text(listed.read_text().replace(" 2 1\n", " 3 1\n"))
    with pytest.raises(FormatError, match=r"trainval\.txt .*a species is 1 \(cat\) or 2 \(dog\)"):
        pets.cats_and_dogs(root)
    for file in (root / "annotations" / "xmls").iterdir():
        file.unlink()
    listed.write_text(listed.read_text().replace(" 3 1\n", " 2 1\n"))
    with pytest.raises(FormatError, match="No head box lies in .*xmls"):
        pets.cats_and_dogs(root)
