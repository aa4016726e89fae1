import errno
import gzip
import json
import random
import shutil
import socket
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.data import download as module
from course_utils.data.download import OVERLAP, BrokenDownloadError, RefusedDownloadError, download
from tests.data import file_server

CONTENT = random.Random(0).randbytes(5000)
OTHER = random.Random(1).randbytes(5000)


@pytest.fixture
def part(tmp_path):
    return tmp_path / "file.part"


def begin(server, part, upto=3000, content=CONTENT):
    """The first `upto` bytes of the file, fetched from a server that died there."""
    with pytest.raises(BrokenDownloadError, match=f"broke off after {upto:,} bytes"):
        download(server.offer(content, file_server.dies_at(upto)), part)
    assert part.read_bytes() == content[:upto]
    server.asked.clear()


def test_a_file_comes_as_it_is_and_unasked_for_ranges(server, part):
    download(server.offer(CONTENT), part)
    assert part.read_bytes() == CONTENT
    assert server.ranges() == [None]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, len(CONTENT) - 1), max_size=5).map(sorted))
def test_a_download_that_is_cut_anywhere_is_resumed_to_the_same_bytes(server, cuts):
    url = server.offer(CONTENT, *map(file_server.dies_at, cuts))
    server.asked.clear()
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder, "part")
        for _ in cuts:
            with pytest.raises(BrokenDownloadError):
                download(url, part)
        download(url, part)
        assert part.read_bytes() == CONTENT
    kept = [None, *(f"bytes={cut - OVERLAP}-" if cut > OVERLAP else None for cut in cuts)]
    assert server.ranges() == kept


def test_a_part_that_is_whole_already_is_only_looked_at_again(server, part):
    begin(server, part, upto=4999)
    part.write_bytes(CONTENT)
    download(server.url(), part)
    assert part.read_bytes() == CONTENT
    assert server.ranges() == [f"bytes={5000 - OVERLAP}-"]


def test_a_server_that_ignores_ranges_sends_the_whole_file(server, part):
    begin(server, part)
    download(server.offer(CONTENT, file_server.ignores_ranges), part)
    assert part.read_bytes() == CONTENT


def test_a_file_that_changed_is_fetched_from_its_beginning(server, part):
    begin(server, part)
    download(server.offer(OTHER), part)
    assert part.read_bytes() == OTHER
    ((_, headers),) = server.asked
    assert headers["If-Range"] == file_server.tag(CONTENT)


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (file_server.resumes_elsewhere, "at another place"),
        (file_server.lies_about_its_place, "another file"),
        (file_server.changes_to(OTHER, file_server.without_tags), "another file"),
        (file_server.changes_to(CONTENT[:4000] + OTHER[:1000], file_server.ignores_conditions), "another file"),
        (file_server.changes_to(CONTENT + b"!", file_server.without_tags), "another file"),
        (file_server.status(416), "answered 416"),
        (file_server.status(206), "at another place"),
    ],
)
def test_a_server_that_resumes_wrongly_is_noticed_and_asked_from_the_beginning(server, part, behaviour, reason):
    begin(server, part)
    with pytest.raises(BrokenDownloadError, match=f"{reason}.*it is fetched from the beginning"):
        download(server.offer(CONTENT, behaviour), part)
    assert list(part.parent.iterdir()) == []
    download(server.url(), part)
    assert part.read_bytes() == server.files["/file"]


@pytest.mark.parametrize(
    "behaviour",
    [
        file_server.page("text/html; charset=utf-8", b"Please log in"),
        file_server.page("application/octet-stream"),
        file_server.page("text/plain", b"\n  <HTML><body>"),
        file_server.status(403),
        file_server.status(404),
    ],
)
def test_an_error_page_is_refused_and_what_was_begun_stays(server, part, behaviour):
    begin(server, part)
    with pytest.raises(RefusedDownloadError, match=r"answered (a web page and not the file|40\d)"):
        download(server.offer(CONTENT, behaviour), part)
    assert part.read_bytes() == CONTENT[:3000]
    download(server.url(), part)
    assert part.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("behaviour", "wait"),
    [
        (file_server.status(429, Retry_After=7), 7),
        (file_server.status(503, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"), 0),
        (file_server.status(500), 0),
    ],
)
def test_a_server_in_trouble_may_be_asked_again(server, part, behaviour, wait):
    begin(server, part)
    with pytest.raises(BrokenDownloadError, match=r"answered \d{3}") as broken:
        download(server.offer(CONTENT, behaviour), part)
    assert broken.value.wait == wait
    assert part.read_bytes() == CONTENT[:3000]


def test_a_part_of_a_file_that_nobody_asked_for_in_parts_is_refused(server, part):
    with pytest.raises(RefusedDownloadError, match="answered 206"):
        download(server.offer(CONTENT, file_server.status(206)), part)
    assert not part.exists()


@pytest.mark.parametrize("size", [4999, 5001])
def test_a_file_of_another_length_than_published_is_refused_before_it_is_fetched(server, part, size):
    begin(server, part)
    for url in (server.offer(CONTENT, path="/mirror"), server.offer(CONTENT, file_server.ignores_ranges)):
        with pytest.raises(RefusedDownloadError, match=f"offers 5,000 bytes, and the published file has {size:,}"):
            download(url, part, size=size)
        assert part.read_bytes() == CONTENT[:3000], "a mirror that is wrong costs nothing"


def test_more_bytes_than_promised_are_refused(server, part):
    with pytest.raises(RefusedDownloadError, match="more than the 5,000 bytes"):
        download(server.offer(CONTENT, file_server.in_chunks(b"and more")), part, size=5000)
    assert list(part.parent.iterdir()) == []


def test_a_file_in_chunks_of_unknown_number_is_whole_when_its_end_comes(server, part):
    with pytest.raises(BrokenDownloadError, match="broke off"):
        download(server.offer(CONTENT, file_server.in_chunks(ends=False)), part)
    download(server.offer(CONTENT, file_server.in_chunks()), part)
    assert part.read_bytes() == CONTENT
    with pytest.raises(BrokenDownloadError, match="stopped after 5,000 of 6,000 bytes"):
        download(server.offer(CONTENT, file_server.in_chunks()), part, size=6000)


def test_what_is_stored_compressed_is_not_unpacked_on_the_way(server, part):
    packed = gzip.compress(CONTENT)
    download(server.offer(packed, file_server.labelled(Content_Encoding="gzip")), part)
    assert part.read_bytes() == packed
    assert server.asked[0][1]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(("checked", "asked"), [(True, f"bytes={3000 - OVERLAP}-"), (False, None)])
def test_only_what_a_checksum_will_judge_is_continued_from_another_address(server, part, checked, asked):
    begin(server, part)
    download(server.offer(CONTENT, path="/mirror"), part, checked=checked)
    assert part.read_bytes() == CONTENT
    assert server.ranges("/mirror") == [asked]


@pytest.mark.parametrize("note", ["", "null", "[1]", '{"url": 3}'])
def test_a_part_whose_note_is_lost_or_broken_is_not_trusted(server, part, note):
    begin(server, part)
    part.with_name("file.part.json").write_text(note)
    download(server.offer(CONTENT), part)
    assert part.read_bytes() == CONTENT
    assert server.ranges() == [None]


def test_silence_and_a_closed_door_are_told_in_words(server, part):
    with pytest.raises(BrokenDownloadError, match="gave no answer within 0.05 s"):
        download(server.offer(CONTENT, file_server.silent(0.2)), part, timeout=0.05)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(BrokenDownloadError, match="cannot be reached"):
        download(f"http://127.0.0.1:{port}/file", part)
    for malformed in ("http://", "gopher://here/file", "http://[/file"):
        with pytest.raises(RefusedDownloadError, match="cannot be reached"):
            download(malformed, part)


def test_a_file_that_the_disk_has_no_room_for_is_not_begun(server, part, monkeypatch):
    begin(server, part)
    usage = shutil.disk_usage(part.parent)._replace(free=1999)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OSError, match="2,000 more bytes are needed") as full:
        download(server.offer(CONTENT), part)
    assert full.value.errno == errno.ENOSPC
    assert part.read_bytes() == CONTENT[:3000]


def test_the_bar_is_told_what_came_and_is_closed_when_the_server_dies(server, part, monkeypatch):
    told = []

    class Bar:
        def __init__(self, total, title):
            told.append((total, title))

        def update(self, done, text):
            told.append((done, text))

        def close(self, text):
            told.append(text)

    monkeypatch.setattr(module, "progress_bar", Bar)
    monkeypatch.setattr(module.time, "monotonic", iter(range(100)).__next__)
    begin(server, part)
    assert told == [(5000, "file"), (1024, "0.0 MiB"), (3000, "0.0 MiB"), "0.0 MiB"]


def test_the_note_never_vouches_for_bytes_of_an_older_file(server, part, monkeypatch):
    """A process that is killed between writing the note and the first byte leaves an empty part."""
    begin(server, part)

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_write", killed)
    with pytest.raises(KeyboardInterrupt):
        download(server.offer(OTHER), part)
    assert part.read_bytes() == b""
    assert json.loads(part.with_name("file.part.json").read_text())["tag"] == file_server.tag(OTHER)
