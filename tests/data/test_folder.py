"""A stranger's folder becomes domains that fit each other, or a list of everything that is wrong with it."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import course_utils as cu
from course_utils.data.domain import SPLITS
from course_utils.data.folder import folder
from course_utils.data.images import ImageFiles, read_image
from course_utils.data.listing import FolderError

room = importlib.import_module("course_utils.data.folder")  # the package's `folder` is the function
greys: Iterator[int] = iter(range(10**9))


def draw(path: Path, number: int | None = None) -> Path:
    """An image like no other, unless a number says which."""
    number = next(greys) if number is None else number
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def make(root: Path, **domains: dict[str, int]) -> Path:
    for domain, classes in domains.items():
        (root / domain).mkdir(parents=True, exist_ok=True)
        for name, count in classes.items():
            (root / domain / name).mkdir()
            for i in range(count):
                draw(root / domain / name / f"{i:03}.png")
    return root


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    return make(tmp_path / "tools", shop={"hammer": 20, "saw": 30}, web={"hammer": 40, "saw": 10})


def test_domains_hold_the_images_of_their_folders(tools: Path) -> None:
    mine = folder(tools, size=8)
    assert list(mine) == ["shop", "web"] and len(mine) == 2 and not mine.skipped
    for name, domain in mine.items():
        files = sorted((tools / name).glob("*/*"))
        np.testing.assert_array_equal(domain.images, [read_image(file, size=8) for file in files])
        assert [domain.classes[label] for label in domain.labels] == [file.parent.name for file in files]
        assert domain.name == name and {split: len(rows) for split, rows in domain.splits.items()} == {
            "train": 35,
            "validation": 5,
            "test": 10,
        }


def test_the_domains_go_straight_into_a_pair(tools: Path) -> None:
    mine = folder(tools, size=8)
    pair = cu.pair((mine["shop"], mine["web"]))
    assert pair.name == "shop -> web" and pair.classes == ("hammer", "saw")
    assert len(pair.source.train) == len(pair.target.train) == 35
    with pytest.raises(cu.data.SealedLabelsError):
        _ = pair.target.train.labels


def test_what_gives_no_image_is_listed_with_the_reason(tools: Path) -> None:
    (tools / "README.md").write_text("my tools")
    (tools / "shop" / "notes.txt").write_text("bought in May")
    (tools / "web" / "saw" / "deeper").mkdir()
    cut = tools / "web" / "saw" / "000.png"
    cut.write_bytes(cut.read_bytes()[:-90])
    (tools / "web" / "hammer" / ".DS_Store").write_bytes(b"?")
    mine = folder(tools, size=8)
    reasons = {str(path.relative_to(tools)): reason for path, reason in mine.skipped}
    assert list(reasons) == ["README.md", "shop/notes.txt", "web/saw/000.png", "web/saw/deeper"]
    assert reasons["README.md"] == "lies beside the domains' folders"
    assert reasons["shop/notes.txt"] == "lies beside the classes' folders"
    assert "truncated" in reasons["web/saw/000.png"] and "is a folder" in reasons["web/saw/deeper"]
    assert len(mine["web"]) == 49 and len(mine["web"].labels) == 49
    assert (mine["web"].images[40] == read_image(tools / "web" / "saw" / "001.png", size=8)).all()


def test_the_folder_says_what_a_person_needs(tools: Path) -> None:
    for i in range(12):
        (tools / "web" / "saw" / f"{i}.txt").write_text("nothing to see")
    lines = repr(folder(tools, size=8)).splitlines()
    assert lines[0].endswith("tools with 2 classes: hammer, saw")
    assert lines[1:4] == [
        "  shop: 50 images (35 train, 5 validation, 10 test)",
        "  web: 50 images (35 train, 5 validation, 10 test)",
        "12 files left out:",
    ]
    assert "0.txt: is not an image" in lines[4] and lines[-1] == "  and 2 more in .skipped"


def test_an_unknown_domain_is_answered_with_those_there_are(tools: Path) -> None:
    with pytest.raises(KeyError, match="has the domains shop, web, and no 'shops'"):
        _ = folder(tools, size=8)["shops"]


def test_files_of_equal_pixels_are_one_original_everywhere(tools: Path) -> None:
    shutil.copy(tools / "shop" / "saw" / "000.png", tools / "shop" / "saw" / "copy.png")
    Image.open(tools / "shop" / "saw" / "000.png").save(tools / "shop" / "saw" / "other.bmp")
    shutil.copy(tools / "shop" / "hammer" / "003.png", tools / "web" / "hammer" / "seen.png")
    mine = folder(tools, size=8)
    groups = mine["shop"].groups[[20, 50, 51]]
    assert len(set(groups)) == 1 and len(np.unique(mine["shop"].groups)) == 50
    pair = cu.pair((mine["shop"], mine["web"]))
    assert len(pair.source.domain) + len(pair.target.domain) == 52 + 51 - 1
    assert not set(pair.source.domain.groups) & set(pair.target.domain.groups)


@given(st.lists(st.integers(0, 15), max_size=30), st.lists(st.integers(16, 40), max_size=30))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_picture_stands_in_two_splits(tmp_path: Path, hammers: list[int], saws: list[int]) -> None:
    root = tmp_path / "tools"
    shutil.rmtree(root, ignore_errors=True)
    pictures = {"hammer": [*hammers, *range(8)], "saw": [*saws, *range(16, 24)]}
    for name, numbers in pictures.items():
        for i, number in enumerate(numbers):
            draw(root / "web" / name / f"{i:03}.png", number)
    domain = folder(root, size=8)["web"]
    homes = {split: {image.tobytes() for image in domain.images[rows]} for split, rows in domain.splits.items()}
    assert sum(map(len, homes.values())) == len(set(pictures["hammer"])) + len(set(pictures["saw"]))


def test_a_domain_too_large_for_memory_stays_in_its_files(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = folder(tools, size=8)
    (tools / "shop" / "hammer" / "000a.jpg").touch()
    monkeypatch.setattr(room, "IN_MEMORY", 9_000)
    monkeypatch.setattr(room, "CHUNK", 7)
    in_files = folder(tools, size=8)
    for name, domain in in_files.items():
        assert isinstance(domain.images, ImageFiles)
        np.testing.assert_array_equal(domain.images[:], in_memory[name].images)
        assert np.array_equal(domain.groups, in_memory[name].groups)
    assert [path.name for path, _ in in_files.skipped] == ["000a.jpg"]
    part = cu.pair((in_files["shop"], in_files["web"])).source.train
    assert part.images.shape == (35, 3, 8, 8)


FULL = {"hammer": 4, "saw": 4}
REFUSED = {
    "a class that one lacks": (
        {"shop": FULL | {"axe": 4}, "web": FULL, "book": {"axe": 4, "saw": 4}},
        ["book lacks hammer.", "web lacks axe."],
    ),
    "two like names in one domain": ({"shop": FULL | {"cow": 4, "crow": 4}, "web": FULL}, ["web lacks cow, crow."]),
    "two names for one class": (
        {"shop": {"hammer": 4, "saw": 4}, "web": {"Hammers": 4, "saw": 4}},
        ["shop lacks Hammers.", "web lacks hammer.", "Are Hammers and hammer one class under two names?"],
    ),
    "an empty class": (
        {"shop": FULL | {"axe": 0}, "web": FULL | {"axe": 0}},
        ["shop/axe is empty.", "web/axe is empty."],
    ),
    "one class only": ({"shop": {"saw": 4}, "web": {"saw": 4}}, ["saw is the only class"]),
    "a domain without classes": ({"shop": FULL, "web": {}}, ["web has no class folders in it."]),
    "domains without classes": ({"shop": {}, "web": {}}, ["There are no folders in shop, web", "tools is one domain"]),
    "no domains": ({}, ["It has no folders in it."]),
    "too few images": (
        {"shop": FULL, "web": {"hammer": 2, "saw": 4}},
        ["web/hammer has 2 different images, fewer than 3."],
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_layout_that_cannot_be_is_refused_with_everything_that_is_wrong(tmp_path: Path, what: str) -> None:
    domains, sentences = REFUSED[what]
    root = tmp_path / "tools"
    root.mkdir()
    with pytest.raises(FolderError, match="tools cannot be used as it is:") as caught:
        folder(make(root, **domains), size=8)
    lines = str(caught.value).split("\n  ")
    assert len(lines) == len(sentences) + 2 or what == "domains without classes"
    for sentence in sentences:
        assert any(sentence in line for line in lines[1:-1])
    assert "tools/<domain>/<class>/<image>" in lines[-1]


def test_a_level_of_folders_too_many_is_named_and_not_called_a_missing_class(tmp_path: Path) -> None:
    """Office-31 comes as amazon/images/mug."""
    root = make(tmp_path, amazon=FULL, webcam=FULL)
    make(tmp_path / "dslr", images=FULL)
    with pytest.raises(FolderError) as caught:
        folder(root, size=8)
    (line,) = str(caught.value).split("\n  ")[1:-1]
    assert line == "dslr/images holds folders and no images (hammer, saw): a level too many?"


def test_classes_given_as_domains_are_taken_for_one_domain(tmp_path: Path) -> None:
    make(tmp_path, web=FULL)
    with pytest.raises(FolderError, match="no folders in hammer, saw: if they are classes, web is one domain"):
        folder(tmp_path / "web")


def test_a_class_of_broken_files_is_refused_with_the_reason(tools: Path) -> None:
    for path in (tools / "web" / "saw").iterdir():
        path.write_text("<html>404")
    with pytest.raises(FolderError, match=r"web/saw has 0 different images.*10 files give none \(is not an image: it"):
        folder(tools, size=8)


def test_copies_of_few_images_cannot_be_split(tmp_path: Path) -> None:
    root = make(tmp_path, web={"hammer": 3, "saw": 3})
    for name in ("hammer", "saw"):
        for i in range(60):
            shutil.copy(root / "web" / name / "000.png", root / "web" / name / f"copy-{i}.png")
    with pytest.raises(FolderError, match="so few different images"):
        folder(root, size=8)


def test_a_validation_of_one_image_could_not_be_compared(tmp_path: Path) -> None:
    root = make(tmp_path, shop={"hammer": 3, "saw": 3}, web={"hammer": 3, "saw": 3})
    with pytest.raises(FolderError, match="shop has so few different images.*cannot have two each"):
        folder(root, size=8)


@pytest.mark.parametrize("size", [0, -3])
def test_a_size_that_is_none_is_refused(tools: Path, size: int) -> None:
    with pytest.raises(ValueError, match=rf"size={size}: give the side of an image in whole pixels"):
        folder(tools, size=size)


def test_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="gone cannot be looked into: No such file"):
        folder(tmp_path / "gone")


def test_names_that_are_not_utf8_become_printable_classes(tmp_path: Path) -> None:
    root = make(tmp_path / "tools", web={"s\udce4ge": 10, "saw": 10})
    mine = folder(root, size=8)
    assert mine["web"].classes == ("saw", "s\\udce4ge") and repr(mine).encode()
    assert set(SPLITS) == set(mine["web"].splits)
