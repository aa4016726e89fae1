"""Archives that are made to do harm: each is refused by name, and nothing of it is left."""

import contextlib
import gzip
import io
import stat
import struct
import tarfile
import tempfile
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.data import archives
from course_utils.data.archives import HostileArchiveError, OriginalError, unpack

CLIMBING = ["../evil", "a/../../evil", "a/b/../../../evil", ".."]
ABSOLUTE = [
    "/evil",
    "//server/share/evil",
    "C:/evil",
    "C:evil",
    "c:\\evil",
    "\\evil",
    "\\\\server\\share\\evil",
    "a\\..\\..\\evil",
]
UNWRITABLE = ["a\\b", "a\x00.png", "a\nb", "\x1b[2J"]


def zipped(*entries, method=zipfile.ZIP_DEFLATED):
    """entries: (name, content, mode of the file system)."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content, mode in entries:
            info = zipfile.ZipInfo("?" * len(name))
            info.external_attr, info.compress_type = mode << 16, method
            info.filename = info.orig_filename = name  # afterwards, since the constructor tames names
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of a name that is written twice
                archive.writestr(info, content)
    return packed.getvalue()


def tarred(*entries, layout=tarfile.PAX_FORMAT):
    """entries: (name, content, type of the tar)."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=layout) as archive:
        for name, content, kind in entries:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "target"
            info.size = len(content) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def refused(content, reason, name="set.zip"):
    """The archive is refused for `reason`, and the disk is as before."""
    with tempfile.TemporaryDirectory() as there:
        packed, into = Path(there, name), Path(there, "deep", "store", "set")
        packed.write_bytes(content)
        with pytest.raises(HostileArchiveError, match=rf"(?s)^{name} is refused: {reason}.*fetch or import"):
            unpack(packed, into)
        assert {path.relative_to(there).as_posix() for path in Path(there).rglob("*")} == {
            *(name, "deep", "deep/store", "deep/store/.set.lock"),
        }


@pytest.mark.parametrize("name", CLIMBING + ABSOLUTE)
def test_no_name_leads_out_of_the_folder(name):
    told = r"its entry '.*' leads out of the folder"
    refused(zipped(("fine.png", b"1", 0), (name, b"evil", 0)), told)
    refused(tarred(("fine.png", b"1", tarfile.REGTYPE), (name, b"evil", tarfile.REGTYPE)), told)
    refused(tarred((name, b"", tarfile.DIRTYPE)), told)


@pytest.mark.parametrize("name", UNWRITABLE)
def test_a_name_that_not_every_system_can_write_is_refused(name):
    told = "its entry '.*' has a name that not every system can write"
    refused(zipped((name, b"evil", 0)), told)
    if "\x00" not in name:  # a tar's name ends there
        refused(tarred((name, b"evil", tarfile.REGTYPE)), told)


PIECES = st.sampled_from(
    ["..", ".", "", "a", "A", "b.png", "C:", "c:x", "\\", "..\\", "~", "con", "é", "e\u0301", "\x00"]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(PIECES, min_size=1, max_size=4).map("/".join) | st.text(max_size=8), min_size=1, max_size=4))
def test_names_of_every_kind_stay_in_the_folder(names):
    entries = [(name, b"1", 0) for name in names if name.encode("utf-8", "ignore").decode() == name]
    tars = [(name, content, tarfile.REGTYPE) for name, content, _ in entries if name]
    for content in (zipped(*entries), tarred(*tars)):
        with tempfile.TemporaryDirectory() as there:
            packed, into = Path(there, "set.zip"), Path(there, "deep", "store", "set")
            packed.write_bytes(content)
            with contextlib.suppress(OriginalError):
                unpack(packed, into)
            outside = {path for path in Path(there).rglob("*") if not path.is_relative_to(into)}
            assert outside <= {packed, into.parent.parent, into.parent, into.parent / ".set.lock"}
            for path in into.rglob("*"):
                assert path.is_dir() or path.read_bytes() == b"1"


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_are_refused(kind):
    refused(tarred(("folder", b"", kind), ("folder/evil", b"evil", tarfile.REGTYPE)), "its entry 'folder' is a link")
    refused(gzip.compress(tarred(("a.png", b"", kind))), "its entry 'a.png' is a link")


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"V"])
def test_devices_are_refused(kind):
    refused(tarred(("sda", b"", kind)), "its entry 'sda' is a device")


@pytest.mark.parametrize(
    ("mode", "what"),
    [(stat.S_IFLNK, "link"), (stat.S_IFCHR, "device"), (stat.S_IFIFO, "device"), (stat.S_IFSOCK, "device")],
)
def test_links_and_devices_in_a_zip_are_refused(mode, what):
    refused(zipped(("evil", b"/etc/passwd", mode | 0o777)), f"its entry 'evil' is a {what}")


@pytest.mark.parametrize(
    ("names", "lost"),
    [
        (["a.png", "A.png"], "a.png"),
        (["Art/1.png", "art/2.png"], "Art"),
        (["a.png", "a.png"], "a.png"),
        (["a.png", "./a.png"], "a.png"),
        (["caf\u00e9", "cafe\u0301"], "caf\u00e9"),
        (["straße", "STRASSE"], "straße"),
        (["a", "a/b.png"], "a"),
        (["a/b.png", "a"], "a"),
        (["a/b.png", "A"], "a"),
    ],
)
def test_names_that_are_one_on_some_system_are_refused(names, lost):
    told = f"its entry '.*' would be written over '{lost}'"
    refused(zipped(*((name, b"1", 0) for name in names)), told)
    refused(tarred(*((name, b"1", tarfile.REGTYPE) for name in names)), told)


def test_a_folder_may_be_named_as_often_as_one_likes(tmp_path):
    folders = [("a/", b"", 0), ("a/1.png", b"1", 0), ("a/", b"", 0), ("a/b/", b"", 0), ("a/b/2.png", b"2", 0)]
    (tmp_path / "set.zip").write_bytes(zipped(*folders))
    assert len([p for p in unpack(tmp_path / "set.zip", tmp_path / "set").rglob("*") if p.is_file()]) == 2


ZEROS = bytes(20_000_000)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_that_unpacks_to_a_thousand_times_its_size_is_refused(method):
    refused(zipped(("zeros.png", ZEROS, 0), method=method), "it unpacks to more than 200 times its size")


def test_a_tar_that_unpacks_to_a_thousand_times_its_size_is_refused():
    bomb = gzip.compress(tarred(("zeros.png", ZEROS, tarfile.REGTYPE)))
    assert len(ZEROS) > 900 * len(bomb)
    refused(bomb, "it unpacks to more than 200 times its size")
    refused(gzip.compress(tarred(("1.png", b"1", tarfile.REGTYPE)) + ZEROS), "it unpacks to more than 200 times")


def test_many_files_of_no_size_are_a_bomb_too():
    empty = [(f"{i}", b"", tarfile.REGTYPE) for i in range(2000)]
    refused(gzip.compress(tarred(*empty)), "it unpacks to more than 200 times its size")


def test_a_zip_that_says_less_than_it_holds_is_refused(tmp_path):
    """Its sizes are those of its directory, so a bomb that understates them is cut off, and its checksum fails."""
    honest = zipped(("zeros.png", ZEROS, 0))
    lying = honest.replace(struct.pack("<L", len(ZEROS)), struct.pack("<L", 1000))
    (tmp_path / "set.zip").write_bytes(lying)
    with pytest.raises(OriginalError, match="set.zip cannot be unpacked .*CRC"):
        unpack(tmp_path / "set.zip", tmp_path / "set")
    assert not (tmp_path / "set").exists()


def header(kind, size):
    info = tarfile.TarInfo("long")
    info.type = kind
    block = bytearray(info.tobuf())
    block[124:136] = b"\x80" + size.to_bytes(11, "big") if size >= 0 else b"\xff" + (2**88 + size).to_bytes(11, "big")
    block[148:156] = b"%06o\0 " % (sum(block) - sum(block[148:156]) + 8 * 32)
    return bytes(block)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XGLTYPE])
@pytest.mark.parametrize("size", [2 * len(ZEROS), -512])
def test_a_header_that_would_fill_the_memory_is_refused(kind, size):
    bomb = gzip.compress(header(kind, size) + ZEROS * 2)
    tracemalloc.start()
    try:
        refused(bomb, "it has a header of")
        assert tracemalloc.get_traced_memory()[1] < len(ZEROS)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.DIRTYPE])
def test_a_size_below_zero_that_would_walk_in_circles_is_refused(kind):
    refused(header(kind, -512) + ZEROS[:2000], "its entry 'long' has a size below zero")


def test_headers_within_headers_without_end_are_refused(tmp_path):
    nested = header(tarfile.GNUTYPE_LONGNAME, 1) + b"a".ljust(512, b"\0")
    (tmp_path / "set.tar").write_bytes(nested * 5000 + bytes(1024))
    with pytest.raises(OriginalError, match="set.tar cannot be unpacked"):
        unpack(tmp_path / "set.tar", tmp_path / "set")


def test_a_zip_with_a_password_is_refused_by_name(tmp_path):
    locked = bytearray(zipped(("1.png", b"1", 0)))
    for magic, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        locked[locked.index(magic) + flags] |= 1
    (tmp_path / "set.zip").write_bytes(locked)
    with pytest.raises(OriginalError, match="set.zip cannot be unpacked .*encrypted"):
        unpack(tmp_path / "set.zip", tmp_path / "set")


def test_a_broken_header_is_not_taken_for_the_end(tmp_path):
    """tarfile alone returns the first file and says nothing of the others."""
    whole = bytearray(tarred(*((f"{i}.png", b"1", tarfile.REGTYPE) for i in range(3))))
    whole[1024 + 150] ^= 1
    (tmp_path / "set.tar").write_bytes(whole)
    with tarfile.open(tmp_path / "set.tar") as taken:
        assert taken.getnames() == ["0.png"]
    with pytest.raises(OriginalError, match="it ends in the middle"):
        unpack(tmp_path / "set.tar", tmp_path / "set")


def test_the_standard_librarys_filter_stands_behind_our_own(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_fault", lambda *_: None)
    (tmp_path / "set.tar").write_bytes(tarred(("../evil", b"evil", tarfile.REGTYPE)))
    with pytest.raises(OriginalError, match="set.tar cannot be unpacked .*outside the destination"):
        unpack(tmp_path / "set.tar", tmp_path / "store" / "set")
    assert not list(tmp_path.rglob("evil"))
