import errno
import hashlib
import importlib.util
import json
import os
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from course_utils.data import catalog, store
from course_utils.data.catalog import DomainRow
from course_utils.data.domain import Domain

SPLITS = {"train": np.arange(7), "validation": np.array([7]), "test": np.array([8, 9])}


def ten_images():
    return Domain(
        name="tiny",
        images=np.arange(10 * 48, dtype=np.uint16).astype(np.uint8).reshape(10, 3, 4, 4),
        targets={"label": np.arange(10) % 2},
        classes=("even", "odd"),
        splits=SPLITS,
        ids=np.arange(10),
        groups=np.array([f"tiny:{i}" for i in range(10)]),
    )


TINY = DomainRow(
    name="tiny",
    title="ten images",
    classes=("even", "odd"),
    counts={"train": 7, "validation": 1, "test": 2},
    channels=3,
    size=4,
    citation="none",
    licence="none",
    card="none",
    build=ten_images,
    sha256=hashlib.sha256(bytes(i % 256 for i in range(480))).hexdigest(),
)


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """An empty store with one small domain in the catalog; returns the folder that it will be kept in."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "store"))
    monkeypatch.setattr(catalog, "BUILT_WITH", {})
    monkeypatch.setitem(catalog.DOMAINS, "tiny", TINY)
    return store.place(TINY)


def everything(root):
    return {path: path.stat().st_mtime_ns for path in root.rglob("*")}


def test_a_stored_domain_equals_the_built_one(folder):
    built, stored = ten_images(), store.domain("tiny")
    for name in ("images", "labels", "ids", "groups"):
        np.testing.assert_array_equal(getattr(stored, name), getattr(built, name))
        assert getattr(stored, name).dtype == getattr(built, name).dtype
    for split, rows in SPLITS.items():
        np.testing.assert_array_equal(stored.splits[split], rows)
    assert (stored.name, stored.classes) == (built.name, built.classes)


def test_a_domain_is_built_once_and_then_memory_mapped(folder, monkeypatch):
    store.domain("tiny")
    monkeypatch.setattr(np, "save", lambda *_, **__: pytest.fail("it was written again"))
    domain = store.domain("tiny")
    assert isinstance(domain.images, np.memmap)


def test_opening_writes_nothing(folder):
    store.domain("tiny")
    before = everything(folder.parent)
    store.domain("tiny")
    assert everything(folder.parent) == before


@pytest.mark.parametrize("what", ["images", "labels", "ids", "groups"])
def test_stored_arrays_cannot_be_changed(folder, what):
    array = getattr(store.domain("tiny"), what)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = array[1]


class Killed(BaseException):
    """Stands for the end of the process: nothing after it runs."""


def test_a_killed_build_leaves_no_domain_and_the_next_use_builds_it(folder, monkeypatch):
    with monkeypatch.context() as moment:
        saved, save = [], np.save

        def save_two_and_die(file, array, **options):
            if len(saved) == 2:
                raise Killed
            saved.append(file)
            save(file, array, **options)

        moment.setattr(np, "save", save_two_and_die)
        moment.setattr(store.shutil, "rmtree", lambda *_, **__: None)  # a killed process tidies nothing
        with pytest.raises(Killed):
            store.domain("tiny")
    (left,) = folder.parent.iterdir()
    assert left != folder
    assert len(store.domain("tiny")) == 10
    assert left.exists(), "it may belong to a process that is still building"
    an_hour_ago = time.time() - 4000
    os.utime(left, (an_hour_ago, an_hour_ago))
    store.rebuild("tiny")
    assert list(folder.parent.iterdir()) == [folder]


def test_an_interrupted_build_tidies_up(folder, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "save", interrupt)
    with pytest.raises(KeyboardInterrupt):
        store.domain("tiny")
    assert list(folder.parent.iterdir()) == []


def test_two_builds_at_the_same_time_both_end_well(folder, monkeypatch):
    meet, answers = threading.Barrier(2, timeout=30), []

    def build_together():
        meet.wait()
        return ten_images()

    # The recipe's file stays the same, so the folder does too.
    monkeypatch.setitem(catalog.DOMAINS, "tiny", replace(TINY, build=build_together))
    threads = [threading.Thread(target=lambda: answers.append(store.domain("tiny"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(answer) for answer in answers] == [10, 10]
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize("name", ["images.npy", "target-label.npy", "split-test.npy", "groups.npy", "meta.json"])
@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_a_damaged_file_is_refused_by_name_and_rebuilt_on_request(folder, name, damage):
    store.domain("tiny")
    file = folder / name
    whole = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(whole[:-9] if damage == "cut" else whole[:-9] + b"?" * 9)
    with pytest.raises(store.DamagedArrayError, match=rf"^{name} of 'tiny'.*prepare tiny"):
        store.domain("tiny")
    assert len(store.rebuild("tiny")) == 10
    assert file.exists()


def test_a_store_that_cannot_be_written_is_named_with_what_to_do(monkeypatch, folder, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "file"))
    with pytest.raises(store.StoreError, match=r"'tiny' cannot be kept in .*file: .*COURSE_DATA"):
        store.domain("tiny")


def test_a_folder_that_cannot_be_moved_aside_is_named_too(folder, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    store.domain("tiny")
    monkeypatch.setattr(store.Path, "rename", refuse)
    with pytest.raises(store.StoreError, match="'tiny' cannot be kept in .*: Permission denied"):
        store.rebuild("tiny")
    assert folder.exists()


def test_a_full_disk_is_said_and_leaves_nothing(folder, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(store.StoreError, match="No space left on device"):
        store.domain("tiny")
    assert list(folder.parent.iterdir()) == []


def test_another_array_than_the_catalogued_one_is_refused_where_the_hash_was_made(folder, monkeypatch):
    monkeypatch.setattr(catalog, "BUILT_WITH", store.built_with())
    monkeypatch.setitem(catalog.DOMAINS, "tiny", replace(TINY, sha256="0" * 64))
    with pytest.raises(store.StoreError, match="frozen recipe"):
        store.domain("tiny")
    assert not folder.exists()


@pytest.mark.parametrize(("sha256", "equal"), [(TINY.sha256, True), ("0" * 64, False)])
def test_another_array_than_the_catalogued_one_is_noted_elsewhere(folder, monkeypatch, sha256, equal):
    monkeypatch.setitem(catalog.DOMAINS, "tiny", replace(TINY, sha256=sha256))
    store.domain("tiny")
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    assert meta["equals_catalog"] is equal
    assert meta["built_with"] == store.built_with()


def test_a_changed_recipe_has_another_folder(folder, tmp_path):
    def place_of(code):
        file = tmp_path / "recipe.py"
        file.write_text(code)
        spec = importlib.util.spec_from_file_location("recipe", file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return store.place(replace(TINY, build=module.build))

    assert place_of("def build(): return 1\n") == place_of("def build(): return 1\n")
    assert place_of("def build(): return 1\n") != place_of("def build(): return 2\n")


def test_without_course_data_the_store_is_the_users_cache_folder(monkeypatch):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    assert store.root().name == "course-utils"
    assert store.root().is_absolute()


def test_a_misspelt_domain_is_refused_before_anything_is_written(folder):
    with pytest.raises(catalog.UnknownDomainError, match="Did you mean 'tiny'"):
        store.domain("tinny")
    assert not folder.parent.exists()
