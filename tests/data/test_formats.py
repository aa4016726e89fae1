import bz2
import gzip
import io
import pickle
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.data import formats
from course_utils.data.formats import FormatError
from course_utils.data.images import ImageFiles
from course_utils.data.originals import OriginalError

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def idx_bytes(array):
    return struct.pack(f">BBBB{array.ndim}i", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


class Runs:
    """Unpickling it would call `touch`: what the tests look for is the file that this leaves."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return (open, (str(self.file), "w"))


def test_idx_bytes_come_back_as_the_array(tmp_path):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(idx_bytes(IMAGES)))
    np.testing.assert_array_equal(formats.idx(path), IMAGES)


@settings(deadline=None)
@given(cut=st.integers(0, 39))
def test_a_cut_idx_file_is_refused_by_name(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("cut") / "images.gz"
    path.write_bytes(gzip.compress(idx_bytes(IMAGES)[:cut]))
    with pytest.raises(FormatError, match=r"images.gz cannot be read as a gzipped idx file.*again"):
        formats.idx(path)


@settings(max_examples=200, deadline=None)
@given(place=st.integers(0, 30), value=st.integers(0, 255))
def test_a_changed_byte_gives_an_array_or_a_sentence(tmp_path_factory, place, value):
    whole = bytearray(gzip.compress(idx_bytes(IMAGES), mtime=0))
    whole[place] = value
    path = tmp_path_factory.mktemp("changed") / "images.gz"
    path.write_bytes(whole)
    try:
        outcome = formats.idx(path)
    except OriginalError as error:
        outcome = error
    assert isinstance(outcome, np.ndarray) or "images.gz" in str(outcome)


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(bytes(2**20)))
    monkeypatch.setattr(formats, "MOST", 2**19)
    with pytest.raises(OriginalError, match="images.gz"):
        formats.idx(path)


def test_libsvm_lines_come_back_as_values_and_labels(tmp_path):
    path = tmp_path / "lines.bz2"
    path.write_bytes(bz2.compress(b"10 1:-1 2:0.25 3:1\n1 1:0.5 3:-0.125\n"))
    values, labels = formats.libsvm(path, features=3)
    np.testing.assert_array_equal(values, np.float32([[-1, 0.25, 1], [0.5, 0, -0.125]]))
    np.testing.assert_array_equal(labels, [10, 1])


@pytest.mark.parametrize("text", [b"7 1:1 9:1\n", b"seven 1:1\n", b"7 1=1\n", b"\0\xff"])
def test_lines_that_are_no_libsvm_are_refused(tmp_path, text):
    path = tmp_path / "lines.bz2"
    path.write_bytes(bz2.compress(text))
    with pytest.raises(FormatError, match=r"lines.bz2 cannot be read as a bzip2 file of libsvm lines"):
        formats.libsvm(path, features=3)


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"X": np.zeros((8, 8, 3, 2), np.uint8), "y": np.ones((2, 1))}, r"X has the shape \(8, 8, 3, 2\)"),
        ({"X": np.zeros((32, 32, 3, 2), np.uint8), "y": np.ones((3, 1))}, "3 labels for 2 images"),
        ({"X": np.zeros((32, 32, 3, 2)), "y": np.ones((2, 1))}, "its images are float64"),
        ({"X": np.zeros((32, 32, 3, 2), np.uint8)}, "'y'"),
    ],
)
def test_a_matlab_file_with_other_arrays_is_refused(tmp_path, arrays, reason):
    from scipy.io import savemat

    path = tmp_path / "train_32x32.mat"
    savemat(path, arrays)
    with pytest.raises(FormatError, match=rf"train_32x32.mat cannot be read as a MATLAB file.*{reason}"):
        formats.mat(path)


def test_a_matlab_file_that_declares_too_much_is_refused_before_it_is_read(tmp_path, monkeypatch):
    import scipy.io

    path = tmp_path / "train_32x32.mat"
    scipy.io.savemat(path, {"X": np.zeros((32, 32, 3, 99), np.uint8), "y": np.ones((99, 1))}, do_compression=True)
    monkeypatch.setattr(formats, "MOST", 2**18)
    monkeypatch.setattr(scipy.io, "loadmat", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(FormatError, match=r"X has the shape \(32, 32, 3, 99\)"):
        formats.mat(path)


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0 MAT-file" + bytes(200), b"<html>not found</html>"])
def test_what_is_no_matlab_file_is_refused(tmp_path, content):
    (tmp_path / "train_32x32.mat").write_bytes(content)
    with pytest.raises(FormatError, match=r"train_32x32.mat cannot be read as a MATLAB file"):
        formats.mat(tmp_path / "train_32x32.mat")


def test_code_in_an_npz_is_refused_and_does_not_run(tmp_path):
    path, touched = tmp_path / "set.npz", tmp_path / "touched"
    np.savez(path, images=np.array([Runs(touched)], dtype=object), labels=np.arange(1))
    with pytest.raises(FormatError, match=r"set.npz cannot be read as an npz file with images, labels"):
        formats.npz(path, ("images", "labels"))
    assert not touched.exists()


def test_code_in_an_npy_is_refused_and_does_not_run(tmp_path):
    path, touched = tmp_path / "images.npy", tmp_path / "touched"
    np.save(path, np.array([Runs(touched)], dtype=object))
    with pytest.raises(FormatError, match=r"images.npy cannot be read as an npy file"):
        formats.npy(path)
    path.write_bytes(pickle.dumps(Runs(touched)))
    with pytest.raises(FormatError, match=r"images.npy cannot be read as an npy file"):
        formats.npy(path)
    assert not touched.exists()


def test_the_code_above_would_run_where_it_is_unpickled(tmp_path):
    np.save(tmp_path / "images.npy", np.array([Runs(tmp_path / "touched")], dtype=object))
    np.load(tmp_path / "images.npy", allow_pickle=True).item().close()
    assert (tmp_path / "touched").exists()


def test_an_npz_without_the_arrays_or_with_too_much_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "set.npz"
    np.savez_compressed(path, images=np.zeros((100, 100), np.uint8))
    with pytest.raises(FormatError, match="labels"):
        formats.npz(path, ("images", "labels"))
    monkeypatch.setattr(formats, "MOST", 9999)
    with pytest.raises(FormatError, match="unpacks to more than 9,999 bytes"):
        formats.npz(path, ("images",))


def test_an_npz_whose_header_declares_more_than_there_is_is_refused(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (10**15,)})
    with zipfile.ZipFile(tmp_path / "set.npz", "w") as archive:
        archive.writestr("images.npy", header.getvalue() + bytes(10))
    with pytest.raises(FormatError, match=r"set.npz"):
        formats.npz(tmp_path / "set.npz", ("images",))


def test_records_of_another_length_are_refused(tmp_path):
    (tmp_path / "batch.bin").write_bytes(bytes(13))
    with pytest.raises(FormatError, match=r"batch.bin cannot be read as a file of records of 6 bytes"):
        formats.records(tmp_path / "batch.bin", (2, 3))


@pytest.mark.parametrize("name", ["../../secret.png", "/etc/passwd", "a/../../b.png"])
def test_a_list_that_names_files_outside_is_refused(tmp_path, name):
    (tmp_path / "train.txt").write_text(f"inside.png 1\n{name} 2\n")
    with pytest.raises(FormatError, match=r"train.txt .*lies outside the set's folder"):
        formats.labelled(tmp_path / "train.txt")


@pytest.mark.parametrize("text", ["a.png\n", "a.png one\n"])
def test_a_list_without_labels_is_refused(tmp_path, text):
    (tmp_path / "train.txt").write_text(text)
    with pytest.raises(FormatError, match=r"train.txt cannot be read as a list of file names and labels"):
        formats.labelled(tmp_path / "train.txt")


def test_images_of_floats_are_no_bytes(tmp_path):
    with pytest.raises(FormatError, match=r"images.npy .*float64"):
        formats.pixels(tmp_path / "images.npy", np.zeros((1, 28, 28)))


def test_a_missing_file_is_named_with_its_folder(tmp_path):
    with pytest.raises(FormatError, match=r"usps.bz2 is not in .*again"):
        formats.file_below(tmp_path, "usps.bz2")


def test_parts_keep_their_order_labels_and_groups():
    images = np.arange(5 * 12, dtype=np.uint8).reshape(5, 3, 2, 2)
    listing = formats.listing_of_parts(
        {"train": (images[:3], np.array([1, 0, 1])), "test": (images[3:], np.array([0, 1]))},
        ["a", "b"],
        groups={"test": formats.numbered("x:test", 2), "train": formats.numbered("x:train", 3)},
    )
    np.testing.assert_array_equal(listing.images, images)
    np.testing.assert_array_equal(listing.labels, [1, 0, 1, 0, 1])
    assert listing.groups.tolist() == ["x:train:0", "x:train:1", "x:train:2", "x:test:0", "x:test:1"]
    assert {split: rows.tolist() for split, rows in listing.splits.items()} == {"train": [0, 1, 2], "test": [3, 4]}


def test_parts_of_files_stay_files():
    parts = {"train": (ImageFiles(["a", "b"], 3, 8), np.zeros(2)), "test": (ImageFiles(["c"], 3, 8), np.ones(1))}
    listing = formats.listing_of_parts(parts, ["a", "b"])
    assert listing.images.paths == ("a", "b", "c")
    assert listing.images.shape == (3, 3, 8, 8)


@pytest.mark.parametrize(
    ("images", "labels", "reason"),
    [
        (np.zeros((2, 1, 4, 4), np.uint8), np.zeros(3), "train part has 2 images"),
        (np.zeros((2, 1, 4, 4), np.uint8), np.zeros((2, 1)), "train part has 2 images"),
        (np.zeros((2, 1, 5, 4), np.uint8), np.zeros(2), r"different shapes: \(1, 4, 4\), \(1, 5, 4\)"),
    ],
)
def test_parts_that_do_not_fit_are_refused(images, labels, reason):
    good = np.zeros((1, 1, 4, 4), np.uint8), np.zeros(1)
    with pytest.raises(FormatError, match=reason):
        formats.listing_of_parts({"train": (images, labels), "test": good}, ["a"])
