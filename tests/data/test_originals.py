import errno
import hashlib
import os
import shutil
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.data import originals
from course_utils.data.originals import (
    DIFFERS,
    PUBLISHED,
    UNPUBLISHED,
    Checked,
    ChecksumError,
    Original,
    OriginalError,
    adopt,
    check,
    find,
)

CONTENT = b"the published bytes"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()
ORIGINAL = Original("set.gz", bytes=len(CONTENT), sha256=SHA256, md5=MD5)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store" / "digits"


def given_file(path, content=CONTENT):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("published", "verdict"),
    [
        ({}, UNPUBLISHED),
        ({"bytes": len(CONTENT)}, UNPUBLISHED),
        ({"bytes": len(CONTENT) + 1}, DIFFERS),
        ({"sha256": SHA256}, PUBLISHED),
        ({"md5": MD5}, PUBLISHED),
        ({"sha256": SHA256.upper(), "md5": MD5.upper()}, PUBLISHED),
        ({"sha256": SHA256, "md5": "0" * 32}, DIFFERS),
        ({"sha256": "0" * 64, "md5": MD5}, DIFFERS),
        ({"md5": "0" * 32, "bytes": len(CONTENT)}, DIFFERS),
    ],
)
def test_the_verdict_follows_what_is_published(tmp_path, published, verdict):
    path = given_file(tmp_path / "any name")
    assert check(Original("set.gz", **published), path) == Checked("set.gz", len(CONTENT), SHA256, verdict)


@given(st.integers(0, len(CONTENT) - 1), st.integers(1, 255))
def test_one_changed_byte_is_seen(tmp_path_factory, where, change):
    content = bytearray(CONTENT)
    content[where] ^= change
    path = given_file(tmp_path_factory.getbasetemp() / "changed", bytes(content))
    assert check(replace(ORIGINAL, md5=None), path).verdict == DIFFERS
    assert check(replace(ORIGINAL, sha256=None), path).verdict == DIFFERS


def test_an_empty_file_is_never_the_published_one(tmp_path):
    nothing = given_file(tmp_path / "set.gz", b"")
    of_nothing = Original("set.gz", sha256=hashlib.sha256().hexdigest())
    assert check(Original("set.gz"), nothing).verdict == DIFFERS
    assert check(of_nothing, nothing).verdict == DIFFERS


def test_a_file_is_hashed_in_pieces(tmp_path, monkeypatch):
    large = os.urandom(2**20 + 7)
    path = given_file(tmp_path / "large", large)
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("it was read at once"))
    assert check(Original("large"), path).sha256 == hashlib.sha256(large).hexdigest()


def test_an_adopted_file_is_a_copy_under_its_name_and_the_source_is_untouched(folder, tmp_path):
    stick = given_file(tmp_path / "stick" / "set (1).gz")
    stick.chmod(0o400)
    stick.parent.chmod(0o500)
    checked = adopt(ORIGINAL, stick, folder)
    assert checked.verdict == PUBLISHED
    assert (folder / "set.gz").read_bytes() == stick.read_bytes() == CONTENT
    assert (folder / "set.gz").stat().st_mode & stat.S_IWUSR
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "set.gz"]


def test_a_file_that_differs_is_not_adopted_and_says_how_it_could_be(folder, tmp_path):
    wrong = given_file(tmp_path / "set.gz", b"reconstructed")
    told = rf"{wrong} is not the published set.gz: .*bytes 13; published is .*{SHA256}.*`--unverified`"
    with pytest.raises(ChecksumError, match=told):
        adopt(ORIGINAL, wrong, folder)
    assert [path.name for path in folder.iterdir()] == [".lock"]
    assert adopt(ORIGINAL, wrong, folder, unverified=True).verdict == DIFFERS
    assert (folder / "set.gz").read_bytes() == b"reconstructed"


def test_a_refused_file_leaves_the_one_that_is_there(folder, tmp_path):
    adopt(ORIGINAL, given_file(tmp_path / "right"), folder)
    with pytest.raises(ChecksumError):
        adopt(ORIGINAL, given_file(tmp_path / "wrong", b"?"), folder)
    assert (folder / "set.gz").read_bytes() == CONTENT


def test_adopting_ends_a_download_that_was_begun(folder, tmp_path):
    given_file(folder / "set.gz.part", CONTENT[:9])
    given_file(folder / "set.gz.part.json", b"{}")
    given_file(folder / "set.gz.copy", b"of a killed process")
    adopt(ORIGINAL, given_file(tmp_path / "right"), folder)
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "set.gz"]


@pytest.mark.parametrize("where", ["nowhere.gz", "."])
def test_what_cannot_be_read_is_named(folder, tmp_path, where):
    with pytest.raises(OriginalError, match=rf"^{tmp_path / where} cannot be read: .*may read"):
        adopt(ORIGINAL, tmp_path / where, folder)


@pytest.mark.parametrize("trouble", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_sentence_and_leaves_the_old_state(folder, tmp_path, monkeypatch, trouble):
    given_file(folder / "set.gz", b"old")

    def full(source, target, length):
        target.write(source.read(5))
        raise OSError(trouble, os.strerror(trouble))

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(OriginalError, match=rf"^The disk is full: set.gz does not fit into {folder} .*COURSE_DATA"):
        adopt(ORIGINAL, given_file(tmp_path / "right"), folder)
    assert (folder / "set.gz").read_bytes() == b"old"
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "set.gz"]


def test_a_file_is_found_under_its_name_or_by_its_checksum(tmp_path):
    renamed = given_file(tmp_path / "a" / "set (1).gz")
    assert find(ORIGINAL, renamed) == renamed
    assert find(ORIGINAL, tmp_path) is None
    named = given_file(tmp_path / "b" / "c" / "set.gz")
    assert find(ORIGINAL, tmp_path) == find(ORIGINAL, named) == named
    assert find(ORIGINAL, given_file(tmp_path / "other", b"other")) is None
    assert find(ORIGINAL, tmp_path / "nowhere") is None


def test_of_several_files_of_one_name_the_published_one_is_found(tmp_path):
    """MNIST and Fashion-MNIST call their files the same."""
    fashion = given_file(tmp_path / "Fashion" / "set.gz", b"shoes")
    digits = given_file(tmp_path / "Numbers" / "raw" / "set.gz")
    assert find(ORIGINAL, tmp_path) == digits
    assert find(Original("set.gz"), tmp_path) == fashion, "without a checksum: the one that lies highest"


def test_a_wrong_file_of_the_right_name_is_found_so_that_the_user_hears_of_it(tmp_path):
    wrong = given_file(tmp_path / "set.gz", b"reconstructed")
    assert find(ORIGINAL, tmp_path) == find(ORIGINAL, wrong) == wrong


def test_links_out_of_the_folder_are_not_followed(tmp_path):
    outside, inside = given_file(tmp_path / "outside" / "set.gz"), tmp_path / "inside"
    inside.mkdir()
    (inside / "set.gz").symlink_to(outside)
    (inside / "folder").symlink_to(outside.parent)
    (inside / "round").symlink_to(inside)
    assert find(ORIGINAL, inside) is None
    given_file(inside / "blobs" / "1")
    (inside / "set.gz").unlink()
    (inside / "set.gz").symlink_to(inside / "blobs" / "1")
    assert find(ORIGINAL, inside) == inside / "set.gz"


def test_a_folder_of_the_files_name_is_not_the_file(tmp_path):
    (tmp_path / "set.gz").mkdir()
    assert find(ORIGINAL, tmp_path) is None


@pytest.mark.skipif("COURSE_ORIGINALS" not in os.environ, reason="COURSE_ORIGINALS is not set")
def test_the_real_labels_of_mnist_are_found_and_equal_the_published_checksum():
    labels = Original("t10k-labels-idx1-ubyte.gz", bytes=4542, md5="ec29112dd5afa0611ce80d1b7f02629c")
    path = find(labels, Path(os.environ["COURSE_ORIGINALS"]))
    assert originals.check(labels, path).verdict == PUBLISHED
