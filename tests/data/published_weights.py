"""Files of weights that nobody published, and the table's rows for them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor

from course_utils.data import weights
from course_utils.data.weights import WeightsRow


def write(path: Path, tensors: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(tensors, path)
    return path


def publish(monkeypatch, path: Path, name: str, library: str, architecture: str, **fields: object) -> WeightsRow:
    """Puts a row for a file into the table, as if somebody had published it."""
    content = path.read_bytes()
    known = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "licence": "none"}
    url = f"https://nowhere.invalid/{path.name}"
    row = WeightsRow(name, f"{name}: made up", library, architecture, url, **(known | fields))
    monkeypatch.setitem(weights.WEIGHTS, name, row)
    return row


def tensors() -> dict[str, Tensor]:
    return {"weight": torch.arange(6.0).reshape(2, 3)}
