"""Points to measure losses on."""

from __future__ import annotations

import torch


def points(n: int, d: int, seed: int = 0, shift: float = 0.0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=dtype) + shift
