"""Fetch and import as they are typed."""

from tests.data.made_up import write_digits


def test_an_import_says_of_every_file_what_it_turned_out_to_be(run, published):
    assert run("import", "made", published) == (
        0,
        "made-images.bin  2.6 kB  published\nmade-labels.bin  40 bytes  published\n"
        "made is here. It is made ready on first use; `python3 course.py data prepare made` does it now.\n",
        "",
    )


def test_an_import_of_a_part_says_what_is_missing(run, published):
    assert run("import", "made", published / "made-images.bin")[1].endswith("Still missing: made-labels.bin.\n")


def test_a_wrong_file_is_refused_and_taken_with_unverified(run, published, tmp_path):
    other = write_digits(tmp_path / "other", n=48)
    status, _, complaint = run("import", "made", other)
    assert status == 1 and "--unverified" in complaint
    status, printed, _ = run("import", "made", other, "--unverified")
    assert status == 0 and "made-images.bin  3.1 kB  differs from the published checksum" in printed


def test_a_folder_of_pictures_is_said_to_stay(run, published, tmp_path):
    status, printed, _ = run("import", "shapes", tmp_path / "shapes")
    assert status == 0 and f"{tmp_path / 'shapes'} (24 files, " in printed and "keep it there" in printed


def test_a_class_fetches_from_the_teachers_folder(run, published, tmp_path, monkeypatch):
    run("import", "made", published)
    status, printed, _ = run("pack", tmp_path / "stick", "made")
    assert status == 0 and "--from http://THIS-MACHINE:8000" in printed
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "student"))
    status, printed, _ = run("fetch", "made", "--from", tmp_path / "stick")
    assert status == 0 and printed.count("  published\n") == 2 and "made is here" in printed


def test_a_fetch_without_any_address_says_how_else(run, published):
    status, _, complaint = run("fetch", "made")
    assert status == 1 and "is not fetched by the course" in complaint and "data import made PATH" in complaint


def test_what_came_with_the_packages_needs_no_fetch(run):
    assert run("fetch", "mnist-5k") == (0, "mnist-5k came with the packages: there is nothing to fetch.\n", "")
