"""Verify and remove as they are typed."""

from course_utils.data import catalog, shelf, store


def test_verify_says_that_everything_is_in_order(run, published):
    run("import", "made", published)
    run("prepare", "made", "optdigits")
    status, printed, _ = run("verify")
    assert status == 0
    assert printed.splitlines() == [
        "optdigits, array: as it was built",
        "made, array: as it was built",
        "made/made-images.bin: published",
        "made/made-labels.bin: published",
        "Everything is in order.",
    ]


def test_verify_fails_where_one_file_is_damaged(run, published):
    run("import", "made", published)
    file = shelf.originals_folder("made") / "made-labels.bin"
    file.write_bytes(b"?" + file.read_bytes()[1:])
    status, printed, _ = run("verify", "made")
    assert status == 1
    assert "made/made-labels.bin: is damaged" in printed and printed.endswith("Not everything is in order.\n")


def test_remove_says_how_much_is_free_and_what_stays(run, published, tmp_path):
    run("import", "shapes", tmp_path / "shapes")
    run("prepare", "shapes")
    status, printed, _ = run("remove", "shapes")
    assert status == 0 and printed.startswith("shapes is removed: ") and " kB are free again." in printed
    assert f"{tmp_path / 'shapes'} is yours and stays." in printed
    assert not store.folders(catalog.DOMAINS["shapes/drawn"]) and (tmp_path / "shapes" / "cat" / "0.png").exists()
