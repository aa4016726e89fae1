"""From published files to arrays: whole or not there, complete or told, and one process at a time."""

import dataclasses
import errno
import json
import os
import shutil
import subprocess
import sys
import threading
from collections import namedtuple
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from course_utils.data import arrays, building, catalog, shelf, store
from course_utils.data.alone import OriginalError
from course_utils.data.images import ImageFiles
from course_utils.data.listing import Listing
from tests.data.made_up import (
    CLASSES,
    digits_row,
    pack_pictures,
    pictures_row,
    read_digits,
    read_pictures,
    write_digits,
    write_pictures,
)


@pytest.fixture
def here(published):
    """The files of both made-up sets lie in the store."""
    for row in (catalog.DOMAINS["made"], catalog.DOMAINS["shapes/drawn"]):
        folder = store.originals_folder(row.set)
        folder.mkdir(parents=True)
        for original in row.originals:
            shutil.copy(published / original.name, folder)
    return published


def place(name):
    return store.place(catalog.DOMAINS[name])


def in_catalog(monkeypatch, row, **changed):
    row = dataclasses.replace(row, **changed)
    monkeypatch.setitem(catalog.DOMAINS, row.name, row)
    return row


def test_a_domain_is_what_its_reader_found(here):
    domain, listing = store.domain("made"), read_digits(here)
    np.testing.assert_array_equal(domain.images, listing.images)
    np.testing.assert_array_equal(domain.labels, listing.labels)
    assert isinstance(domain.images, np.memmap)
    assert domain.classes == CLASSES and domain.labels.dtype == np.int64
    np.testing.assert_array_equal(domain.ids, np.arange(40))
    assert domain.groups[7] == "made:7"


def test_published_parts_stay_and_validation_is_drawn_from_train(here):
    splits = store.domain("made").splits
    np.testing.assert_array_equal(splits["test"], np.arange(30, 40))
    assert len(splits["validation"]) == 4
    assert sorted([*splits["train"], *splits["validation"]]) == list(range(30))


def test_groups_that_the_reader_names_are_kept(here, monkeypatch):
    def read(folder):
        return dataclasses.replace(read_digits(folder), groups=np.array([f"mnist:train:{i}" for i in range(40)]))

    in_catalog(monkeypatch, catalog.DOMAINS["made"], build=read)
    assert store.domain("made").groups[3] == "mnist:train:3"


def test_an_archive_is_unpacked_and_its_pictures_are_decoded(here, tmp_path):
    domain, listing = store.domain("shapes/drawn"), read_pictures(tmp_path / "shapes")
    np.testing.assert_array_equal(domain.images, listing.images[:])
    assert {split: len(rows) for split, rows in domain.splits.items()} == {"train": 17, "validation": 2, "test": 5}


def test_the_second_opening_reads_nothing_but_the_arrays(here, monkeypatch):
    store.domain("shapes/drawn")
    in_catalog(monkeypatch, catalog.DOMAINS["shapes/drawn"], build=partial(read_pictures, size=8))
    monkeypatch.setattr("course_utils.data.images.decode", lambda *_: pytest.fail("it was decoded again"))
    shutil.rmtree(shelf.reading_folder(catalog.DOMAINS["shapes/drawn"]) / "shapes.zip.unpacked")
    assert len(store.domain("shapes/drawn")) == 24


def test_a_store_that_must_not_be_written_still_opens(here, monkeypatch):
    store.domain("made")
    before = {path: path.stat().st_mtime_ns for path in store.root().rglob("*")}
    monkeypatch.setattr("filelock.FileLock.acquire", lambda *_, **__: pytest.fail("a lock was taken"))
    monkeypatch.setattr(Path, "mkdir", lambda *_, **__: pytest.fail("a folder was made"))
    assert len(store.domain("made")) == 40
    assert {path: path.stat().st_mtime_ns for path in store.root().rglob("*")} == before


def test_another_edition_of_a_file_has_another_folder(here, tmp_path, monkeypatch):
    first = store.domain("made")
    other = write_digits(tmp_path / "other", n=48)
    in_catalog(monkeypatch, digits_row(other, title="48 digits"), counts={"train": 36, "test": 12})
    shelf.originals_folder("made").joinpath("manifest.json").unlink()
    for file in other.iterdir():
        shutil.copy(file, store.originals_folder("made"))
    assert len(store.domain("made")) == 48 and len(first) == 40
    assert len(store.folders(catalog.DOMAINS["made"])) == 2


def test_another_reader_or_another_size_has_another_folder(here, tmp_path):
    row = catalog.DOMAINS["shapes/drawn"]
    store.domain("shapes/drawn")
    places = {
        store.place(row),
        store.place(dataclasses.replace(row, build=partial(read_pictures, size=9))),
        store.place(dataclasses.replace(row, size=9)),
        store.place(dataclasses.replace(row, build=partial(building.build, size=8))),
    }
    assert len(places) == 4
    assert store.place(dataclasses.replace(row, card="Told better.")) == store.place(row)


def repacked(published, monkeypatch, spoil):
    """The pictures with some of them spoilt, as the published archive."""
    folder = published.parent / "shapes"
    for name in spoil:
        (folder / name).write_bytes(b"")
    archive = pack_pictures(folder, published / "shapes.zip")
    monkeypatch.setitem(catalog.DOMAINS, "shapes/drawn", pictures_row(archive))
    store.originals_folder("shapes").mkdir(parents=True)
    shutil.copy(archive, store.originals_folder("shapes"))


def test_unreadable_files_are_told_with_the_counts_and_left_out(published, monkeypatch):
    repacked(published, monkeypatch, ["cat/3.png", "dog/11.png"])
    said = (
        r"'shapes/drawn' is not the published set: 22 images, 24 are published \(cat: 11 of 12, dog: 11 of 12\)\. "
        r"Of 'shapes/drawn' 2 files .*left out: .*shapes/cat/3\.png \(is empty \(0 bytes\)\), .*dog/11\.png"
    )
    with pytest.warns(building.IncompleteSetWarning, match=said):
        domain = store.domain("shapes/drawn")
    listing = read_pictures(published.parent / "shapes")
    assert listing.images.paths[domain.ids[5]].name == "4.png"  # by name: 0, 1, 10, 11, 2, 3, 4
    np.testing.assert_array_equal(domain.images, listing.images[domain.ids])
    np.testing.assert_array_equal(domain.labels, listing.labels[domain.ids])
    assert sorted(np.concatenate(list(domain.splits.values()))) == list(range(22))
    meta = json.loads((place("shapes/drawn") / "meta.json").read_text())
    assert [Path(name).name for name in meta["unreadable"]] == ["3.png", "11.png"]
    assert len(store.domain("shapes/drawn")) == 22  # and is not told again


def test_a_set_of_which_nothing_can_be_read_is_refused_and_leaves_nothing(published, monkeypatch):
    repacked(published, monkeypatch, [f"{name}/{i}.png" for name in CLASSES for i in range(12)])
    with pytest.raises(store.StoreError, match=r"Not one image of 'shapes/drawn'.*cat/0\.png \(is empty.*19 more"):
        store.domain("shapes/drawn")
    assert not store.folders(catalog.DOMAINS["shapes/drawn"])


def test_other_counts_than_the_published_ones_are_told_by_part(here, monkeypatch):
    in_catalog(monkeypatch, catalog.DOMAINS["made"], counts={"train": 31, "test": 10})
    with pytest.warns(building.IncompleteSetWarning, match=r"'made' is not .*: train: 30 images, 31 are published\.$"):
        store.domain("made")


def test_images_that_no_lesson_could_use_are_refused_and_leave_nothing(here, monkeypatch):
    def read(folder):
        return Listing(np.full((40, 1, 8, 8), 7, np.uint8), read_digits(folder).labels, CLASSES)

    in_catalog(monkeypatch, catalog.DOMAINS["made"], build=read)
    with pytest.raises(store.StoreError, match="'made' cannot be made of .*every pixel has the value 7"):
        store.domain("made")
    assert not store.folders(catalog.DOMAINS["made"])


def test_a_disk_with_too_little_room_is_told_how_much_is_needed(here, monkeypatch):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(building.shutil, "disk_usage", lambda _: usage(free=10_000))
    with pytest.raises(
        store.StoreError, match=r"'made' needs 1\.1 MB in .*store, where 10\.0 kB are free.*COURSE_DATA"
    ):
        store.domain("made")
    assert not store.folders(catalog.DOMAINS["made"])


def test_a_disk_that_fills_up_while_it_is_written_is_told_too(here, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(arrays.os, "fsync", full)
    with pytest.raises(store.StoreError, match=r"'made' needs 1\.1 MB .*the disk is full"):
        store.domain("made")
    assert not store.folders(catalog.DOMAINS["made"])


def test_a_build_that_is_refused_for_another_reason_keeps_what_it_has(here, monkeypatch):
    def refuse(_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as moment:
        moment.setattr(arrays.os, "fsync", refuse)
        with pytest.raises(OriginalError, match=r"made cannot be kept in .*Permission denied.*COURSE_DATA"):
            store.domain("made")
    (left,) = store.folders(catalog.DOMAINS["made"])
    assert left.name.endswith(".building")
    assert len(store.domain("made")) == 40 and not left.exists()


def test_of_two_builds_at_the_same_time_one_waits(here, monkeypatch):
    began, go_on, read, answers = threading.Event(), threading.Event(), [], []

    def slow(folder):
        read.append(folder)
        began.set()
        go_on.wait(timeout=30)
        return read_digits(folder)

    in_catalog(monkeypatch, catalog.DOMAINS["made"], build=slow)
    threads = [threading.Thread(target=lambda: answers.append(store.domain("made"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert began.wait(timeout=30)
    go_on.set()
    for thread in threads:
        thread.join(timeout=60)
    assert [len(answer) for answer in answers] == [40, 40]
    assert len(read) == 1
    assert store.folders(catalog.DOMAINS["made"]) == [place("made")]


def test_a_lazy_domain_keeps_no_array_and_decodes_when_it_is_indexed(here, monkeypatch, tmp_path):
    in_catalog(monkeypatch, catalog.DOMAINS["shapes/drawn"], lazy=True)
    domain, listing = store.domain("shapes/drawn"), read_pictures(tmp_path / "shapes")
    assert isinstance(domain.images, ImageFiles) and domain.images.shape == (24, 3, 8, 8)
    np.testing.assert_array_equal(domain.images[[5, 20]], listing.images[[5, 20]])
    assert not (place("shapes/drawn") / "images.npy").exists()
    assert sum(map(len, domain.splits.values())) == 24


def test_a_lazy_domain_is_found_where_the_store_was_moved_to(here, monkeypatch, tmp_path):
    in_catalog(monkeypatch, catalog.DOMAINS["shapes/drawn"], lazy=True)
    before = store.domain("shapes/drawn").images[:3]
    store.root().rename(tmp_path / "elsewhere")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "elsewhere"))
    np.testing.assert_array_equal(store.domain("shapes/drawn").images[:3], before)


def test_kill_9_at_any_moment_leaves_nothing_or_all_and_the_next_build_decodes_the_rest(tmp_path):
    write_pictures(tmp_path / "shapes")
    done = subprocess.run(
        [sys.executable, "-m", "tests.data.killed", str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    told = {moment: outcome for moment, *outcome in json.loads(done.stdout)}
    # moment: [was killed, has its name, decoded by the next build, then equals a build that nobody killed]
    assert told == {
        "before the first chunk is on the disk": [True, False, 24, True],
        "before the fourth chunk is on the disk": [True, False, 12, True],
        "before the second note": [True, False, 20, True],
        "before the first small array": [True, False, 0, True],
        "between the small arrays": [True, False, 0, True],
        "before the folder gets its name": [True, False, 0, True],
        "after the folder got its name": [True, True, 0, True],
    }
