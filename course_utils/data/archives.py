"""Unpacking what strangers packed: nothing leaves the folder, nothing fills the disk, nothing is half done."""

from __future__ import annotations

import bz2
import contextlib
import errno
import gzip
import lzma
import re
import shutil
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from io import BufferedIOBase
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

from course_utils.data.alone import OriginalError, alone

RATIO = 200  # deflate reaches 1,030 on zeros; sets of images stay below 10
ALWAYS = 2**20  # bytes that any archive may unpack to, however small it is
BLOCK = 2**12  # what the smallest file takes on a disk: a million empty ones are a bomb, too
AT_ONCE = 2**20  # no header is longer

OPENERS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
DAMAGE = (
    *(OSError, EOFError, ValueError, LookupError, OverflowError, RuntimeError, struct.error),
    *(zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile),
)
"""What the standard library raises on broken archives, from the end of a file to recursion without end."""

NOT_KEPT = "Nothing of it is kept: remove it, and fetch or import the published file."


class HostileArchiveError(OriginalError):
    """Raised for an archive that would write outside its folder, or unpack to far more than its size."""


class Member(NamedTuple):
    """One entry of an archive. kind: "file", "folder", or what else it is and is refused for."""

    name: str
    kind: str
    size: int
    open: Callable[[], BufferedIOBase | None]


def unpack(archive: Path, into: Path) -> Path:
    """Unpacks zip, tar, tar.gz, tar.bz2 or tar.xz, known by its content, into the new folder `into`, and returns it.

    An `into` that exists is whole, and is kept. Raises HostileArchiveError, and OriginalError for a damaged archive
    or a full disk; nothing is left of it then.
    """
    if into.exists():
        return into
    with alone(archive.name, into.parent, lock=f".{into.name}.lock"):
        if into.exists():  # another process was faster
            return into
        temporary = into.with_name(f".{into.name}.unpacking")
        shutil.rmtree(temporary, ignore_errors=True)  # of a killed process
        try:
            temporary.mkdir()
            with _damage_told(archive), archive.open("rb") as file:
                _write(archive, file, temporary)
            return temporary.rename(into)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def decompressed(path: Path, most: int) -> bytes:
    """The content of a gz, bz2 or xz file. Raises HostileArchiveError where it is longer than `most` bytes."""
    with _damage_told(path), path.open("rb") as file:
        if (opened := _decompressing(file)) is file:
            raise ValueError("it is neither gz, bz2 nor xz")
        content = opened.read(most + 1)
    if len(content) > most:
        raise HostileArchiveError(f"{path.name} unpacks to more than the {most:,} bytes that it may have. {NOT_KEPT}")
    return content


@contextlib.contextmanager
def _damage_told(archive: Path) -> Iterator[None]:
    try:
        yield
    except OriginalError:
        raise
    except DAMAGE as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise  # the disk's trouble and not the archive's
        raise OriginalError(
            f"{archive.name} cannot be unpacked ({error}): it is cut off, damaged or of an unknown kind. {NOT_KEPT}"
        ) from error


def _write(archive: Path, file: BufferedIOBase, folder: Path) -> None:
    most, spent, seen = max(ALWAYS, RATIO * archive.stat().st_size), 0, {}
    members = _zip_members(file) if file.peek(2).startswith(b"PK") else _tar_members(file, folder, most, archive.name)
    for member in members:
        if fault := _fault(member, seen):
            raise HostileArchiveError(f"{archive.name} is refused: its entry {member.name!r} {fault}. {NOT_KEPT}")
        spent += max(member.size, BLOCK)
        if spent > most:
            raise _bomb(archive.name)
        target = folder / PurePosixPath(member.name)
        if member.kind == "folder":
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with member.open() as source, target.open("xb") as written:
            shutil.copyfileobj(source, written, AT_ONCE)


def _fault(member: Member, seen: dict[str, tuple[PurePosixPath, bool]]) -> str | None:
    """Why an entry is refused. seen: what the entries before have taken, by a name that no system tells apart."""
    path, windows = PurePosixPath(member.name), PureWindowsPath(member.name)
    if member.kind not in ("file", "folder"):
        return f"is {member.kind}"
    if windows.drive or windows.root or ".." in windows.parts:
        return "leads out of the folder"
    if re.search(r"[\x00-\x1f\\]", member.name) or (member.kind == "file" and not path.parts):
        return "has a name that not every system can write"
    if member.size < 0:
        return "has a size below zero"
    for step, folder in [(path, member.kind == "folder"), *((parent, True) for parent in path.parents)]:
        key = unicodedata.normalize("NFC", str(step)).casefold()
        if key in seen and (seen[key] != (step, True) or not folder):
            return f"would be written over {str(seen[key][0])!r}"
        seen[key] = step, folder
    return None


def _bomb(name: str) -> HostileArchiveError:
    return HostileArchiveError(f"{name} is refused: it unpacks to more than {RATIO} times its size. {NOT_KEPT}")


def _zip_members(file: BufferedIOBase) -> Iterator[Member]:
    with zipfile.ZipFile(file) as opened:
        for info in opened.infolist():
            mode = stat.S_IFMT(info.external_attr >> 16)
            kind = "folder" if info.is_dir() else "file"
            if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
                kind = "a link" if mode == stat.S_IFLNK else "a device"
            # orig_filename: `filename` is cut at a NUL, and has its backslashes turned on Windows.
            yield Member(info.orig_filename, kind, info.file_size, lambda info=info: opened.open(info))


def _tar_members(file: BufferedIOBase, folder: Path, most: int, name: str) -> Iterator[Member]:
    stream = _Bounded(_decompressing(file), most, name)
    with tarfile.open(fileobj=stream, mode="r:") as opened:
        for info in opened:
            kind = "folder" if info.isdir() else "file" if info.isreg() else "a device"
            if info.issym() or info.islnk():
                kind = "a link"
            # The standard library's filter is the second line: no name that gets here should need it.
            yield Member(
                info.name,
                kind,
                info.size,
                lambda info=info: opened.extractfile(tarfile.data_filter(info, str(folder))),
            )
    # tarfile takes a broken header for the end; a whole archive ends with zeros, and its stream with a checksum.
    if stream.latest != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("it ends in the middle")
    while stream.read(AT_ONCE):
        pass


def _decompressing(file: BufferedIOBase) -> BufferedIOBase:
    begins = file.peek(6)
    return next((opener(file) for magic, opener in OPENERS.items() if begins.startswith(magic)), file)


class _Bounded:
    """What tarfile reads from: at most `most` bytes in all, and no header that would fill the memory."""

    def __init__(self, stream: BufferedIOBase, most: int, name: str) -> None:
        self._stream, self._most, self._name = stream, most, name
        self.latest = b""
        self.tell = stream.tell

    def read(self, size: int) -> bytes:
        if not 0 <= size <= AT_ONCE:
            raise HostileArchiveError(f"{self._name} is refused: it has a header of {size:,} bytes. {NOT_KEPT}")
        self.latest = self._stream.read(size)
        return self._within(self.latest)

    def seek(self, position: int) -> int:
        return self._within(self._stream.seek(min(position, self._most + 1)))

    def _within(self, answer):
        if self._stream.tell() > self._most:
            raise _bomb(self._name)
        return answer
