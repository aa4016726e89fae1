"""What a net is: its parts and blocks, what is frozen, its recipe, and the libraries it comes from."""

from __future__ import annotations

import pytest
import torch

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


# -- blocks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("net", "blocks"),
    [
        (small, ["stage1", "stage2", "bottleneck", "head"]),
        (
            lambda: nets.timm_net("tf_efficientnet_lite0", CLASSES),
            ["conv_stem", *(f"blocks.{i}" for i in range(7)), "conv_head", "bottleneck", "head"],
        ),
        (
            lambda: nets.torchvision_net("resnet18", CLASSES),
            ["conv1", *(f"layer{i}.{j}" for i in range(1, 5) for j in range(2)), "bottleneck", "head"],
        ),
        (lambda: nets.feature_net(5, CLASSES), ["bottleneck", "head"]),
    ],
    ids=["small", "efficientnet", "resnet", "features"],
)
def test_blocks_run_from_input_to_output_and_hold_every_parameter_once(net, blocks: list[str]) -> None:
    net = net()
    assert list(net.blocks()) == blocks
    held = [id(p) for modules in net.blocks().values() for module in modules for p in module.parameters()]
    assert sorted(held) == sorted(id(p) for p in net.parameters())


def test_freeze_below_leaves_the_last_blocks_and_the_new_parts() -> None:
    net = small().freeze_below(1)
    assert not any(p.requires_grad for p in net.backbone.stage1.parameters())
    assert all(p.requires_grad for p in (*net.backbone.stage2.parameters(), *net.head.parameters()))
    with pytest.raises(ValueError, match="has 2 blocks \\(stage1, stage2\\): 3 of them cannot"):
        small().freeze_below(3)


def test_what_is_frozen_stays_in_evaluation_mode_when_the_net_trains() -> None:
    """Batch norm and dropout of a frozen part would go on moving (pitfall 33)."""
    net = small().freeze("stage1").train()
    assert not net.backbone.stage1[1].training and net.backbone.stage2[1].training and net.training
    before = net.backbone.stage1[1].running_mean.clone()
    net(images(8, 0))
    assert torch.equal(before, net.backbone.stage1[1].running_mean)
    assert not net.backbone.stage2[1].running_mean.eq(0).all()


@pytest.mark.parametrize(
    ("net", "block", "channels"),
    [
        (small, "stage1", 1),
        (lambda: nets.timm_net("tf_efficientnet_lite0", CLASSES), "blocks.1", 3),
        (lambda: nets.torchvision_net("resnet18", CLASSES), "layer2.1", 3),
    ],
    ids=["small", "efficientnet", "resnet"],
)
def test_a_net_up_to_a_block_gives_that_blocks_output_averaged_over_places(net, block: str, channels: int) -> None:
    net = net().eval()
    caught = {}
    module = net.blocks()[block][-1]
    handle = module.register_forward_hook(lambda _, __, output: caught.update(out=output))
    x = torch.rand(2, channels, 32, 32) if channels == 3 else images(2, 0)
    net.backbone((x - net.mean) / net.std)
    handle.remove()
    cut = net.up_to(block)
    torch.testing.assert_close(cut(x).features, caught["out"].mean((2, 3)), atol=1e-5, rtol=1e-4)
    assert cut.width == caught["out"].shape[1]
    with pytest.raises(ValueError, match="Did you mean"):
        net.up_to(block + "x")


# -- other heads, recipes ----------------------------------------------------------------------------------------------


def test_a_fresh_head_begins_at_zero_and_leaves_the_old_net_alone() -> None:
    net = small()
    other = net.with_head(("x", "y"))
    assert other.classes == ("x", "y") and net.classes == CLASSES
    assert other.eval()(images(4, 0)).logits.eq(0).all() and other(images(4, 0)).logits.shape == (4, 2)
    assert torch.equal(other(images(4, 0)).features, net.eval()(images(4, 0)).features)


@pytest.mark.parametrize(
    "make",
    [
        lambda: nets.small_cnn(3, CLASSES, 32, backbone="deep"),
        lambda: nets.feature_net(7, CLASSES, width=9),
        lambda: nets.timm_net("resnet10t", CLASSES, width=8),
        lambda: nets.torchvision_net("mobilenet_v3_small", CLASSES, weights=None),
        lambda: small().with_head(("x", "y")),
    ],
    ids=["small", "features", "timm", "torchvision", "another head"],
)
def test_a_recipe_builds_the_same_architecture_again(make) -> None:
    net = make()
    other = nets.rebuilt(net.recipe)
    other.load_state_dict(net.state_dict())
    assert other.classes == net.classes and other.width == net.width and other.sha256 == net.sha256


def test_a_recipe_of_an_unknown_maker_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="Did you mean 'small_cnn'"):
        nets.rebuilt(nets.Recipe("small_cn", {}))


def test_the_hash_of_a_net_changes_with_any_weight_or_buffer() -> None:
    net = small()
    before = net.sha256
    assert before == small().sha256
    net.mean.add_(1e-6)
    assert net.sha256 != before
