"""A small U-Net: a feature for every pixel, in seconds an epoch on one core."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from course_utils.nets.net import Net, maker

WIDTHS = (8, 16, 32, 64)  # channels at full, half, quarter and eighth size
FEATURES = 16  # of a pixel


class UNet(nn.Module):
    """Images `(n, c, h, w)` to `(n, 16, h, w)`: down to an eighth and up again, with what was seen on the way down.

    Source: Ronneberger, Fischer, Brox 2015, figure 1. Not as there: padded convolutions with batch norm, 8 to 64
    channels instead of 64 to 1,024, and one convolution instead of two at full size and on the way up, since most of
    the time goes there. Raises ValueError for a side that cannot be halved three times.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        full, half, quarter, eighth = WIDTHS
        self.down1 = nn.Sequential(*_convolution(channels, full))
        self.down2 = nn.Sequential(*_convolution(full, half), *_convolution(half, half))
        self.down3 = nn.Sequential(*_convolution(half, quarter), *_convolution(quarter, quarter))
        self.down4 = nn.Sequential(*_convolution(quarter, eighth), *_convolution(eighth, eighth))
        self.up3 = _Up(eighth, quarter, quarter)
        self.up2 = _Up(quarter, half, half)
        self.up1 = _Up(half, full, FEATURES)

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h w"]:
        height, width = images.shape[2:]
        if height % 8 or width % 8:
            raise ValueError(
                f"Images of {width}x{height} px cannot be halved three times: make both sides multiples of 8."
            )
        full = self.down1(images)
        half = self.down2(functional.max_pool2d(full, 2))
        quarter = self.down3(functional.max_pool2d(half, 2))
        eighth = self.down4(functional.max_pool2d(quarter, 2))
        return self.up1(self.up2(self.up3(eighth, quarter), half), full)


class _Up(nn.Module):
    """To twice the size: fewer channels first, since they are cheaper there, then joined with the way down."""

    def __init__(self, deep: int, skip: int, out: int) -> None:
        super().__init__()
        self.fewer = nn.Conv2d(deep, skip, 1)
        self.join = nn.Sequential(*_convolution(2 * skip, out))

    def forward(self, deep: Float[Tensor, "n d h w"], skip: Float[Tensor, "n c h2 w2"]) -> Float[Tensor, "n e h2 w2"]:
        larger = functional.interpolate(self.fewer(deep), scale_factor=2.0)
        return self.join(torch.cat((larger, skip), 1))


def _convolution(c_in: int, c_out: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(c_in, c_out, 3, padding=1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU()


@maker
def segmenter(channels: int, classes: tuple[str, ...]) -> Net:
    """A net for a class for every pixel: features `(n, 16, h, w)`, logits `(n, 1 + classes, h, w)`.

    Logit 0 is the background's, as in a mask. `classes` stays the names of the things.
    """
    return Net(UNet(channels), nn.Identity(), nn.Conv2d(FEATURES, 1 + len(classes), 1), FEATURES, classes)
