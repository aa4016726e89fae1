"""Arrays on disk: written chunk by chunk, resumed, mapped, and given back to the system."""

import errno
import json
import os
import sys

import numpy as np
import pytest

from course_utils.data import arrays
from course_utils.data.domain import Domain
from course_utils.data.images import ImageFiles
from course_utils.data.stacked import Stacked
from tests.data.made_up import write_pictures

IMAGES = np.arange(10 * 12, dtype=np.uint8).reshape(10, 3, 2, 2)


@pytest.fixture
def pictures(tmp_path):
    """24 image files, and a note of how many of them are decoded."""
    folder = write_pictures(tmp_path / "pictures")
    return ImageFiles(sorted(folder.rglob("*.png")), channels=3, size=8)


@pytest.fixture
def small_chunks(monkeypatch):
    """Four pictures a chunk."""
    monkeypatch.setattr(arrays, "CHUNK", 4 * 3 * 8 * 8)


@pytest.mark.parametrize("kind", [np.asarray, lambda a: Stacked([a[:3], a[3:]]), lambda a: a[:, :, ::-1][:, :, ::-1]])
@pytest.mark.parametrize("images_a_chunk", [0.1, 1, 3, 10, 11])
def test_what_is_written_in_chunks_is_the_array(tmp_path, monkeypatch, kind, images_a_chunk):
    monkeypatch.setattr(arrays, "CHUNK", int(images_a_chunk * 12))
    assert arrays.write_images(kind(IMAGES), tmp_path, "made") == {}
    np.testing.assert_array_equal(np.load(tmp_path / "images.npy"), IMAGES)


def test_image_files_are_written_as_they_decode(tmp_path, pictures, small_chunks):
    arrays.write_images(pictures, tmp_path, "made")
    np.testing.assert_array_equal(np.load(tmp_path / "images.npy"), pictures[:])


@pytest.mark.parametrize("bad", [[0], [23], [3, 4, 5, 6, 7, 8], [1, 11, 12, 22]])
def test_unreadable_files_are_named_and_their_rows_left_out(tmp_path, pictures, small_chunks, bad):
    for position in bad:
        pictures.paths[position].write_text("not an image")
    unreadable = arrays.write_images(pictures, tmp_path, "made")
    assert sorted(unreadable) == bad and "not an image" in unreadable[bad[0]]
    readable = np.setdiff1d(np.arange(24), bad)
    np.testing.assert_array_equal(np.load(tmp_path / "images.npy"), pictures[readable])


class Broken(Exception):
    pass


def break_after(monkeypatch, chunks):
    """The note after this many chunks is the last that is written."""
    written, replace = [], arrays.replace

    def once_more(*given):
        if len(written) == chunks:
            raise Broken
        written.append(given)
        replace(*given)

    monkeypatch.setattr(arrays, "replace", once_more)


@pytest.mark.parametrize("chunks", [0, 1, 5])
def test_a_broken_build_goes_on_where_it_was(tmp_path, monkeypatch, pictures, small_chunks, chunks):
    pictures.paths[2].write_text("not an image")
    pictures.paths[21].write_text("not an image")
    with monkeypatch.context() as moment:
        break_after(moment, chunks)
        with pytest.raises(Broken):
            arrays.write_images(pictures, tmp_path, "made")
    decoded, read = [], ImageFiles.read

    def count(self, start, stop):
        decoded.extend(range(start, stop))
        return read(self, start, stop)

    monkeypatch.setattr(ImageFiles, "read", count)
    assert sorted(arrays.write_images(pictures, tmp_path, "made")) == [2, 21]
    assert decoded == list(range(4 * chunks, 24))
    readable = np.setdiff1d(np.arange(24), [2, 21])
    np.testing.assert_array_equal(np.load(tmp_path / "images.npy"), pictures[readable])


def test_a_broken_build_of_other_images_begins_again(tmp_path, monkeypatch, pictures, small_chunks):
    with monkeypatch.context() as moment:
        break_after(moment, 2)
        with pytest.raises(Broken):
            arrays.write_images(pictures, tmp_path, "made")
    others = pictures.take(np.arange(24)[::-1])
    arrays.write_images(others, tmp_path, "made")
    np.testing.assert_array_equal(np.load(tmp_path / "images.npy"), others[:])


def test_a_note_is_written_only_when_the_disk_has_the_images(tmp_path, monkeypatch, pictures, small_chunks):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(arrays.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        arrays.write_images(pictures, tmp_path, "made")
    assert not (tmp_path / arrays.PROGRESS).exists()


def stored(folder, images=IMAGES, **others):
    arrays.save(folder, {"images": images, **others}, name="made")
    return arrays.load(folder, "made")[1]


def test_what_is_large_is_mapped_and_what_is_small_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "SMALL", 1000)
    loaded = stored(tmp_path, few=np.arange(3), many=np.arange(1000))
    assert isinstance(loaded["images"], np.memmap) and isinstance(loaded["many"], np.memmap)
    assert not isinstance(loaded["few"], np.memmap)
    assert not any(array.flags.writeable for array in loaded.values())


def test_a_change_in_a_large_file_is_seen_by_whoever_reads_all_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "SMALL", 200)
    stored(tmp_path)
    with (tmp_path / "images.npy").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"?")
    arrays.load(tmp_path, "made")
    with pytest.raises(arrays.DamagedArrayError, match="images.npy of 'made'"):
        arrays.load(tmp_path, "made", whole=True)


def test_mapped_images_answer_as_the_array_does(tmp_path):
    images = stored(tmp_path)["images"]
    for index in (np.array([7, 1]), np.arange(10) % 2 == 0, slice(2, 5), 3, (slice(None), 0), []):
        np.testing.assert_array_equal(images[index], IMAGES[index])
    copied = images[[1, 2]]
    assert type(copied) is np.ndarray and copied.flags.writeable
    assert type(images[0, 0, 0, 0]) is np.uint8
    assert type(images.mean()) is np.float64 and images.mean() == IMAGES.mean()
    assert type(images == 3) is np.ndarray


GIB = 2**30


@pytest.fixture(scope="module")
def ten_gibibytes(tmp_path_factory):
    """A folder whose images.npy has 10 GiB, nearly all of them a hole in the file."""
    folder, n = tmp_path_factory.mktemp("large"), 400_000
    rows = np.arange(n)
    arrays.save(folder, {"ids": rows, "groups": np.char.add("made:", rows.astype(str)), "target-label": rows % 2})
    header = arrays._header((n, 3, 96, 96))
    with (folder / "images.npy").open("wb") as file:
        file.write(header + bytes(range(256)))
        file.truncate(len(header) + n * 3 * 96 * 96)
    assert (folder / "images.npy").stat().st_size > 10 * GIB
    meta = json.loads((folder / "meta.json").read_text())
    meta["files"]["images.npy"] = {"bytes": (folder / "images.npy").stat().st_size, "sha256": "not asked for"}
    (folder / "meta.json").write_text(json.dumps(meta))
    yield folder
    (folder / "images.npy").unlink()


def open_domain(folder):
    loaded = arrays.load(folder, "large")[1]
    splits = dict(zip(("train", "validation", "test"), np.split(loaded["ids"], [280_000, 320_000]), strict=True))
    labels = {"label": loaded["target-label"]}
    return Domain("large", loaded["images"], labels, ("a", "b"), splits, loaded["ids"], loaded["groups"])


def test_a_set_of_ten_gibibytes_is_opened_without_being_read(ten_gibibytes, monkeypatch):
    hashed, fingerprint = [], arrays.fingerprint
    monkeypatch.setattr(arrays, "fingerprint", lambda file: hashed.append(file.name) or fingerprint(file))
    domain = open_domain(ten_gibibytes)
    assert domain.images.shape == (400_000, 3, 96, 96)
    assert "ids.npy" in hashed and "images.npy" not in hashed


def memory_of(kind):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(kind))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what of a process is a mapped file")
def test_batches_of_ten_gibibytes_are_gathered_in_a_small_memory(ten_gibibytes):
    domain, before, most = open_domain(ten_gibibytes), memory_of("VmRSS"), 0
    for batch in np.random.default_rng(0).permutation(27_136).reshape(-1, 128):  # 0.7 GiB
        assert domain.images[batch].shape == (128, 3, 96, 96)
        most = max(most, memory_of("VmRSS") - before)
    assert most < 0.45 * GIB  # all of it, where no page is given back


def test_a_copy_of_mapped_images_is_indexed_like_any_array(tmp_path, monkeypatch):
    """np.repeat makes a copy of the map's own class, which has no pages to give back."""
    monkeypatch.setattr(arrays, "KEPT_MAPPED", 0)
    images = np.arange(10 * 12, dtype=np.uint8).reshape(10, 1, 3, 4)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r").view(arrays.MappedImages)
    in_colour = np.repeat(mapped, 3, axis=1)
    np.testing.assert_array_equal(in_colour[[7, 2]], np.repeat(images, 3, axis=1)[[7, 2]])
