"""What is known of originals: kept beside them, checked again on request, and never worth losing a set for."""

import shutil

import pytest

from course_utils.data import arrivals, catalog, shelf, store


def test_a_file_put_into_the_folder_by_hand_is_found(published):
    folder = shelf.originals_folder("made")
    folder.mkdir(parents=True)
    for name in ("made-images.bin", "made-labels.bin"):
        shutil.copy(published / name, folder)
    assert len(store.domain("made")) == 40
    assert shelf.manifest("made").files["made-images.bin"]["from"] == "found in the store"


def test_a_wrong_file_put_into_the_folder_by_hand_is_not_taken(published):
    arrivals.take("made", published / "made-images.bin")
    (shelf.originals_folder("made") / "made-labels.bin").write_bytes(bytes(39))
    with pytest.raises(store.NotHereError, match=r"Wanted: made-labels\.bin"):
        store.domain("made")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"files": {}, "unknown": 1}', "null"])
def test_a_damaged_manifest_is_written_anew(published, content):
    arrivals.take("made", published)
    (shelf.originals_folder("made") / shelf.MANIFEST).write_text(content)
    assert shelf.manifest("made") == shelf.Manifest()
    assert len(store.domain("made")) == 40
    assert len(shelf.manifest("made").files) == 2


def test_what_is_missing_is_known_per_domain(published):
    made = catalog.DOMAINS["made"]
    assert [original.name for original in shelf.missing(made)] == ["made-images.bin", "made-labels.bin"]
    arrivals.take("made", published / "made-labels.bin")
    assert [original.name for original in shelf.missing(made)] == ["made-images.bin"]


def verdicts(name):
    return {what: (verdict, good) for what, verdict, good in store.verify(name)}


def test_all_in_order_is_said_of_every_file_and_array(published):
    arrivals.take("made", published)
    store.domain("made")
    assert verdicts("made") == {
        "made, array": ("as it was built", True),
        "made/made-images.bin": ("published", True),
        "made/made-labels.bin": ("published", True),
    }
    assert verdicts("shapes") == {"shapes/shapes.zip": ("is not here", True)}


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_damaged_original_is_told_with_the_next_step(published, damage):
    arrivals.take("made", published)
    file = shelf.originals_folder("made") / "made-labels.bin"
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(b"?" + file.read_bytes()[1:])
    verdict, good = verdicts("made")["made/made-labels.bin"]
    assert not good and "python3 course.py data import made PATH" in verdict
    assert verdicts("made")["made/made-images.bin"] == ("published", True)


def test_a_damaged_array_is_told_and_prepared_again(published):
    arrivals.take("made", published)
    store.domain("made")
    file = store.place(catalog.DOMAINS["made"]) / "images.npy"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    verdict, good = verdicts("made")["made, array"]
    assert not good and "images.npy of 'made'" in verdict and "data prepare made" in verdict
    assert len(store.rebuild("made")) == 40
    assert verdicts("made")["made, array"] == ("as it was built", True)


@pytest.mark.parametrize("change", ["added", "removed", "resized", "gone"])
def test_a_change_in_the_users_own_folder_is_told(published, tmp_path, change):
    arrivals.take("shapes", tmp_path / "shapes")
    assert verdicts("shapes")[str(tmp_path / "shapes")] == ("as imported", True)
    if change == "added":
        (tmp_path / "shapes" / "cat" / "new.png").write_bytes(b"new")
    elif change == "removed":
        (tmp_path / "shapes" / "cat" / "0.png").unlink()
    elif change == "resized":
        (tmp_path / "shapes" / "cat" / "0.png").write_bytes(b"another")
    else:
        (tmp_path / "shapes").rename(tmp_path / "elsewhere")
    verdict, good = verdicts("shapes")[str(tmp_path / "shapes")]
    assert not good and "data import shapes PATH" in verdict


def test_a_set_is_removed_with_its_originals_and_the_bytes_are_counted(published):
    arrivals.take("made", published)
    store.domain("made")
    held = store.bytes_in(store.root())
    assert 0 <= held - store.remove("made") < 1000
    assert not list(store.root().rglob("made*"))


def test_one_domain_is_removed_without_the_files_that_others_share(published, monkeypatch):
    row = catalog.DOMAINS["shapes/drawn"]
    other = row.__class__(**{**row.__dict__, "name": "shapes/painted"})
    monkeypatch.setitem(catalog.DOMAINS, other.name, other)
    arrivals.take("shapes", published)
    store.domain("shapes/drawn")
    store.domain("shapes/painted")
    store.remove("shapes/drawn")
    assert not store.folders(row) and store.folders(other)
    assert len(store.domain("shapes/drawn")) == 24  # its files are still here


def test_removing_one_set_spares_those_whose_names_begin_alike(published, monkeypatch):
    row = catalog.DOMAINS["made"]
    longer = row.__class__(**{**row.__dict__, "name": "made-5k"})
    monkeypatch.setitem(catalog.DOMAINS, "made-5k", longer)
    for name in ("made", "made-5k"):
        arrivals.take(name, published)
        store.domain(name)
    store.remove("made")
    assert store.is_built(longer) and not store.is_built(row)


def test_the_users_own_folder_is_never_removed(published, tmp_path):
    arrivals.take("shapes", tmp_path / "shapes")
    store.domain("shapes/drawn")
    store.remove("shapes")
    assert len(list((tmp_path / "shapes").rglob("*.png"))) == 24
    with pytest.raises(store.NotHereError):
        store.domain("shapes/drawn")


@pytest.mark.parametrize(
    ("n", "said"), [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (11_594_722, "11.6 MB"), (7.7e9, "7.7 GB")]
)
def test_sizes_are_said_as_a_file_manager_does(n, said):
    assert shelf.size(int(n)) == said
