"""A folder for a class: complete, small to repeat, and honest about what it lacks."""

import json
import os

from course_utils.data import arrays, shelf


def test_a_pack_holds_the_files_and_their_hashes(run, published, tmp_path):
    run("import", "made", published)
    status, printed, _ = run("pack", tmp_path / "stick")
    assert status == 0 and "made/made-images.bin  2.6 kB  published" in printed
    assert sorted(path.name for path in (tmp_path / "stick" / "made").iterdir()) == [
        "made-images.bin",
        "made-labels.bin",
        "manifest.json",
    ]
    listed = json.loads((tmp_path / "stick" / "made" / "manifest.json").read_text())["files"]
    for name, entry in listed.items():
        assert entry["sha256"] == arrays.fingerprint(tmp_path / "stick" / "made" / name)["sha256"]
        assert entry["from"] == "packed"  # and not a folder of the teacher's


def test_packing_again_copies_only_what_changed(run, published, tmp_path):
    run("import", "made", published)
    run("pack", tmp_path / "stick")
    for path in (tmp_path / "stick" / "made").iterdir():
        os.utime(path, (1, 1))
    (tmp_path / "stick" / "made" / "made-labels.bin").write_bytes(b"cut off")
    run("pack", tmp_path / "stick")
    times = {path.name: path.stat().st_mtime for path in (tmp_path / "stick" / "made").iterdir()}
    assert times["made-images.bin"] == 1 and times["made-labels.bin"] > 1
    assert (tmp_path / "stick" / "made" / "made-labels.bin").read_bytes() == (
        shelf.originals_folder("made") / "made-labels.bin"
    ).read_bytes()


def test_an_edition_that_differs_is_packed_with_the_option_that_takes_it(run, published, tmp_path):
    (published / "made-labels.bin").write_bytes(bytes(40))
    run("import", "made", published, "--unverified")
    assert "--from DIR --unverified`" in run("pack", tmp_path / "stick")[1]


def test_what_cannot_be_packed_is_left_out_with_the_reason(run, published, tmp_path):
    run("import", "shapes", tmp_path / "shapes")
    status, printed, _ = run("pack", tmp_path / "stick", "shapes", "made")
    assert status == 0
    assert f"shapes is left out: {tmp_path / 'shapes'} is a folder of yours" in printed
    assert "made is left out: its files are not here" in printed
    assert not (tmp_path / "stick").exists()


def test_a_stick_that_cannot_be_written_ends_with_a_sentence(run, published, tmp_path):
    run("import", "made", published)
    (tmp_path / "stick").write_text("a file")
    status, _, complaint = run("pack", tmp_path / "stick")
    assert status == 1 and "made cannot be packed into" in complaint and "Not a directory" in complaint
