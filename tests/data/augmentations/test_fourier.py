"""Fourier domain adaptation against NumPy's full transform, and what a style may be taken from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_utils.data.augmentations import FourierStyle
from course_utils.data.augmentations.fourier import restyled
from course_utils.data.domain import Domain
from tests.toys import feature_pair, toy_domain, toy_pair

PAIR = toy_pair((3, 16, 16))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(seed: int, n: int = 5, channels: int = 3, height: int = 12, width: int = 15) -> torch.Tensor:
    return torch.rand(n, channels, height, width, generator=seeded(seed))


def by_numpy(images: torch.Tensor, styles: torch.Tensor, beta: float) -> np.ndarray:
    """The paper's equation plane by plane, on the whole shifted spectrum, each wave looked at by its length."""
    out = np.empty(images.shape)
    height, width = images.shape[2:]
    for n, c in np.ndindex(images.shape[:2]):
        image, style = (np.fft.fftshift(np.fft.fft2(x[n, c].double().numpy())) for x in (images, styles))
        amplitude = np.abs(image)
        for y, x in np.ndindex(height, width):
            down, across = (y - height // 2) / height, (x - width // 2) / width
            if abs(down) < beta and abs(across) < beta:
                amplitude[y, x] = np.abs(style[y, x])
        plane = np.fft.ifft2(np.fft.ifftshift(amplitude * np.exp(1j * np.angle(image))))
        assert np.abs(plane.imag).max() < 1e-9
        out[n, c] = np.clip(plane.real, 0, 1)
    return out


@pytest.mark.parametrize("beta", [0.03, 0.1, 0.25, 0.5])
@pytest.mark.parametrize(("channels", "height", "width"), [(1, 12, 12), (3, 12, 15), (1, 9, 14)])
def test_a_batch_is_what_numpy_makes_plane_by_plane(beta, channels, height, width) -> None:
    images, styles = (noise(seed, 3, channels, height, width) for seed in (1, 2))
    np.testing.assert_allclose(restyled(images, styles, beta).numpy(), by_numpy(images, styles, beta), atol=1e-5)


def test_the_oracle_rejects_another_beta_and_the_style_for_the_image() -> None:
    images, styles = noise(1), noise(2)
    ours = restyled(images, styles, 0.1).numpy()
    assert np.abs(ours - by_numpy(images, styles, 0.2)).max() > 0.05
    assert np.abs(ours - by_numpy(styles, images, 0.1)).max() > 0.05


def test_beta_0_leaves_the_images_as_they_are() -> None:
    torch.testing.assert_close(restyled(noise(1), noise(2), 0.0), noise(1))
    images = torch.from_numpy(PAIR.source.train.images)
    torch.testing.assert_close(FourierStyle(PAIR.target.train, beta=0.0)(images, seeded()), images / 255)


def test_the_smallest_beta_changes_the_mean_alone() -> None:
    images, styles = 0.4 + 0.2 * noise(1), 0.4 + 0.2 * noise(2)
    out = restyled(images, styles, 0.01)
    torch.testing.assert_close(out.mean((2, 3)), styles.mean((2, 3)))
    torch.testing.assert_close(out - out.mean((2, 3), keepdim=True), images - images.mean((2, 3), keepdim=True))


def test_styles_are_drawn_from_the_part_and_from_nothing_else() -> None:
    """With beta 0.01 the mean colour of each image tells whose style it has."""
    images = torch.full((400, 3, 16, 16), 128, dtype=torch.uint8)
    out = FourierStyle(PAIR.target.train, beta=0.01)(images, seeded())
    possible = PAIR.target.train.images.mean((2, 3)) / 255
    nearest = np.abs(out.mean((2, 3)).numpy()[:, None] - possible).max(2)
    assert nearest.min(1).max() < 1e-3
    assert len(np.unique(nearest.argmin(1))) == len(PAIR.target.train), "every image of the part is drawn"


def test_no_label_of_the_style_is_read() -> None:
    class Unreadable(dict):
        def __getitem__(self, name: str) -> np.ndarray:
            raise AssertionError("a label was read")

    part = toy_pair((3, 16, 16)).target.train
    domain = object.__new__(Domain)
    domain.__dict__.update(part.domain.__dict__ | {"targets": Unreadable()})
    part.__dict__["domain"] = domain
    assert part.sealed
    FourierStyle(part)(torch.from_numpy(PAIR.source.train.images), seeded())


def test_its_name_says_the_domain_and_beta() -> None:
    assert repr(FourierStyle(PAIR.target.train, beta=0.09)) == "FourierStyle('there', beta=0.09)"


def test_a_style_that_would_flatter_or_fail_is_refused() -> None:
    with pytest.raises(ValueError, match="test images of 'there'.*Take pair.target.train"):
        FourierStyle(PAIR.target.test)
    with pytest.raises(ValueError, match="'there' holds features"):
        FourierStyle(feature_pair().target.train)
    with pytest.raises(ValueError, match="beta is 0.6; expected cycles a pixel"):
        FourierStyle(PAIR.target.train, beta=0.6)
    with pytest.raises(ValueError, match=r"images are \(1, 16, 16\) and those of 'there' \(3, 16, 16\)"):
        FourierStyle(PAIR.target.train)(torch.from_numpy(toy_domain().images[:4].copy()), seeded())
