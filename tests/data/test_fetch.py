import hashlib
import random
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.data import download, originals
from course_utils.data.originals import DIFFERS, PUBLISHED, ChecksumError, FetchError, Original, OriginalError, adopt
from tests.data import file_server

CONTENT = random.Random(0).randbytes(5000)
OTHER = random.Random(1).randbytes(5000)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store" / "digits"


def original(*urls, **changed):
    known = {"bytes": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest()}
    return Original("set#1.gz", urls, **(known | changed))


def fetch(original, folder, first=(), waits=(0.0, 0.0), **options):
    return originals.fetch(original, folder, first, waits=waits, **options)


def left_in(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def test_a_fetched_file_is_the_published_one_and_is_not_fetched_again(server, folder):
    wanted = original(server.offer(CONTENT))
    assert fetch(wanted, folder).verdict == fetch(wanted, folder).verdict == PUBLISHED
    assert (folder / "set#1.gz").read_bytes() == CONTENT
    assert left_in(folder) == ["set#1.gz"]
    assert len(server.asked) == 1


def test_patience_is_renewed_while_bytes_come_and_a_servers_wish_is_heard(server, folder, monkeypatch):
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    plan = [file_server.status(500), file_server.dies_at(1500), file_server.dies_at(3000), file_server.status(503)]
    wish, much = file_server.status(429, Retry_After=2), file_server.status(429, Retry_After=9999)
    fetch(original(server.offer(CONTENT, *plan, wish, much)), folder, waits=(1.0, 2.0, 4.0, 8.0))
    assert slept == [1, 1, 1, 2, 4, 8]
    assert (folder / "set#1.gz").read_bytes() == CONTENT


def test_a_server_that_wants_a_pause_gets_it_up_to_the_longest_of_ours(server, folder, monkeypatch):
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    plan = [file_server.status(429, Retry_After=wish) for wish in (3, 9999)]
    fetch(original(server.offer(CONTENT, *plan)), folder, waits=(1.0, 1.0, 8.0))
    assert slept == [3, 8]


def test_mirrors_are_asked_in_turn_and_every_failure_is_told_with_the_next_step(server, folder):
    urls = [
        server.url("/nowhere"),
        server.offer(CONTENT, *[file_server.status(500)] * 3, path="/broken"),
        server.offer(CONTENT, file_server.page("text/html"), path="/page"),
    ]
    with pytest.raises(FetchError) as failed:
        fetch(original(*urls), folder)
    assert str(failed.value) == (
        "set#1.gz could not be fetched:\n"
        f"  {urls[0]} answered 404 Not Found\n"
        f"  {urls[1]} answered 500 Internal Server Error\n"
        f"  {urls[2]} answered a web page and not the file\n"
        "`python3 course.py data fetch digits` tries again and goes on from what has come. "
        "`python3 course.py data import digits PATH` takes a file that you have."
    )
    assert [path for path, _ in server.asked] == ["/nowhere", "/broken", "/broken", "/broken", "/page"]
    assert left_in(folder) == []
    fetch(original(*urls[:1], server.offer(CONTENT)), folder)
    assert left_in(folder) == ["set#1.gz"]


def test_a_file_with_a_wrong_checksum_is_left_for_the_next_mirror(server, folder):
    wrong, right = server.offer(OTHER, path="/wrong"), server.offer(CONTENT, path="/right")
    fetch(original(wrong, right), folder)
    assert (folder / "set#1.gz").read_bytes() == CONTENT
    assert server.ranges("/wrong") == server.ranges("/right") == [None]


def test_where_no_mirror_has_the_published_file_nothing_is_kept(server, folder):
    sha256 = hashlib.sha256(OTHER).hexdigest()
    with pytest.raises(ChecksumError, match=f"is not the published set#1.gz: it has sha256 {sha256}"):
        fetch(original(server.offer(OTHER), server.url("/nowhere")), folder)
    assert left_in(folder) == []


def test_a_part_that_was_damaged_is_fetched_from_the_beginning_at_the_same_address(server, folder):
    wanted = original(server.offer(CONTENT, file_server.dies_at(3000), *[file_server.status(500)] * 2))
    with pytest.raises(FetchError, match="500"):
        fetch(wanted, folder)
    part = folder / "set#1.gz.part"
    part.write_bytes(b"rotten" + part.read_bytes()[6:])
    server.asked.clear()
    fetch(wanted, folder)
    assert (folder / "set#1.gz").read_bytes() == CONTENT
    assert server.ranges() == [f"bytes={3000 - download.OVERLAP}-", None]


def test_a_second_call_goes_on_at_the_mirror_where_the_first_address_died(server, folder):
    dead = server.offer(CONTENT, file_server.dies_at(3000), *[file_server.status(503)] * 3, path="/dead")
    with pytest.raises(FetchError):
        fetch(original(dead), folder)
    assert left_in(folder) == ["set#1.gz.part", "set#1.gz.part.json"]
    fetch(original(server.url("/gone"), server.offer(CONTENT, path="/mirror")), folder)
    assert server.ranges("/mirror") == [f"bytes={3000 - download.OVERLAP}-"]
    assert left_in(folder) == ["set#1.gz"]


BEHAVIOURS = {
    "honest": file_server.honest,
    "dies early": file_server.dies_at(10),
    "dies late": file_server.dies_at(4321),
    "ignores ranges": file_server.ignores_ranges,
    "has no tags": file_server.without_tags,
    "ignores conditions": file_server.ignores_conditions,
    "resumes elsewhere": file_server.resumes_elsewhere,
    "lies about its place": file_server.lies_about_its_place,
    "changes": file_server.changes_to(OTHER),
    "changes untold": file_server.changes_to(OTHER, file_server.without_tags),
    "changes back": file_server.changes_to(CONTENT),
    "sends too much": file_server.in_chunks(b"and more"),
    "forgets the end": file_server.in_chunks(ends=False),
    "sends nothing": file_server.labelled(Content_Length=None),
    "page": file_server.page("text/html"),
    "untold page": file_server.page("application/gzip"),
    "404": file_server.status(404),
    "416": file_server.status(416),
    "429": file_server.status(429),
    "500": file_server.status(500),
}


@settings(max_examples=120, deadline=None)
@given(st.lists(st.sampled_from(sorted(BEHAVIOURS)), max_size=8), st.booleans())
def test_whatever_servers_do_the_name_is_given_to_the_published_file_alone(server, names, is_sized):
    plan = [BEHAVIOURS[name] for name in names]
    urls = server.offer(CONTENT, *plan[::2], path="/first"), server.offer(CONTENT, *plan[1::2], path="/mirror")
    wanted = original(*urls) if is_sized else original(*urls, bytes=None)
    with tempfile.TemporaryDirectory() as there:
        folder = Path(there, "digits")
        try:
            said = fetch(wanted, folder).verdict
        except OriginalError as error:
            said = str(error)
        if said == PUBLISHED:
            assert (folder / "set#1.gz").read_bytes() == CONTENT
            assert left_in(folder) == ["set#1.gz"]
        else:
            assert said.startswith("set#1.gz could not be fetched:\n  http")
            assert "set#1.gz" not in left_in(folder)


def test_a_stick_and_the_rooms_server_come_before_the_publisher(server, folder, tmp_path):
    (tmp_path / "stick" / "digits").mkdir(parents=True)
    stick = tmp_path / "stick" / "digits" / "set#1.gz"
    stick.write_bytes(CONTENT)
    wanted = original(server.offer(CONTENT, path="/publisher"))
    fetch(wanted, folder, first=[str(tmp_path / "empty"), tmp_path / "stick"])
    assert server.asked == []
    assert (folder / "set#1.gz").read_bytes() == stick.read_bytes() == CONTENT
    stick.write_bytes(OTHER)
    (folder / "set#1.gz").unlink()
    server.offer(CONTENT, path="/room/digits/set%231.gz")
    fetch(wanted, folder, first=[str(tmp_path / "stick"), server.url("/room/")])
    assert [path for path, _ in server.asked] == ["/room/digits/set%231.gz"]
    assert (folder / "set#1.gz").read_bytes() == CONTENT


def test_what_a_stick_lacks_is_told(server, folder, tmp_path):
    stick = tmp_path / "stick" / "digits" / "set#1.gz"
    with pytest.raises(FetchError, match=f"\n  {stick} cannot be read: No such file"):
        fetch(original(), folder, first=[str(tmp_path / "stick")])


def test_a_file_without_an_address_says_where_it_comes_from(folder):
    with pytest.raises(
        FetchError,
        match="is not fetched by the course: .python3 course.py data card digits. says.*data import digits PATH",
    ):
        fetch(original(), folder)


def test_a_file_taken_unverified_stays_until_the_published_one_is_here(server, folder, tmp_path):
    (tmp_path / "theirs").write_bytes(OTHER)
    url = server.offer(CONTENT, file_server.status(404))
    assert adopt(original(url), tmp_path / "theirs", folder, unverified=True).verdict == DIFFERS
    with pytest.raises(FetchError):
        fetch(original(url), folder)
    assert (folder / "set#1.gz").read_bytes() == OTHER
    fetch(original(url), folder)
    assert (folder / "set#1.gz").read_bytes() == CONTENT
