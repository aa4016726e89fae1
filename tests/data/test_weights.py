"""Weights come here by their checksum alone, and leave the store only as they came."""

from __future__ import annotations

import hashlib
import shutil

import pytest

from course_utils.data import shelf, weights
from course_utils.data.arrays import StoreError
from course_utils.data.arrivals import NotHereError
from course_utils.data.originals import PUBLISHED, ChecksumError
from tests.data.published_weights import publish, tensors, write


@pytest.fixture(autouse=True)
def _an_empty_store(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "store"))


@pytest.fixture
def made(monkeypatch, tmp_path):
    """A file of weights that is in the table as `made`."""
    path = write(tmp_path / "made-up.pth", tensors())
    publish(monkeypatch, path, "made", "torchvision", "resnet18")
    return path


@pytest.mark.parametrize("row", weights.WEIGHTS.values(), ids=weights.WEIGHTS)
def test_the_digits_in_a_files_name_begin_its_checksum(row):
    assert row.file.rpartition("-")[2].removesuffix(".pth") == row.sha256[:8]
    assert len(row.sha256) in (8, 64) and row.url.startswith("https://") and row.licence


@pytest.mark.parametrize("row", weights.WEIGHTS.values(), ids=weights.WEIGHTS)
def test_the_table_agrees_with_what_the_libraries_say_of_these_files(row):
    import timm
    import torchvision

    if row.library == "timm":
        known = timm.get_pretrained_cfg(row.name)
        assert (row.architecture, known.url.rpartition("/")[2]) == (row.name.partition(".")[0], row.file)
        assert (known.mean, known.std, known.input_size) == (row.mean, row.std, (3, row.size, row.size))
        assert known.license == "apache-2.0" and row.licence.startswith("Apache-2.0")
    else:
        (known,) = [w for w in torchvision.models.get_model_weights(row.architecture) if w.url == row.url]
        shown = known.transforms()
        assert (tuple(shown.mean), tuple(shown.std), shown.crop_size) == (row.mean, row.std, [row.size])
        assert row.bytes is None or abs(row.bytes / 2**20 - known.meta["_file_size"]) < 0.01


def test_a_file_is_known_by_its_checksum_whatever_it_is_called(made):
    other = shutil.copy(made, made.with_name("downloaded (1)"))
    checked = weights.take(other)
    assert (checked.name, checked.verdict) == ("made-up.pth", PUBLISHED)
    assert weights.file("made").read_bytes() == made.read_bytes()
    assert weights.file("made").parent == shelf.originals_folder("weights")


def test_a_file_of_the_right_name_is_refused_for_its_checksum(made):
    made.write_bytes(made.read_bytes()[:-1] + b"?")
    with pytest.raises(ChecksumError, match=r"is not the published made-up\.pth.*not opened.*nowhere\.invalid"):
        weights.take(made)
    assert not weights.is_here(weights.row("made"))


def test_a_truncated_file_is_called_cut_off(made):
    made.write_bytes(made.read_bytes()[:-100])
    with pytest.raises(ChecksumError, match="It is cut off"):
        weights.take(made)


def test_a_file_that_is_none_of_them_is_told_which_there_are(made, tmp_path):
    (tmp_path / "letter.txt").write_text("Dear reader")
    with pytest.raises(ChecksumError, match=r"none of the weights.*not opened.*resnet18-f37072fd\.pth"):
        weights.take(tmp_path / "letter.txt")
    with pytest.raises(StoreError, match="one file at a time"):
        weights.take(tmp_path)


def test_where_eight_digits_are_published_the_import_says_so_and_notes_the_rest(monkeypatch, made, tmp_path):
    whole = weights.row("made").sha256
    publish(monkeypatch, made, "made", "torchvision", "resnet18", sha256=whole[:8], bytes=None)
    assert weights.take(made).verdict == weights.BEGINNING
    assert shelf.manifest("weights").files["made-up.pth"]["sha256"] == whole


def test_unknown_weights_are_answered_with_the_nearest():
    with pytest.raises(weights.UnknownWeightsError, match="Did you mean 'resnet18'"):
        weights.file("resnet81")


def test_weights_that_are_not_here_say_how_they_come(made):
    with pytest.raises(NotHereError, match=r"made-up\.pth \(\d.* kB; licence: none\).*data import weights PATH"):
        weights.file("made")


@pytest.mark.parametrize(
    "harm", [lambda file: file.write_bytes(b"other"), lambda file: file.unlink()], ids=["overwritten", "gone"]
)
def test_a_file_that_changed_in_the_store_is_not_handed_out(made, harm):
    weights.take(made)
    harm(weights.file("made"))
    with pytest.raises(weights.DamagedWeightsError, match="brings it back"):
        weights.file("made")
    weights.take(made)
    assert weights.file("made").read_bytes() == made.read_bytes()


def test_where_only_a_beginning_is_published_the_noted_checksum_tells_a_changed_file(monkeypatch, made):
    whole = weights.row("made").sha256
    publish(monkeypatch, made, "made", "torchvision", "resnet18", sha256=whole[:1], bytes=None)
    weights.take(made)
    others = (bytes([number]) for number in range(256))
    alike = next(other for other in others if hashlib.sha256(other).hexdigest()[0] == whole[0])
    weights.file("made").write_bytes(alike)
    with pytest.raises(weights.DamagedWeightsError, match="not the file that was imported"):
        weights.file("made")


def test_a_file_and_its_note_that_were_exchanged_together_are_not_handed_out(made, tmp_path):
    weights.take(made)
    file = weights.file("made")
    file.write_bytes(b"other")
    manifest, other = file.with_name(shelf.MANIFEST), hashlib.sha256(b"other").hexdigest()
    manifest.write_text(manifest.read_text().replace(weights.row("made").sha256, other))
    with pytest.raises(weights.DamagedWeightsError, match="not the file that was imported"):
        weights.file("made")
