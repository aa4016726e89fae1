"""RandAugment and TrivialAugment against torchvision's own, called image by image under the same seed."""

from __future__ import annotations

import pytest
import torch
from torchvision.transforms import v2

from course_utils.data.augmentations import RandAugment, TrivialAugment


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def photographs(n: int = 12, channels: int = 3) -> torch.Tensor:
    small = torch.rand(n, channels, 5, 5, generator=seeded(1))
    return (torch.nn.functional.interpolate(small, 28) * 255).to(torch.uint8)


def by_torchvision(transform, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    seed = torch.randint(2**62, (1,), generator=generator).item()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return torch.stack([transform(image).double() / 255 for image in images])


CASES = [
    (RandAugment(), v2.RandAugment(2, 9)),
    (RandAugment(operations=4, magnitude=30), v2.RandAugment(4, 30)),
    (TrivialAugment(), v2.TrivialAugmentWide()),
]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("ours", "torchvisions"), CASES, ids=lambda case: repr(case)[:40])
def test_a_batch_is_torchvisions_image_by_image(ours, torchvisions, channels) -> None:
    images = photographs(channels=channels)
    expected = by_torchvision(torchvisions, images, seeded(3))
    torch.testing.assert_close(ours(images, seeded(3)).double(), expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(ours(images / 255, seeded(3)).double(), expected, rtol=0, atol=1e-6)
    assert not torch.allclose(by_torchvision(torchvisions, images, seeded(4)), expected, atol=0.02)


def test_no_operation_leaves_the_images_as_they_are() -> None:
    images = photographs()
    torch.testing.assert_close(RandAugment(operations=0)(images, seeded()), images / 255)


def test_a_larger_magnitude_changes_more() -> None:
    images = photographs(64)
    changes = [(RandAugment(magnitude=m)(images, seeded()) - images / 255).abs().mean() for m in (3, 15, 30)]
    assert changes == sorted(changes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"operations": -1}, "operations is -1; expected 0 or more"),
        ({"magnitude": 31}, "magnitude is 31; expected a number from 0 to 30"),
        ({"magnitude": -1}, "magnitude is -1"),
    ],
)
def test_a_number_out_of_range_is_refused(options, message) -> None:
    with pytest.raises(ValueError, match=message):
        RandAugment(**options)
