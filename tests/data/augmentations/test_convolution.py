"""Random convolutions against SciPy, image by image and channel by channel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import integrate, signal, stats

from course_utils.data.augmentations import RandomConvolution
from course_utils.data.augmentations.convolution import filtered


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(n: int = 6, channels: int = 3, height: int = 12, width: int = 15) -> torch.Tensor:
    return torch.rand(n, channels, height, width, generator=seeded(1))


def by_scipy(images: torch.Tensor, filters: torch.Tensor, shares: torch.Tensor) -> np.ndarray:
    """The paper's formula in float64, one plane and one filter at a time."""
    images, filters, out = images.double().numpy(), filters.double().numpy(), []
    reach = filters.shape[-1] // 2
    for image, bank, share in zip(images, filters, shares.flatten().tolist(), strict=True):
        wide = np.pad(image - 0.5, [(0, 0), (reach, reach), (reach, reach)], mode="edge")
        planes = [sum(signal.correlate2d(w, k, mode="valid") for w, k in zip(wide, row, strict=True)) for row in bank]
        out.append(np.clip((1 - share) * image + share * (0.5 + np.stack(planes)), 0, 1))
    return np.stack(out)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("strength", [1.0, 0.4])
def test_a_batch_is_what_scipy_makes_image_by_image(channels, strength) -> None:
    augment, images = RandomConvolution(strength=strength), noise(channels=channels)
    expected = by_scipy(images, *augment.draw(images, seeded()))
    np.testing.assert_allclose(augment(images, seeded()).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("wrong", ["turned filters", "another image's filters", "channels exchanged"])
def test_the_oracle_rejects_wrong_filters(wrong) -> None:
    images = noise()
    filters, shares = RandomConvolution().draw(images, seeded())
    other = {
        "turned filters": filters.flip(3, 4),
        "another image's filters": filters.roll(1, 0),
        "channels exchanged": filters.transpose(1, 2),
    }[wrong]
    ours = torch.lerp(images, 0.5 + filtered(images - 0.5, filters), shares).clamp(0, 1)
    assert np.abs(ours.numpy() - by_scipy(images, other, shares)).max() > 0.05


def test_strength_0_leaves_the_images_as_they_are() -> None:
    assert torch.equal(RandomConvolution(strength=0)(noise(), seeded()), noise())


def test_filters_have_the_papers_variance_in_every_size_and_zeros_around_them() -> None:
    images = noise(4000, 3, 2, 2)
    filters, shares = RandomConvolution(sizes=(1, 3, 5)).draw(images, seeded())
    sides = (filters != 0).sum((1, 2, 3, 4)).div(9).sqrt().round().int()
    for side in (1, 3, 5):
        of_size = filters[sides == side]
        margin = (5 - side) // 2
        inside = of_size[..., margin : 5 - margin, margin : 5 - margin]
        assert 1200 < len(of_size) < 1480, "each size is drawn as often"
        assert inside.count_nonzero() == of_size.count_nonzero(), "nothing outside the size"
        assert inside.var().item() == pytest.approx(1 / (3 * side**2), rel=0.03)
        assert inside.mean().abs() < 0.02
    assert shares.min() >= 0 and shares.max() <= 1 and shares.mean().item() == pytest.approx(0.5, abs=0.02)


def test_as_many_images_become_negatives_as_the_formula_says() -> None:
    """A single weight w turns the image where (1 - α) + α w < 0, so in a share ∫ Φ((α - 1) / α) dα of the draws."""
    images = torch.zeros(4000, 1, 1, 2)
    images[..., 1] = 1
    out = RandomConvolution(sizes=(1,))(images, seeded())
    expected, _ = integrate.quad(lambda share: stats.norm.cdf((share - 1) / share), 0, 1)
    assert (out[..., 0] > out[..., 1]).float().mean().item() == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("sizes", [(), (2,), (1, 4), (0,), (-1,)], ids=str)
def test_an_even_size_is_refused(sizes) -> None:
    with pytest.raises(ValueError, match="sizes are .*expected odd numbers of pixels"):
        RandomConvolution(sizes=sizes)


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_out_of_range_is_refused(strength) -> None:
    with pytest.raises(ValueError, match="strength is .*expected a number from 0 to 1"):
        RandomConvolution(strength=strength)
