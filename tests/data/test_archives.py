import bz2
import errno
import gzip
import io
import lzma
import os
import random
import shutil
import tarfile
import tempfile
import threading
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.data import archives
from course_utils.data.archives import HostileArchiveError, OriginalError, decompressed, unpack

NOISE = random.Random(0)
FILES = {
    "set/train/zero/1.png": NOISE.randbytes(700),
    "set/train/one/1.png": NOISE.randbytes(512),  # a whole block of a tar
    "set/test/zero/naïve 2.png": NOISE.randbytes(3000),
    "set/labels.csv": b"",
    "read me": b"x" * 2000,
}
PACKERS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


def zipped(files=FILES, method=zipfile.ZIP_DEFLATED):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.mkdir("set")
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def tarred(files=FILES, layout=tarfile.PAX_FORMAT):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=layout) as archive:
        folder = tarfile.TarInfo("./set")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o000
        archive.addfile(folder)
        for name, content in files.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size, info.mode = len(content), 0o000
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


ARCHIVES = {
    "zip": zipped(),
    "stored.zip": zipped(method=zipfile.ZIP_STORED),
    "bzip2.zip": zipped(method=zipfile.ZIP_BZIP2),
    "tar": tarred(),
    "gnu.tar": tarred(layout=tarfile.GNU_FORMAT),
    "old.tar": tarred(layout=tarfile.USTAR_FORMAT),
    **{f"tar.{kind}": pack(tarred()) for kind, pack in PACKERS.items()},
}


def unpacked(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()
    }


@pytest.fixture
def into(tmp_path):
    return tmp_path / "store" / "set"


@pytest.fixture
def archive(tmp_path):
    def write(content, name="set.zip"):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


@pytest.mark.parametrize("kind", ARCHIVES)
@pytest.mark.parametrize("name", ["set.zip", "set.tar.gz", "set"])
def test_archives_are_known_by_their_content_and_unpacked_whole(archive, into, kind, name):
    assert unpack(archive(ARCHIVES[kind], name), into) == into
    assert unpacked(into) == FILES
    assert sorted(path.name for path in into.parent.iterdir()) == [".set.lock", "set"]


def test_a_folder_that_is_there_is_kept(archive, into):
    into.mkdir(parents=True)
    (into / "mine").write_text("kept")
    assert unpack(archive(b"not even an archive"), into) == into
    assert unpacked(into.parent) == {"set/mine": b"kept"}


def test_what_a_killed_process_left_is_replaced(archive, into):
    left = into.parent / ".set.unpacking" / "set"
    left.mkdir(parents=True)
    (left / "half").write_text("of a file")
    unpack(archive(ARCHIVES["zip"]), into)
    assert unpacked(into.parent) == {".set.lock": b""} | {f"set/{name}": content for name, content in FILES.items()}


def test_two_at_once_unpack_once(archive, into, monkeypatch):
    really_write, written, meet = archives._write, [], threading.Barrier(2, timeout=30)

    def write(*arguments):
        written.append(arguments)
        really_write(*arguments)

    def work():
        meet.wait()
        unpack(packed, into)

    packed = archive(ARCHIVES["tar.gz"])
    monkeypatch.setattr(archives, "_write", write)
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written) == 1
    assert unpacked(into) == FILES


@pytest.mark.parametrize("kind", ["zip", "tar.xz"])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(archive, into, monkeypatch, kind):
    def full(source, target, length):
        target.write(source.read(5))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(OriginalError, match=r"^The disk is full: set.zip does not fit into .*store \(No space"):
        unpack(archive(ARCHIVES[kind]), into)
    assert [path.name for path in into.parent.iterdir()] == [".set.lock"]


def test_an_interrupted_unpacking_leaves_nothing(archive, into, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "copyfileobj", interrupt)
    with pytest.raises(KeyboardInterrupt):
        unpack(archive(ARCHIVES["tar"]), into)
    assert [path.name for path in into.parent.iterdir()] == [".set.lock"]


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(ARCHIVES)), st.floats(0, 1, exclude_max=True))
def test_an_archive_that_is_cut_anywhere_is_refused_and_leaves_nothing(kind, where):
    whole = ARCHIVES[kind]
    cut = whole[: int(where * len(whole))]
    with tempfile.TemporaryDirectory() as there:
        packed, into = Path(there, "set.zip"), Path(there, "set")
        packed.write_bytes(cut)
        try:
            unpack(packed, into)
        except OriginalError as error:
            assert "set.zip cannot be unpacked" in str(error)  # noqa: PT017  which of both it is depends on the cut
            assert sorted(path.name for path in Path(there).iterdir()) == [".set.lock", "set.zip"]
        else:
            # The zeros that fill up a plain tar may be missing, since its end mark stands before them.
            assert unpacked(into) == FILES and not whole[len(cut) :].strip(b"\0")


@pytest.mark.parametrize(
    ("kind", "from_the_end"), [("tar.gz", 8), ("tar.bz2", 6), ("tar.xz", 12), ("stored.zip", None)]
)
def test_an_archive_whose_own_checksum_is_wrong_is_refused(archive, into, kind, from_the_end):
    content = bytearray(ARCHIVES[kind])
    content[-from_the_end if from_the_end else content.index(b"xxxx")] ^= 1
    with pytest.raises(OriginalError, match=r"^set.zip cannot be unpacked \("):
        unpack(archive(content), into)
    assert not into.exists()


def test_a_zip_whose_directory_points_before_its_beginning_is_refused(archive, into):
    content = bytearray(ARCHIVES["zip"])
    content[-6:-2] = (int.from_bytes(content[-6:-2], "little") + 1000).to_bytes(4, "little")
    with pytest.raises(OriginalError, match=r"^set.zip cannot be unpacked \("):
        unpack(archive(content), into)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(ARCHIVES)), st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255))))
def test_whatever_bytes_are_changed_nothing_else_than_our_error_comes_of_it(kind, changes):
    content = bytearray(ARCHIVES[kind])
    for where, byte in changes:
        content[int(where * len(content))] = byte
    with tempfile.TemporaryDirectory() as there:
        packed, into = Path(there, "set.zip"), Path(there, "here", "set")
        packed.write_bytes(content)
        try:
            unpack(packed, into)
        except OriginalError:
            assert not into.exists()
        assert {path.name for path in Path(there).iterdir()} <= {"set.zip", "here"}
        assert {path.name for path in Path(there, "here").iterdir()} <= {".set.lock", "set"}


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", b"PK", b"BZh9", b"\x1f\x8b", bytes(100), b"\xfd7zXZ\0"])
def test_what_is_no_archive_is_refused_by_name(archive, into, content):
    with pytest.raises(OriginalError, match=r"^set.zip cannot be unpacked \(.*fetch or import the published file"):
        unpack(archive(content), into)
    assert not into.exists()


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(PACKERS)), st.binary(max_size=300), st.integers(0, 300))
def test_a_compressed_file_is_read_up_to_its_bound(tmp_path_factory, kind, content, most):
    path = tmp_path_factory.getbasetemp() / "wrong.extension"
    path.write_bytes(PACKERS[kind](content))
    if len(content) <= most:
        assert decompressed(path, most) == content
    else:
        with pytest.raises(HostileArchiveError, match=f"^wrong.extension unpacks to more than the {most} bytes"):
            decompressed(path, most)


@pytest.mark.parametrize("kind", PACKERS)
def test_a_compressed_bomb_is_refused_without_being_unpacked(archive, kind):
    bomb = archive(PACKERS[kind](bytes(20_000_000)), f"labels.{kind}")
    tracemalloc.start()
    try:
        with pytest.raises(HostileArchiveError, match=rf"^labels.{kind} unpacks to more than the 10,000 bytes"):
            decompressed(bomb, 10_000)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", PACKERS)
def test_a_compressed_file_that_is_cut_or_none_is_refused_by_name(archive, kind):
    whole = PACKERS[kind](NOISE.randbytes(500))
    for content in (b"", b"plain text", whole[:-1], whole[:20], whole[:9] + b"????" + whole[13:]):
        with pytest.raises(OriginalError, match="^labels.gz cannot be unpacked"):
            decompressed(archive(content, "labels.gz"), 1000)
