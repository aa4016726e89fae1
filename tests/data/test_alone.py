"""One process at a time, and what the disk refuses, shown on files that are fetched and unpacked."""

import contextlib
import errno
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import filelock
import pytest

from course_utils.data import originals
from course_utils.data.alone import OriginalError, alone
from course_utils.data.download import OVERLAP
from course_utils.data.originals import PUBLISHED, FetchError, Original
from tests.data import file_server

CONTENT = random.Random(0).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store" / "digits"


def fetch(url, folder, name="set.gz"):
    return originals.fetch(Original(name, (url,), sha256=SHA256), folder, waits=())


def left_in(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def test_who_waits_for_another_process_is_told_so(folder, monkeypatch):
    told = []

    class Bar:
        def __init__(self, total, title):
            told.append(title)
            others.release()

        def close(self, text):
            told.append(text)

    folder.mkdir(parents=True)
    others = filelock.FileLock(folder / ".lock")
    others.acquire()
    monkeypatch.setattr("course_utils.data.alone.progress_bar", Bar)
    with alone("set.gz", folder):
        assert told == ["set.gz: another process is at work on it", "done"]


def test_a_folder_that_cannot_be_is_named(folder):
    folder.parent.parent.joinpath("store").write_bytes(b"a file stands where the folder should be")
    with (
        pytest.raises(OriginalError, match=r"set.gz cannot be kept in .*store/digits: .*COURSE_DATA"),
        alone("set.gz", folder),
    ):
        pytest.fail("it went in")


def begin(server, folder):
    """The first 100,000 bytes, from a server that died there."""
    url = server.offer(CONTENT, file_server.dies_at(100_000))
    with pytest.raises(FetchError, match="broke off after 100,000 bytes"):
        fetch(url, folder)
    server.asked.clear()
    return url


def test_what_the_disk_has_no_room_for_is_said_before_it_is_fetched(server, folder, monkeypatch):
    url = begin(server, folder)
    usage = shutil.disk_usage(folder)._replace(free=199_999)
    with monkeypatch.context() as moment:
        moment.setattr(shutil, "disk_usage", lambda _: usage)
        with pytest.raises(OriginalError, match=r"^The disk is full: set.gz .*200,000 more bytes.*the same again\.$"):
            fetch(url, folder)
    assert (folder / "set.gz.part").read_bytes() == CONTENT[:100_000]


class FullDisk:
    """A file that takes no byte beyond a limit."""

    def __init__(self, file, limit):
        self.file, self.limit = file, limit

    def write(self, content):
        if self.file.tell() + len(content) > self.limit:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.file.write(content)

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()


def test_a_disk_that_fills_up_is_one_sentence_and_what_came_is_gone_on_with(server, folder, monkeypatch):
    url, really_open = begin(server, folder), Path.open

    def opened(path, mode="r", **options):
        file = really_open(path, mode, **options)
        return FullDisk(file, 200_000) if mode == "r+b" else file

    with monkeypatch.context() as moment:
        moment.setattr(Path, "open", opened)
        with pytest.raises(
            OriginalError, match=r"^The disk is full: set.gz .*\(No space left on device\).*COURSE_DATA"
        ):
            fetch(url, folder)
    kept = len((folder / "set.gz.part").read_bytes())
    assert 100_000 < kept <= 200_000
    fetch(url, folder)
    assert (folder / "set.gz").read_bytes() == CONTENT
    assert server.ranges()[-1] == f"bytes={kept - OVERLAP}-"


@contextlib.contextmanager
def nobody():
    """The administrator may write everywhere, so the test steps down for a moment."""
    if os.name != "posix" or os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_that_may_only_be_read_serves_what_it_has_and_is_named_for_what_it_lacks(server):
    url = server.offer(CONTENT)
    with tempfile.TemporaryDirectory() as there:
        folder = Path(there, "digits")
        fetch(url, folder)
        Path(there).chmod(0o755)
        (folder / ".lock").chmod(0o444)
        folder.chmod(0o555)
        with nobody():
            assert fetch(url, folder).verdict == PUBLISHED
            with pytest.raises(OriginalError, match=r"other.gz cannot be kept in .*digits: Permission.*COURSE_DATA"):
                fetch(url, folder, name="other.gz")
        folder.chmod(0o755)
    assert len(server.asked) == 1


FETCHING = """
import sys, types
for name, folder in (("course_utils", ""), ("course_utils.data", "/data")):  # without the weight of torch
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [sys.argv[1] + "/course_utils" + folder]
from pathlib import Path
from course_utils.data.originals import Original, fetch
print("ready", flush=True)
print(fetch(Original("set.gz", (sys.argv[2],), sha256=sys.argv[4]), Path(sys.argv[3])).verdict)
"""


def fetching_process(url, folder):
    command = [sys.executable, "-c", FETCHING, str(ROOT), url, str(folder), SHA256]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def test_two_processes_at_once_fetch_a_file_once(server, folder):
    both_are_there = threading.Event()
    url = server.offer(CONTENT, file_server.stops_at(200_000, both_are_there))
    processes = [fetching_process(url, folder) for _ in range(2)]
    both_are_there.set()
    assert [process.communicate(timeout=30)[0] for process in processes] == [f"{PUBLISHED}\n"] * 2
    assert server.ranges() == [None]
    assert left_in(folder) == ["set.gz"]


def test_what_a_killed_process_fetched_is_gone_on_with_and_its_lock_is_free(server, folder):
    killed = threading.Event()
    url = server.offer(CONTENT, file_server.stops_at(200_000, killed))
    process, part = fetching_process(url, folder), folder / "set.gz.part"
    while not part.exists() or part.stat().st_size < 100_000:
        time.sleep(0.01)
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    killed.set()
    assert left_in(folder) == ["set.gz.part", "set.gz.part.json"]
    kept = part.stat().st_size
    assert fetch(url, folder).verdict == PUBLISHED
    assert server.ranges() == [None, f"bytes={kept - OVERLAP}-"]
    assert left_in(folder) == ["set.gz"]
