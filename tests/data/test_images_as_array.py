"""ImageFiles is indexed as the array of its decoded images would be, in one process or in several."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from course_utils.data import images
from course_utils.data.images import ImageFiles, UnreadableImageError

N = 7


@pytest.fixture(scope="module")
def stacked() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (N, 3, 5, 5), dtype=np.uint8)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, stacked: np.ndarray) -> ImageFiles:
    folder = tmp_path_factory.mktemp("files")
    paths = [folder / f"{i}.png" for i in range(N)]
    for path, pixels in zip(paths, stacked, strict=True):
        Image.fromarray(pixels.transpose(1, 2, 0)).save(path)
    return ImageFiles(paths, channels=3, size=5)


position = st.integers(-N - 1, N)
indices = st.one_of(
    position,
    position.map(np.int64),
    st.slices(N),
    st.lists(position, max_size=9),
    st.lists(position, max_size=9).map(lambda rows: np.array(rows, np.int64)),
    st.lists(position, min_size=6, max_size=6).map(lambda rows: np.reshape(rows, (2, 3))),
    st.lists(st.booleans(), min_size=N, max_size=N).map(np.array),
    st.lists(st.booleans(), min_size=N - 1, max_size=N - 1).map(np.array),
    st.sampled_from([..., None, True, "0", 1.5]),
)


@given(indices)
def test_an_index_gives_what_it_gives_on_the_array(files: ImageFiles, stacked: np.ndarray, index: object) -> None:
    try:
        expected = stacked[index]
    except IndexError:
        with pytest.raises(IndexError):
            _ = files[index]
        return
    found = files[index]
    assert found.shape == expected.shape and found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_it_looks_like_the_array(files: ImageFiles, stacked: np.ndarray) -> None:
    for name in ("shape", "ndim", "dtype"):
        assert getattr(files, name) == getattr(stacked, name)
    assert len(files) == N and repr(files) == "ImageFiles(7 as 3x5x5)"
    np.testing.assert_array_equal(np.asarray(files), stacked)
    np.testing.assert_array_equal(np.asarray(files, np.float32), stacked.astype(np.float32))
    np.testing.assert_array_equal(list(files), stacked)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(files))[2:4], stacked[2:4])
    with pytest.raises(ValueError, match="only by being decoded"):
        np.asarray(files, copy=False)


def test_pixels_are_taken_after_images(files: ImageFiles) -> None:
    with pytest.raises(IndexError, match=r"images\[rows\]\[:, 0\]"):
        _ = files[1:3, 0]


def test_taking_rows_decodes_nothing(files: ImageFiles, stacked: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = np.array([True, False, False, True, True, False, False])
    with monkeypatch.context() as moment:
        moment.setattr(images, "decode", lambda *_: pytest.fail("it was decoded"))
        masked, chosen = files.take(keep), files.take(np.array([6, -6]))
    np.testing.assert_array_equal(masked[:], stacked[keep])
    np.testing.assert_array_equal(chosen[:], stacked[[6, 1]])


def test_a_file_that_gives_no_image_is_named_when_it_is_asked_for(files: ImageFiles, tmp_path: Path) -> None:
    some = ImageFiles([files.paths[0], tmp_path / "gone.png"], channels=3, size=5)
    assert some[0].shape == (3, 5, 5)
    with pytest.raises(UnreadableImageError, match=r"gone\.png: no such file"):
        _ = some[::-1]


def with_bad_ones(files: ImageFiles, folder: Path) -> ImageFiles:
    """Forty files; of ten to nineteen only the last gives an image."""
    (folder / "empty").touch()
    paths = [files.paths[i % N] for i in range(40)]
    paths[10:19] = [folder / "gone", folder / "empty", folder] * 3
    return ImageFiles(paths, channels=3, size=5)


def test_reading_gives_the_rows_and_the_reasons_by_position(
    files: ImageFiles, stacked: np.ndarray, tmp_path: Path
) -> None:
    rows, reasons = with_bad_ones(files, tmp_path).read(9, 14)
    assert reasons == {
        10: "no such file or directory",
        11: "is empty (0 bytes)",
        12: "is a folder, not a file",
        13: "no such file or directory",
    }
    assert (rows[1:] == 0).all()
    np.testing.assert_array_equal(rows[0], stacked[9 % N])


def test_worker_processes_give_the_same_and_do_not_load_the_package(
    files: ImageFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import joblib
    from joblib.externals.loky import get_reusable_executor

    def loaded() -> bool:
        import sys

        return "torch" in sys.modules or "course_utils" in sys.modules

    some = with_bad_ones(files, tmp_path)
    alone = some.read(3, 40)
    get_reusable_executor().shutdown(wait=True)
    monkeypatch.setattr(images, "WORTH_WORKERS", 0)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    monkeypatch.setattr(images, "decode", lambda *_: pytest.fail("it was decoded in this process"))
    try:
        rows, reasons = some.read(3, 40)
        with pytest.raises(UnreadableImageError, match="empty: is empty"):
            _ = some[[*range(10), 11, 10]]
        heavy = joblib.Parallel(n_jobs=2)(joblib.delayed(loaded)() for _ in range(4))
    finally:
        get_reusable_executor().shutdown(wait=True)
    np.testing.assert_array_equal(rows, alone[0])
    assert reasons == alone[1] and len(reasons) == 9 and not any(heavy)


def test_a_small_request_stays_in_this_process(files: ImageFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    import joblib

    monkeypatch.setattr(joblib, "Parallel", lambda *_, **__: pytest.fail("workers were started for it"))
    assert len(files.read(0, N)[0]) == N
