"""How originals come here: imported from what the user has, copied from COURSE_ORIGINALS, or fetched from a pack."""

import contextlib
import dataclasses
import functools
import http.server
import json
import threading
import zipfile

import pytest

from course_utils.data import arrivals, catalog, shelf, store
from course_utils.data.alone import OriginalError
from course_utils.data.archives import HostileArchiveError
from course_utils.data.originals import DIFFERS, PUBLISHED, UNPUBLISHED, ChecksumError, FetchError
from data_scripts.pack import pack
from tests.data.made_up import original, pack_pictures, write_digits, write_pictures

FILES = ["made-images.bin", "made-labels.bin"]


def names(taken):
    return [checked.name for checked in taken]


def everything(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# Import


def test_a_folder_that_holds_the_files_somewhere_is_copied_from(published, tmp_path):
    (tmp_path / "stick" / "deep").mkdir(parents=True)
    published.rename(tmp_path / "stick" / "deep" / "files")
    before = everything(tmp_path / "stick")
    assert names(arrivals.take("made", tmp_path / "stick")) == FILES
    assert everything(tmp_path / "stick") == before
    entry = shelf.manifest("made").files["made-images.bin"]
    assert entry["verdict"] == PUBLISHED and entry["bytes"] == 40 * 64 and entry["from"].endswith("made-images.bin")
    assert len(store.domain("made")) == 40


def test_one_file_after_the_other_may_come(published):
    arrivals.take("made", published / "made-images.bin")
    with pytest.raises(store.NotHereError, match=r"Wanted: made-labels\.bin"):
        store.domain("made")
    arrivals.take("made", published / "made-labels.bin")
    assert len(store.domain("made")) == 40


def test_a_published_file_under_another_name_is_known_by_its_checksum(published):
    renamed = (published / "made-images.bin").rename(published / "download(1)")
    assert names(arrivals.take("made", renamed)) == ["made-images.bin"]


def test_an_archive_of_the_files_is_looked_into(published, tmp_path):
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        for name in FILES:
            archive.write(published / name, f"inside/{name}")
    assert names(arrivals.take("made", tmp_path / "mine.zip")) == FILES
    assert shelf.manifest("made").files["made-images.bin"]["from"] == str(tmp_path / "mine.zip")
    assert len(store.domain("made")) == 40
    assert not [path for path in store.originals_folder("made").iterdir() if path.is_dir()]


def test_a_file_that_differs_is_refused_and_what_was_here_stays(published, tmp_path):
    arrivals.take("made", published)
    before = everything(store.originals_folder("made"))
    other = write_digits(tmp_path / "other", n=48)
    with pytest.raises(ChecksumError, match=r"made-images\.bin is not the published .*--unverified"):
        arrivals.take("made", other)
    assert everything(store.originals_folder("made")) == before


def test_a_file_that_differs_is_taken_on_request_and_noted(published, tmp_path):
    taken = arrivals.take("made", write_digits(tmp_path / "other", n=48), unverified=True)
    assert {checked.verdict for checked in taken} == {DIFFERS}
    assert shelf.manifest("made").files["made-labels.bin"]["verdict"] == DIFFERS


def test_a_set_without_a_checksum_says_so(published, monkeypatch):
    row = catalog.DOMAINS["made"]
    bare = tuple(dataclasses.replace(o, sha256=None, bytes=None) for o in row.originals)
    monkeypatch.setitem(catalog.DOMAINS, "made", dataclasses.replace(row, originals=bare))
    assert {checked.verdict for checked in arrivals.take("made", published)} == {UNPUBLISHED}


def test_ones_own_packing_of_the_pictures_is_taken_on_request(published, tmp_path):
    mine = pack_pictures(tmp_path / "shapes", tmp_path / "mine" / "pictures.tar")
    with pytest.raises(ChecksumError, match=r"pictures\.tar is not the published shapes\.zip"):
        arrivals.take("shapes", mine)
    assert names(arrivals.take("shapes", mine, unverified=True)) == ["shapes.zip"]
    assert len(store.domain("shapes/drawn")) == 24


@pytest.mark.parametrize("named", ["more.zip", "shapes.zip"])
def test_another_packing_replaces_what_was_unpacked_from_the_first(published, tmp_path, named):
    arrivals.take("shapes", published)
    assert len(store.domain("shapes/drawn")) == 24
    more = write_pictures(tmp_path / "more", per_class=15)
    arrivals.take("shapes", pack_pictures(more, tmp_path / "mine" / named), unverified=True)
    with pytest.warns(UserWarning, match="cat: 15 of 12"):
        assert len(store.domain("shapes/drawn")) == 30


def test_a_folder_of_pictures_stays_where_it_is(published, tmp_path):
    assert arrivals.take("shapes", tmp_path / "shapes") == []
    known = shelf.manifest("shapes")
    assert known.folder == str(tmp_path / "shapes") and known.listing["files"] == 24
    assert len(store.domain("shapes/drawn")) == 24
    assert not list(store.originals_folder("shapes").rglob("*.png"))


def test_a_list_of_labels_beside_unpacked_pictures_does_not_stand_for_them(published, tmp_path, monkeypatch):
    row = catalog.DOMAINS["shapes/drawn"]
    (tmp_path / "shapes" / "list.txt").write_text("cat/0.png 0")
    originals = (*row.originals, original(tmp_path / "shapes" / "list.txt"))
    monkeypatch.setitem(catalog.DOMAINS, row.name, dataclasses.replace(row, originals=originals))
    arrivals.take("shapes", tmp_path / "shapes")
    assert shelf.manifest("shapes").folder == str(tmp_path / "shapes")


def test_of_a_folder_with_some_of_the_domains_the_others_are_told(published, tmp_path, monkeypatch, capsys):
    def unreadable(folder):
        raise ValueError(f"no photographs in {folder}")

    other = dataclasses.replace(catalog.DOMAINS["shapes/drawn"], name="shapes/photographed", build=unreadable)
    monkeypatch.setitem(catalog.DOMAINS, other.name, other)
    arrivals.take("shapes", tmp_path / "shapes")
    assert "Without shapes/photographed: no photographs" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["made", "shapes"])
def test_a_path_that_holds_nothing_of_the_set_is_answered_with_what_is_expected(published, tmp_path, name):
    expected = r"holds nothing of '.*'\. Expected: (made-images\.bin, made-labels\.bin|shapes\.zip)\."
    (tmp_path / "empty").mkdir()
    (tmp_path / "letter.txt").write_text("Dear teacher")
    with zipfile.ZipFile(tmp_path / "letter.zip", "w") as archive:
        archive.write(tmp_path / "letter.txt", "letter.txt")
    for path in (tmp_path / "empty", tmp_path / "letter.txt", tmp_path / "letter.zip"):
        with pytest.raises(store.StoreError, match=f"{path.name} {expected}"):
            arrivals.take(name, path, unverified=True)
    assert not shelf.manifest(name).files and not shelf.manifest(name).folder


def test_an_archive_that_climbs_out_is_refused_by_name_and_leaves_nothing(published, tmp_path):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("../../outside.txt", "here I am")
    with pytest.raises(HostileArchiveError, match=r"bad\.zip"):
        arrivals.take("shapes", tmp_path / "bad.zip", unverified=True)
    assert not list(tmp_path.rglob("outside.txt")) and not shelf.manifest("shapes").files


def test_what_is_not_there_and_what_needs_no_import_are_told(published, tmp_path):
    with pytest.raises(store.StoreError, match="There is no file or folder .*nowhere"):
        arrivals.take("made", tmp_path / "nowhere")
    with pytest.raises(store.StoreError, match="'mnist-5k' comes with the packages"):
        arrivals.take("mnist-5k", tmp_path)
    with pytest.raises(catalog.UnknownDomainError, match="Did you mean 'shapes'"):
        arrivals.take("shape", tmp_path)


# COURSE_ORIGINALS


def test_what_is_not_here_is_told_with_size_licence_and_commands(published):
    said = (
        r"'made' is not on this machine\. Wanted: made-images\.bin, made-labels\.bin \(2\.6 kB; licence: none\)\. "
        r"`python3 course\.py data import made PATH`"
    )
    with pytest.raises(store.NotHereError, match=said) as told:
        store.domain("made")
    assert "data fetch" not in str(told.value)  # no address is known


def test_a_set_with_addresses_is_told_with_the_command_that_fetches_it(published, monkeypatch):
    row = catalog.DOMAINS["made"]
    offered = tuple(dataclasses.replace(o, urls=("https://nowhere.invalid/made",)) for o in row.originals)
    monkeypatch.setitem(catalog.DOMAINS, "made", dataclasses.replace(row, originals=offered))
    with pytest.raises(store.NotHereError, match=r"`python3 course\.py data fetch made` downloads it"):
        store.domain("made")


def test_files_are_copied_from_course_originals_with_one_line(published, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_ORIGINALS", str(published))
    before = everything(published)
    assert len(store.domain("made")) == 40
    said = capsys.readouterr().out
    assert said == "made: made-images.bin, made-labels.bin (2.6 kB) copied from COURSE_ORIGINALS.\n"
    assert everything(published) == before
    assert shelf.manifest("made").files["made-labels.bin"]["from"] == "COURSE_ORIGINALS"
    store.domain("made")
    assert capsys.readouterr().out == ""


def test_a_file_there_that_differs_is_used_with_a_warning_and_noted(published, monkeypatch, tmp_path):
    other = write_digits(tmp_path / "other")
    (other / "made-labels.bin").write_bytes(bytes(40))
    monkeypatch.setenv("COURSE_ORIGINALS", str(other))
    with pytest.warns(arrivals.UnverifiedOriginalWarning, match=rf"made-labels\.bin of 'made' .*{DIFFERS}") as told:
        domain = store.domain("made")
    assert len(told) == 1 and not domain.labels.any()
    verdicts = {name: entry["verdict"] for name, entry in shelf.manifest("made").files.items()}
    assert verdicts == {"made-images.bin": PUBLISHED, "made-labels.bin": DIFFERS}


def test_another_edition_of_a_sets_one_archive_is_known_by_the_sets_name(published, monkeypatch, tmp_path):
    pack_pictures(write_pictures(tmp_path / "small"), tmp_path / "room" / "shapes_8.tar")
    monkeypatch.setenv("COURSE_ORIGINALS", str(tmp_path / "room"))
    with pytest.warns(arrivals.UnverifiedOriginalWarning, match=r"shapes_8\.tar of 'shapes'"):
        assert len(store.domain("shapes/drawn")) == 24


def test_where_course_originals_lacks_a_file_nothing_is_copied(published, monkeypatch):
    (published / "made-labels.bin").unlink()
    monkeypatch.setenv("COURSE_ORIGINALS", str(published))
    with pytest.raises(store.NotHereError, match=r"COURSE_ORIGINALS \(.*published\) does not hold all of it"):
        store.domain("made")
    assert not shelf.manifest("made").files


# From a pack


@pytest.fixture
def packed(published, tmp_path, monkeypatch):
    """What a teacher hands round: a folder with both sets, the pictures in an edition of their own."""
    arrivals.take("made", published)
    arrivals.take("shapes", pack_pictures(tmp_path / "shapes", tmp_path / "mine.tar"), unverified=True)
    pack(tmp_path / "stick", [])
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "student"))
    return tmp_path / "stick"


class Silent(http.server.SimpleHTTPRequestHandler):
    """`python3 -m http.server` without its log."""

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def served(folder):
    handler = functools.partial(Silent, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(params=["folder", "server"])
def place(request, packed):
    """The same pack on a stick and on the room's server."""
    if request.param == "folder":
        yield str(packed)
    else:
        with served(packed) as address:
            yield address


def test_a_set_is_fetched_from_a_pack(place):
    assert [(checked.name, checked.verdict) for checked in arrivals.fetch_set("made", [place])] == [
        ("made-images.bin", PUBLISHED),
        ("made-labels.bin", PUBLISHED),
    ]
    assert len(store.domain("made")) == 40
    assert list(arrivals.fetch_set("made", [])) == []  # it is here, and nobody is asked


def test_another_edition_is_fetched_from_a_pack_only_on_request(place):
    with pytest.raises(OriginalError, match=r"shapes\.zip could not be fetched"):
        list(arrivals.fetch_set("shapes", [place]))
    (checked,) = arrivals.fetch_set("shapes", [place], unverified=True)
    assert checked.verdict == DIFFERS
    assert len(store.domain("shapes/drawn")) == 24


def test_a_pack_that_was_damaged_on_the_way_is_noticed_even_then(place, packed):
    archive = packed / "shapes" / "shapes.zip"
    archive.write_bytes(archive.read_bytes()[:-1] + b"?")
    with pytest.raises(ChecksumError, match=r"shapes\.zip"):
        list(arrivals.fetch_set("shapes", [place], unverified=True))


def test_a_place_without_a_manifest_is_told(packed, tmp_path):
    with pytest.raises(FetchError, match=r"has no made/manifest\.json: `data pack` writes it"):
        list(arrivals.fetch_set("made", [str(tmp_path / "nowhere")], unverified=True))


def test_a_pack_says_nothing_about_the_teachers_folders(packed):
    written = json.loads((packed / "made" / "manifest.json").read_text())
    assert {entry["from"] for entry in written["files"].values()} == {"packed"}
