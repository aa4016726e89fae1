"""One address into one file: it goes on where it broke off, and notices what a server does wrong."""

from __future__ import annotations

import errno
import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from course_utils.progress import progress_bar

CHUNK = 2**16
OVERLAP = 2**10
"""Bytes that are asked for once more on resuming: where they differ from those kept, it is not the same file."""


class BrokenDownloadError(Exception):
    """Raised where asking again may help; what came is kept. wait: seconds that the server asks for."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class RefusedDownloadError(Exception):
    """Raised where an address does not give the file, however often it is asked."""


def download(url: str, part: Path, size: int | None = None, checked: bool = False, timeout: float = 30.0) -> None:
    """Brings what `url` gives into `part`, and goes on from what is already there.

    size: bytes of the published file.  timeout: seconds of silence.
    checked: the whole will be compared with a published checksum, so a part from another address may be continued.
    Raises BrokenDownloadError, RefusedDownloadError, and OSError where `part` cannot be written.
    """
    import requests
    import urllib3

    start, headers = _question(url, part, checked)
    try:
        with requests.get(url, headers=headers, stream=True, timeout=timeout) as response:
            _refuse_failures(response, part, resuming=start > 0)
            head = response.raw.read(OVERLAP)
            if response.status_code == 206:
                total = _going_on(url, response, head, start, part)
            else:
                start, total = 0, _beginning(url, response, head, size, part)
            _write(head, response.raw.read, start, size if total is None else total, part)
    except requests.Timeout as error:
        raise BrokenDownloadError(f"gave no answer within {timeout:g} s") from error
    except requests.RequestException as error:
        # A malformed address is a ValueError too, and stays malformed.
        trouble = RefusedDownloadError if isinstance(error, ValueError) else BrokenDownloadError
        raise trouble(f"cannot be reached ({type(error).__name__})") from error
    except urllib3.exceptions.HTTPError as error:
        raise BrokenDownloadError(f"broke off after {_bytes(part):,} bytes") from error


def forget(part: Path) -> None:
    """Removes a part and the note on where it came from."""
    part.unlink(missing_ok=True)
    _note_file(part).unlink(missing_ok=True)


def _question(url: str, part: Path, checked: bool) -> tuple[int, dict[str, str]]:
    note = _note(part)
    start = max(0, _bytes(part) - OVERLAP) if checked or note.get("url") == url else 0
    headers = {"Accept-Encoding": "identity"}  # or a .gz is unpacked on the way, and is another file
    if start:
        headers["Range"] = f"bytes={start}-"
        if note.get("url") == url and note.get("tag"):
            headers["If-Range"] = note["tag"]
    return start, headers


def _refuse_failures(response, part: Path, resuming: bool) -> None:
    code = response.status_code
    if code == 200 or (code == 206 and resuming):
        return
    said = f"answered {code} {response.reason}".rstrip()
    if code == 416:
        raise _begin_again(part, said)
    if code in (408, 425, 429) or code >= 500:
        wait = response.headers.get("Retry-After", "")
        raise BrokenDownloadError(said, wait=float(wait) if wait.isdecimal() else 0.0)
    raise RefusedDownloadError(said)


def _beginning(url: str, response, head: bytes, size: int | None, part: Path) -> int | None:
    """The number of bytes promised. A server that ignores ranges, or whose file changed, begins again, too."""
    page = "html" in response.headers.get("Content-Type", "").lower()
    if page or head.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        raise RefusedDownloadError("answered a web page and not the file")
    length = response.headers.get("Content-Length", "")
    total = int(length) if length.isdecimal() else None
    if None not in (size, total) and total != size:
        raise RefusedDownloadError(f"offers {total:,} bytes, and the published file has {size:,}")
    part.write_bytes(b"")  # before the note, which would otherwise vouch for older bytes
    note = {"url": url, "tag": _tag(response), "total": total}
    _note_file(part).write_text(json.dumps(note), encoding="utf-8")
    return total


def _going_on(url: str, response, head: bytes, start: int, part: Path) -> int:
    span, note = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", "")), _note(part)
    if span is None or int(span[1]) != start:
        raise _begin_again(part, "resumed at another place than it was asked to")
    with part.open("rb") as file:
        file.seek(start)
        same = file.read() == head
    if note.get("url") == url:
        same &= _tag(response) in (None, note.get("tag"))
    if not same or int(span[2]) != note.get("total"):
        raise _begin_again(part, "has another file than the one that was begun")
    return int(span[2])


def _write(head: bytes, read: Callable[[int], bytes], start: int, promised: int | None, part: Path) -> None:
    if promised and shutil.disk_usage(part.parent).free < promised - _bytes(part):
        raise OSError(errno.ENOSPC, f"{promised - _bytes(part):,} more bytes are needed")
    bar, shown = progress_bar(promised or 0, part.stem), 0.0
    with part.open("r+b") as file:
        file.seek(start)
        try:
            while head:
                if promised is not None and file.tell() + len(head) > promised:
                    forget(part)
                    raise RefusedDownloadError(f"sends more than the {promised:,} bytes that it promised")
                file.write(head)
                if time.monotonic() - shown > 0.2:
                    shown = time.monotonic()
                    bar.update(file.tell(), f"{file.tell() / 2**20:,.1f} MiB")
                head = read(CHUNK)
            if file.tell() < (promised or 0):
                raise BrokenDownloadError(f"stopped after {file.tell():,} of {promised:,} bytes")
        finally:
            bar.close(f"{file.tell() / 2**20:,.1f} MiB")


def _tag(response) -> str | None:
    """What If-Range may name: a strong ETag, or else the date."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified")


def _begin_again(part: Path, reason: str) -> BrokenDownloadError:
    forget(part)
    return BrokenDownloadError(f"{reason}; it is fetched from the beginning")


def _bytes(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _note_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _note(part: Path) -> dict[str, str | int | None]:
    try:
        note = json.loads(_note_file(part).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}
