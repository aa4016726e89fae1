"""Nets with weights that were imported: what is in them, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision

from course_utils import nets
from course_utils.data import weights
from course_utils.data.arrivals import NotHereError
from course_utils.data.weights import DamagedWeightsError
from tests.data.published_weights import publish, write

CLASSES = ("cat", "dog")
MEAN, STD = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)


@pytest.fixture(autouse=True)
def _an_empty_store(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "store"))


@pytest.fixture
def imported(monkeypatch, tmp_path):
    """Imports a file of these tensors as `made`, a net of this architecture."""

    def imported(tensors: object, library: str = "torchvision", architecture: str = "shufflenet_v2_x0_5") -> Path:
        path = write(tmp_path / "made.pth", tensors)
        publish(monkeypatch, path, "made", library, architecture, mean=MEAN, std=STD)
        weights.take(path)
        return weights.file("made")

    return imported


def shuffle() -> torch.nn.Module:
    return torchvision.models.shufflenet_v2_x0_5().eval()


def test_the_imported_tensors_are_in_the_net_which_is_normalised_as_they_want(imported):
    model = shuffle()
    imported(model.state_dict())
    net = nets.imported_net("made", CLASSES, width=8).eval()
    assert net.pretrained and net.classes == CLASSES
    images = torch.rand(2, 3, 64, 64)
    model.fc = torch.nn.Identity()
    normalised = (images - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    # An untrained net's features are tiny: an absolute tolerance would let any pass.
    torch.testing.assert_close(net(images).features, net.bottleneck(model(normalised)), atol=0, rtol=1e-4)
    assert net(images).logits.shape == (2, 2)


@pytest.mark.parametrize("wrap", [lambda tensors: tensors, lambda tensors: {"model": tensors}], ids=["flat", "nested"])
def test_timms_files_are_read_as_timm_reads_them(imported, wrap):
    import timm

    model = timm.create_model("test_vit")
    imported(wrap(model.state_dict()), "timm", "test_vit")
    net = nets.imported_net("made", CLASSES, width=8)
    assert net.pretrained and torch.equal(net.backbone.blocks[1].mlp.fc1.weight, model.blocks[1].mlp.fc1.weight)


def test_a_net_of_imported_weights_is_built_again_without_them(imported):
    imported(shuffle().state_dict())
    net = nets.imported_net("made", CLASSES, width=8)
    weights.remove()
    again = nets.rebuilt(net.recipe)
    again.load_state_dict(net.state_dict())
    assert torch.equal(again.mean, net.mean) and again.classes == CLASSES


@pytest.mark.parametrize(("library", "architecture"), [("torchvision", "shufflenet_v2_x0_5"), ("timm", "test_resnet")])
@pytest.mark.parametrize(
    "tensors",
    [{"weight": torch.zeros(2)}, {}, {"model": 3}],
    ids=["of another architecture", "empty", "no tensors"],
)
def test_what_is_not_the_architectures_is_refused_by_name(imported, library, architecture, tensors):
    imported(tensors, library, architecture)
    with pytest.raises(DamagedWeightsError, match=f"made.pth does not hold the weights of {library}'s {architecture}"):
        nets.imported_net("made", CLASSES)


@pytest.mark.parametrize("content", [[torch.zeros(2)], torch.zeros(2)], ids=["a list", "one tensor"])
def test_tensors_without_names_are_refused(imported, content):
    imported(content)
    with pytest.raises(DamagedWeightsError, match=r"made\.pth holds one (list|Tensor) and no tensors by name"):
        nets.imported_net("made", CLASSES)


def test_a_file_that_lacks_one_tensor_is_not_filled_up_with_random_numbers(imported):
    import timm

    tensors = timm.create_model("test_resnet").state_dict()
    del tensors["layer4.0.conv1.weight"]
    imported(tensors, "timm", "test_resnet")
    with pytest.raises(DamagedWeightsError, match=r"layer4\.0\.conv1\.weight"):
        nets.imported_net("made", CLASSES)


class Malicious:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple:
        return Path.touch, (self.trace,)


def test_the_malicious_file_does_harm_where_it_is_opened_carelessly(tmp_path):
    trace = tmp_path / "trace"
    torch.load(write(tmp_path / "made.pth", {"weight": Malicious(trace)}), weights_only=False)
    assert trace.exists()


def test_a_file_that_carries_code_is_refused_and_the_code_is_not_run(imported, tmp_path):
    trace = tmp_path / "trace"
    imported(shuffle().state_dict() | {"extra": Malicious(trace)})
    with pytest.raises(DamagedWeightsError, match="such as code. Nothing of it was run"):
        nets.imported_net("made", CLASSES)
    assert not trace.exists()


@pytest.mark.parametrize("content", [b"Dear reader", b"PK\x03\x04 not a whole archive"], ids=["text", "zip"])
def test_a_file_that_torch_did_not_write_is_refused(monkeypatch, tmp_path, content):
    path = tmp_path / "made.pth"
    path.write_bytes(content)
    publish(monkeypatch, path, "made", "torchvision", "resnet18")
    weights.take(path)
    with pytest.raises(DamagedWeightsError, match=r"made\.pth"):
        nets.imported_net("made", CLASSES)


def test_a_file_that_changed_in_the_store_is_not_opened(imported, monkeypatch):
    imported(shuffle().state_dict()).write_bytes(b"other")
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("the file was opened"))
    with pytest.raises(DamagedWeightsError, match="not opened"):
        nets.imported_net("made", CLASSES)


def test_weights_that_are_unknown_or_not_here_say_so():
    with pytest.raises(weights.UnknownWeightsError, match="Did you mean 'resnet18'"):
        nets.imported_net("resnet-18", CLASSES)
    with pytest.raises(NotHereError, match=r"resnet18-f37072fd\.pth.*data import weights PATH"):
        nets.imported_net("resnet18", CLASSES)
