"""Weights as they are typed: imported, listed, verified, removed."""

from __future__ import annotations

import pytest

from course_utils.data import shelf, weights
from tests.data.published_weights import publish, tensors, write


@pytest.fixture
def made(monkeypatch, tmp_path):
    path = write(tmp_path / "made-up.pth", tensors())
    publish(monkeypatch, path, "made", "torchvision", "resnet18")
    return path


def listed(run) -> str:
    (line,) = [line for line in run("list")[1].splitlines() if line.startswith("  made ")]
    return line


def test_an_import_copies_the_file_and_list_and_where_know_it(run, made):
    assert "made: made up (to import, " in listed(run)
    status, printed, complaint = run("import", "weights", made)
    assert (status, complaint) == (0, "") and printed.startswith("made-up.pth  ") and printed.endswith("  published\n")
    assert "made: made up (here); none" in listed(run)
    (line,) = [line for line in run("where")[1].splitlines() if line.startswith("weights ")]
    assert line.endswith(" kB")


@pytest.mark.parametrize("option", [[], ["--unverified"]])
def test_a_wrong_file_is_refused_also_as_unverified(run, made, option):
    made.write_bytes(b"something else")
    status, _, complaint = run("import", "weights", made, *option)
    assert status == 1 and complaint.count("\n") == 1 and "It is not opened" in complaint
    assert not weights.is_here(weights.row("made"))


def test_verify_hashes_weights_too_and_fails_for_a_damaged_file(run, made):
    assert run("verify", "weights")[1] == "Nothing of weights is here, so there is nothing to verify.\n"
    run("import", "weights", made)
    for command in (["verify"], ["verify", "weights"]):
        assert run(*command)[:2] == (0, "weights/made-up.pth: published\nEverything is in order.\n")
    weights.file("made").write_bytes(b"?")
    status, printed, _ = run("verify")
    assert status == 1 and "weights/made-up.pth: is not the file that was imported" in printed


def test_remove_removes_all_weights(run, made):
    run("import", "weights", made)
    status, printed, _ = run("remove", "weights")
    assert status == 0 and " kB are free again." in printed
    assert not shelf.originals_folder("weights").exists() and "to import" in listed(run)
