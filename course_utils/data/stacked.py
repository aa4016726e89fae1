"""Images that lie in several arrays or files, as one array that is read slice by slice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class Stacked:
    """Parts `(n, ...)` one behind the other, as uint8 `(N, C, H, W)`: only slices are copied, never the whole.

    axes: the order in which the axes of a part become those of an image, `(0, 3, 1, 2)` where channels are last.
    """

    ndim = 4
    dtype = np.dtype("uint8")

    def __init__(self, parts: Sequence, axes: Sequence[int] = (0, 1, 2, 3)) -> None:
        self.parts, self.axes = tuple(parts), tuple(axes)
        self.borders = np.cumsum([0, *map(len, self.parts)])

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return len(self), *(self.parts[0].shape[axis] for axis in self.axes[1:])

    def __len__(self) -> int:
        return int(self.borders[-1])

    def __getitem__(self, rows: slice) -> np.ndarray:
        start, stop, step = rows.indices(len(self))
        slices = [
            part[max(start - first, 0) : max(stop - first, 0)].transpose(self.axes)
            for part, first in zip(self.parts, self.borders, strict=False)
        ]
        return np.concatenate(slices)[::step]

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("Stacked images become one array only by being copied.")
        return self[:].astype(dtype or self.dtype, copy=False)
