"""Every kind of file that a stranger's folder holds becomes the right pixels, or an error with the reason.

The oracles are the array that a file was made of and formulas over it.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from course_utils.data.images import MOST_PIXELS, UnreadableImageError, read_image

ON_ONE_FOLDER = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def picture(height: int = 20, width: int = 24, channels: int = 3) -> np.ndarray:
    """`(height, width, channels)` uint8, smooth and another one in every corner."""
    rng = np.random.default_rng(height * width)
    coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))[..., :channels]


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def written(folder: Path, image: Image.Image, form: str, name: str = "file", **options: object) -> Path:
    path = folder / name
    path.write_bytes(encoded(image, form, **options))
    return path


def channels_first(array: np.ndarray) -> np.ndarray:
    return np.moveaxis(array, -1, 0)


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM", "WEBP"])
def test_a_lossless_file_gives_the_pixels_that_went_in(tmp_path: Path, form: str) -> None:
    colour = picture()
    options = {"lossless": True} if form == "WEBP" else {}
    read = read_image(written(tmp_path, Image.fromarray(colour), form, **options))
    np.testing.assert_array_equal(read, channels_first(colour))
    assert read.dtype == np.uint8 and read.flags.c_contiguous and read.flags.writeable


@pytest.mark.parametrize("form", ["JPEG", "AVIF"])
def test_a_lossy_file_gives_nearly_the_pixels_that_went_in(tmp_path: Path, form: str) -> None:
    colour = picture()
    read = read_image(written(tmp_path, Image.fromarray(colour), form, quality=95))
    assert np.abs(read - channels_first(colour).astype(int)).mean() < 4


def test_grey_becomes_three_equal_channels_and_colour_becomes_grey_by_itu_r_601(tmp_path: Path) -> None:
    colour = picture()
    grey = written(tmp_path, Image.fromarray(colour[..., 0]), "PNG")
    np.testing.assert_array_equal(read_image(grey), np.repeat(colour[None, ..., 0], 3, 0))
    np.testing.assert_array_equal(read_image(grey, channels=1), colour[None, ..., 0])
    read = read_image(written(tmp_path, Image.fromarray(colour), "PNG"), channels=1)
    np.testing.assert_allclose(read[0], colour @ [0.299, 0.587, 0.114], atol=1)


@pytest.mark.parametrize("name", ["cat.png", "cat.txt", "cat", "CAT.JPG.download"])
def test_the_content_decides_and_not_the_extension(tmp_path: Path, name: str) -> None:
    colour = picture()
    read = read_image(written(tmp_path, Image.fromarray(colour), "BMP", name=name))
    np.testing.assert_array_equal(read, channels_first(colour))


def test_cmyk_is_ink_on_white(tmp_path: Path) -> None:
    ink = np.dstack([picture(), picture()[::-1, :, 0]])
    expected = (255.0 - ink[..., :3]) * (255.0 - ink[..., 3:]) / 255
    read = read_image(written(tmp_path, Image.fromarray(ink, "CMYK"), "TIFF"))
    np.testing.assert_allclose(channels_first(expected), read, atol=1)
    flat = Image.new("CMYK", (16, 16), (10, 200, 30, 0))
    read = read_image(written(tmp_path, flat, "JPEG", quality=95))
    np.testing.assert_allclose(read.reshape(3, -1).T, np.tile([245, 55, 225], (256, 1)), atol=4)


def test_a_palette_is_looked_up(tmp_path: Path) -> None:
    palette = np.random.default_rng(3).integers(0, 256, (256, 3), dtype=np.uint8)
    index = picture()[..., 0]
    image = Image.fromarray(index)
    image.putpalette(palette.tobytes())
    for form in ("PNG", "GIF", "BMP"):
        np.testing.assert_array_equal(read_image(written(tmp_path, image, form)), channels_first(palette[index]))
    see_through = np.arange(256) < 99
    image.info["transparency"] = bytes(np.where(see_through, 0, 255).tolist())
    expected = np.where(see_through[index][..., None], 255, palette[index])
    np.testing.assert_array_equal(read_image(written(tmp_path, image, "PNG")), channels_first(expected))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_places_are_laid_on_white(tmp_path: Path, mode: str) -> None:
    colour, alpha = picture(channels=3 if mode == "RGBA" else 1), picture()[..., ::-1][..., :1]
    weight = alpha / 255
    expected = np.broadcast_to(weight * colour + (1 - weight) * 255, (20, 24, 3))
    read = read_image(written(tmp_path, Image.fromarray(np.dstack([colour, alpha]), mode), "PNG"))
    np.testing.assert_allclose(read, channels_first(expected), atol=1)


def test_one_bit_is_black_and_white(tmp_path: Path) -> None:
    bits = picture()[..., 0] > 128
    for form in ("PNG", "TIFF", "BMP"):
        read = read_image(written(tmp_path, Image.fromarray(bits), form), channels=1)
        np.testing.assert_array_equal(read[0], np.where(bits, 255, 0))


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
def test_of_sixteen_bits_the_higher_eight_are_kept(tmp_path: Path, form: str) -> None:
    deep = np.random.default_rng(5).integers(0, 2**16, (20, 24), dtype=np.uint16)
    read = read_image(written(tmp_path, Image.fromarray(deep), form), channels=1)
    np.testing.assert_array_equal(read[0], deep // 256)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_is_read(tmp_path: Path, form: str) -> None:
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if form == "WEBP" else {}
    path = written(tmp_path, frames[0], form, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(read_image(path)[:, 2, 3], [255, 0, 0])


UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_an_image_is_turned_as_exif_says(tmp_path: Path, form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    plain = written(tmp_path, Image.fromarray(picture()), form, name="plain")
    turned = written(tmp_path, Image.fromarray(picture()), form, exif=exif)
    expected = channels_first(UPRIGHT[orientation](read_image(plain).transpose(1, 2, 0)))
    np.testing.assert_array_equal(read_image(turned), expected)


def test_a_damaged_exif_block_leaves_the_picture_as_it_lies(tmp_path: Path) -> None:
    plain = written(tmp_path, Image.fromarray(picture()), "JPEG", name="plain")
    path = written(tmp_path, Image.fromarray(picture()), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x99garbage")
    np.testing.assert_array_equal(read_image(path), read_image(plain))


def scaled_by_weights(image: np.ndarray, size: int, reach: float = 1.0) -> np.ndarray:
    """The centred square of `(h, w, c)` under a triangle filter as wide as the step, as explicit weights."""
    side = min(image.shape[:2])

    def weights(length: int) -> np.ndarray:
        step = side / size
        centre = (length - side) / 2 + (np.arange(size) + 0.5) * step
        distance = np.abs(np.arange(length) + 0.5 - centre[:, None]) / max(step * reach, 1)
        weight = np.clip(1 - distance, 0, None)
        return weight / weight.sum(1, keepdims=True)

    rows, columns = (weights(length) for length in image.shape[:2])
    return np.einsum("ih,hwc,jw->cij", rows, image, columns)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 40))
@ON_ONE_FOLDER
def test_the_centred_square_is_scaled_with_antialiasing(tmp_path: Path, height: int, width: int, size: int) -> None:
    colour = picture(height, width)
    read = read_image(written(tmp_path, Image.fromarray(colour), "PNG"), size=size)
    np.testing.assert_allclose(read, scaled_by_weights(colour, size), atol=1.01)


def test_the_scaling_oracle_rejects_scaling_without_antialiasing() -> None:
    stripes = np.tile(np.repeat(np.uint8([0, 255, 0]), 2), (60, 10))[..., None]
    assert np.abs(scaled_by_weights(stripes, 10) - scaled_by_weights(stripes, 10, reach=0.01)).max() > 99


def test_a_thread_of_an_image_is_not_blown_up_before_it_is_cropped(tmp_path: Path) -> None:
    """Scaling its short side to 224 first would take 30 GB."""
    path = written(tmp_path, Image.new("L", (200_000, 1), 77), "PNG")
    assert (read_image(path, size=224) == 77).all()


def png_header(width: int, height: int) -> bytes:
    """A PNG of so many pixels, of which a few bytes are there."""

    def block(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + block(b"IHDR", size) + block(b"IDAT", zlib.compress(bytes(999))) + block(b"IEND", b"")


JPEG = encoded(Image.fromarray(picture()), "JPEG")
REFUSED = {
    "nothing in it": (b"", "is empty"),
    "a web page called .jpg": (b"\n<!DOCTYPE html><title>404</title>", "not an image: it begins like a web page"),
    "a PDF": (b"%PDF-1.7 and so on", "it begins like a PDF"),
    "code for Ghostscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "it begins like PostScript"),
    "an archive": (b"PK\3\4 and so on", "it begins like a zip archive"),
    "a photograph of a newer phone": (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC photograph"),
    "a text": (b"cat;dog;horse\n", "is not an image in JPEG, PNG"),
    "a PNG cut in its header": (png_header(4, 4)[:10], "begins like PNG and is cut off"),
    "a JPEG cut in its pixels": (JPEG[:-99], "truncated"),
    "a decompression bomb": (png_header(300_000, 300_000), f"more than {MOST_PIXELS:,} pixels"),
    "one pixel row too many": (png_header(10_000, MOST_PIXELS // 10_000 + 1), "decompression bomb"),
    "pixels that are not there": (png_header(2000, 2000), "truncated"),
    "grey values without a scale": (encoded(Image.new("F", (4, 4), 0.5), "TIFF"), "no agreed black and white"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_file_without_an_image_is_refused_by_name(tmp_path: Path, what: str) -> None:
    content, reason = REFUSED[what]
    path = tmp_path / "cat.jpg"
    path.write_bytes(content)
    with pytest.raises(UnreadableImageError, match=rf"cat\.jpg: .*{reason}") as caught:
        read_image(path, size=8)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.reason) == (str(caught.value), caught.value.reason)


def test_what_is_no_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "link.jpg").symlink_to(tmp_path / "gone")
    os.mkfifo(tmp_path / "pipe.jpg")
    for name, reason in {
        "folder.jpg": "is a folder",
        "link.jpg": "is a link to a file that is not there",
        "pipe.jpg": "is a pipe",
        "missing.jpg": "no such file",
        "n" * 300 + ".jpg": "name too long",
        "nul\0.jpg": "null",
    }.items():
        with pytest.raises(UnreadableImageError, match=reason):
            read_image(tmp_path / name)


@pytest.mark.parametrize("name", [b"\xff\xe9.jpg", "猫.jpg".encode(), b"two\nlines.jpg", b"n" * 255])
def test_any_name_is_read_and_can_be_printed_in_an_error(tmp_path: Path, name: bytes) -> None:
    path = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name)))
    path.write_bytes(JPEG)
    assert read_image(path).shape == (3, 20, 24)
    path.write_bytes(JPEG[:50])
    with pytest.raises(UnreadableImageError) as caught:
        read_image(path)
    assert str(caught.value).encode() and "\n" not in str(caught.value)


FORMS = ("JPEG", "PNG", "GIF", "BMP", "PPM", "WEBP", "AVIF")  # libtiff writes its complaints to the terminal
WHOLE = {form: encoded(Image.fromarray(picture()), form) for form in FORMS}


@given(st.sampled_from(FORMS), st.data())
@ON_ONE_FOLDER
def test_a_file_cut_anywhere_is_refused_or_lost_nothing(tmp_path: Path, form: str, data: st.DataObject) -> None:
    path = tmp_path / "file"
    path.write_bytes(WHOLE[form])
    whole = read_image(path)
    path.write_bytes(WHOLE[form][: data.draw(st.integers(0, len(WHOLE[form]) - 1))])
    with contextlib.suppress(UnreadableImageError):
        np.testing.assert_array_equal(read_image(path), whole)


@given(st.sampled_from(FORMS), st.data())
@ON_ONE_FOLDER
def test_broken_bytes_give_an_image_or_a_reason_and_nothing_else(
    tmp_path: Path, form: str, data: st.DataObject
) -> None:
    content = bytearray(WHOLE[form])
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=6)):
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path / "file"
    path.write_bytes(content)
    with contextlib.suppress(UnreadableImageError):
        assert read_image(path, size=7).shape == (3, 7, 7)


def test_only_grey_or_colour_of_some_pixels_can_be_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="channels is 4; expected 1"):
        read_image(tmp_path, channels=4)
    with pytest.raises(ValueError, match="size is 0; expected"):
        read_image(tmp_path, size=0)
