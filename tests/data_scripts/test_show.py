"""What is listed, and what it is said to be at every stage of coming here."""

import dataclasses

import pytest

from course_utils.data import arrivals, catalog, store


def test_list_names_every_domain_with_its_size_and_state(run):
    run("prepare", "optdigits")
    status, printed, _ = run("list")
    assert status == 0
    packages, rest = printed.split("To be fetched or imported")
    to_fetch, pairs = rest.split("\nPairs:\n")
    for row in catalog.DOMAINS.values():
        assert (row.name if row.embedded else row.name.partition("/")[2] or row.name) in (
            packages if row.embedded else to_fetch
        )
    # The doctor counts these two.
    assert printed.count(", in the store)") == 1
    assert printed.count(", built on first use)") == sum(row.embedded for row in catalog.DOMAINS.values()) - 1
    assert "(1,797 images, 10 classes, in the store)" in packages
    assert "mnist-5k -> mnist-m-5k\n" in pairs and "(development)" in pairs


def test_a_set_under_two_lists_of_classes_counts_each_and_names_what_has_a_name(run):
    (line,) = [line for line in run("list")[1].splitlines() if "oxford-pets" in line]
    assert "Oxford-IIIT Pet: cats-and-dogs (7,349 images, 37 classes; 3,680 images, 2 classes, " in line


def test_many_pairs_of_the_same_two_sets_take_one_line(run):
    printed = run("list")[1].split("\nPairs:\n")[1].splitlines()
    assert "  pacs/* -> pacs/*  (12 pairs)" in printed
    named = sum(int(line.split("(")[1].split()[0]) if "pairs)" in line else 1 for line in printed)
    assert named == len(catalog.PAIRS)


def state(run, name):
    lines = run("list")[1].splitlines()
    (line,) = [line for line in lines if line.startswith(f"  {name} ")]
    return line.rpartition(" classes, ")[2].rstrip(")")


def test_a_set_says_how_far_it_is(run, published):
    assert state(run, "made") == "to import, 2.6 kB"
    arrivals.take("made", published / "made-images.bin")
    assert state(run, "made") == "to import, 40 bytes, 1 of 2 files are here"
    arrivals.take("made", published)
    assert state(run, "made") == "here, made ready on first use"
    store.domain("made")
    assert state(run, "made") == "ready"


def test_a_set_of_several_domains_says_how_many_are_ready(run, published, monkeypatch):
    other = dataclasses.replace(catalog.DOMAINS["shapes/drawn"], name="shapes/painted")
    monkeypatch.setitem(catalog.DOMAINS, other.name, other)
    arrivals.take("shapes", published)
    store.domain("shapes/painted")
    assert state(run, "shapes") == "here, 1 of 2 ready"


@pytest.mark.parametrize(("size", "said"), [(5_000_000, "to fetch, 5.0 MB"), (None, "to fetch, size unknown")])
def test_a_set_with_an_address_is_to_be_fetched(run, published, monkeypatch, size, said):
    row = catalog.DOMAINS["shapes/drawn"]
    offered = dataclasses.replace(row.originals[0], urls=("https://nowhere.invalid/shapes.zip",), bytes=size)
    monkeypatch.setitem(catalog.DOMAINS, row.name, dataclasses.replace(row, originals=(offered,)))
    assert state(run, "shapes") == said


def test_where_says_the_folders_and_the_room_they_take(run, published, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_ORIGINALS", str(published))
    store.domain("made")
    stale = store.root() / "made-00000000"
    stale.mkdir()
    (stale / "images.npy").write_bytes(bytes(5000))
    arrivals.take("shapes", tmp_path / "shapes")
    status, printed, _ = run("where")
    assert status == 0
    assert f"store: {tmp_path / 'store'} (COURSE_DATA)" in printed
    assert f"originals to import from: {published}" in printed and "free there: " in printed
    (line,) = [line for line in printed.splitlines() if line.startswith("made ")]
    assert "originals 3." in line and "arrays " in line and "older or unfinished arrays 5.0 kB" in line
    assert f"images in {tmp_path / 'shapes'}" in printed
