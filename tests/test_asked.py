"""What `fit` refuses by name before the first step."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

import course_utils as cu
from course_utils.adapters.base import Adapter, Terms
from course_utils.data.batches import View
from course_utils.data.domain import SealedLabelsError
from tests.tasks.scenes import scene_view
from tests.toys import CLASSES, FAST, feature_pair

ROOT = Path(__file__).parents[1]


def fit(adapter: Adapter | None = None, **options: object) -> cu.training.Run:
    return cu.fit(adapter or cu.DAN(), feature_pair(), **FAST | options)


KINDS = """
import course_utils as cu
from tests.toys import FAST, feature_pair

pair = feature_pair()
for ask in (
    lambda: cu.fit(cu.DAN, pair),
    lambda: cu.fit("DAN", pair),
    lambda: cu.fit(cu.DAN(), "a -> b"),
    lambda: cu.fit(cu.DAN(), pair, net=cu.nets.glyph_net),
    lambda: cu.fit(cu.DAN(), pair, validator="entropy"),
    lambda: cu.fit(cu.DAN(), pair, augment="light"),
    lambda: cu.fit(cu.DAN(), pair, task="masks"),
    lambda: cu.fit(cu.DAN(), pair, epochs=1.5),
    lambda: cu.fit(cu.DAN(), pair, epochs="2"),
    lambda: cu.runs(cu.DAN(), pair),
    lambda: cu.runs([cu.DAN()], pair, seeds=0),
    lambda: cu.pair(("a", "b")),
    lambda: cu.pair("glyphs -> mnist-5k", shots=1.5),
    lambda: cu.MCD(moves=1.5),
    lambda: cu.DAN(weight="3"),
):
    try:
        ask()
        print("taken")
    except (TypeError, ValueError) as error:
        print(type(error).__name__, error)
"""


def test_an_argument_of_another_kind_is_refused_with_an_example() -> None:
    """In a process of its own, as learners have it: here the types of every call are checked before."""
    told = subprocess.run([sys.executable, "-c", KINDS], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for line, says in zip(
        told.splitlines(),
        (
            r"TypeError adapter=.*DAN.* is no Adapter: give one, such as cu.DAN\(\)",
            "TypeError adapter='DAN' is no Adapter",
            r"TypeError pair='a -> b' is no DomainPair: give one, such as cu.pair\(",
            "TypeError net=.* is no Net",
            "TypeError validator='entropy' is no Validator",
            "TypeError augment='light' is no Augmentation",
            r"TypeError task='masks' is no Task: give one, such as cu.Masks\(\)",
            r"ValueError Settings\(epochs=1.5\): epochs must be a whole number",
            r"ValueError Settings\(epochs='2'\): epochs must be a whole number",
            r"TypeError cu.runs takes several: cu.runs\(\[",
            r"TypeError cu.runs takes several",
            r"PairError \('a', 'b'\) is no pair: give a name",
            "ValueError 1.5 labels a class are none to learn from",
            r"ValueError MCD\(moves=1.5\): moves must be a whole number",
            r"ValueError DAN\(weight='3'\): weight must be a finite number",
        ),
        strict=True,
    ):
        assert re.match(says, line), line


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"epochs": 0}, r"epochs=0\): epochs must be at least 1"),
        ({"patience": -1}, r"patience=-1\): patience must be at least 0"),
        ({"patience": 2, "snapshots": False}, "patience counts evaluated epochs, and snapshots=False"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"learning_rate": -0.1}, "learning_rate must be at least 0"),
        ({"weight_decay": float("nan")}, "weight_decay must be at least 0"),
    ],
    ids=str,
)
def test_a_number_out_of_range_is_refused(options: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        fit(**options)


def test_a_head_of_as_many_other_classes_is_refused() -> None:
    net = cu.nets.feature_net(5, ("zero", "one", "three"))
    with pytest.raises(
        ValueError, match=r"3 classes apart and .* has 3 others, 'two' where it says 'three': net.with_head"
    ):
        fit(net=net)
    assert fit(net=cu.nets.feature_net(5, CLASSES)).epoch == FAST["epochs"]


@dataclass(eq=False)
class Odd(Adapter):
    """Its loss is what it is told."""

    found: object

    def loss(self, source: View, target: View, progress: float) -> Terms:
        return self.found(source)


@pytest.mark.parametrize(
    ("found", "error", "says"),
    [
        (lambda s: s.features.mean(), TypeError, r"Odd's loss gave tensor.*: give its terms by name"),
        (lambda s: {}, TypeError, r"Odd's loss gave \{\}"),
        (lambda s: None, TypeError, "Odd's loss gave None"),
        (lambda s: {"far": 1.0}, TypeError, "Odd's term 'far' is 1.0"),
        (lambda s: {"far": s.features.mean(0)}, TypeError, r"Odd's term 'far' is of shape \(\d+,\)"),
        (lambda s: {"epoch": s.features.mean()}, ValueError, "Odd calls a term 'epoch'"),
        (lambda s: {"source_accuracy": s.features.mean()}, ValueError, "calls a term 'source_accuracy'"),
        (lambda s: {"probe_mmd": s.features.mean()}, ValueError, "calls a term 'probe_mmd'"),
    ],
    ids=["a tensor", "nothing", "None", "a float", "a vector", "epoch", "source_accuracy", "probe_mmd"],
)
def test_terms_that_are_no_scalars_by_name_are_refused(found, error: type, says: str) -> None:
    with pytest.raises(error, match=says):
        fit(Odd(found))


def test_the_validators_column_is_the_loops_own() -> None:
    with pytest.raises(ValueError, match="Odd calls a term 'Entropy'"):
        fit(Odd(lambda source: {"Entropy": source.features.mean()}))


class Peeking(Adapter):
    def loss(self, source: View, target: View, progress: float) -> Terms:
        return {"task": self.task.loss(source) + self.task.loss(target)}


def test_a_loss_of_sealed_labels_says_that_they_are_sealed() -> None:
    with pytest.raises(SealedLabelsError, match=r"labels are sealed.*self.task.loss\(source\)"):
        fit(Peeking())


@pytest.mark.parametrize("task", [cu.Labels(), cu.Masks(), cu.Boxes()], ids=lambda task: type(task).__name__)
def test_every_tasks_loss_says_that_labels_are_sealed(task: object) -> None:
    with pytest.raises(SealedLabelsError, match="labels are sealed"):
        task.loss(scene_view(task, labelled=False))


# -- checkpoints -------------------------------------------------------------------------------------------------------


def test_a_checkpoint_in_no_folder_is_refused_before_training(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no folder '.*nowhere'. Make it first"):
        fit(checkpoint=tmp_path / "nowhere" / "run.pt")


def test_a_run_without_a_file_takes_the_state_of_one_with(tmp_path) -> None:
    kept = fit(checkpoint=tmp_path / "run.pt")
    run = fit(seed=0)
    run.restore(torch.load(tmp_path / "run.pt", weights_only=True))
    assert run.rows == kept.rows


def test_a_folder_is_no_damaged_checkpoint(tmp_path) -> None:
    with pytest.raises(IsADirectoryError):
        fit(checkpoint=tmp_path)


@pytest.mark.parametrize("content", [b"text", b"", b"PK\x03\x04 and no more"], ids=["text", "empty", "cut off"])
def test_a_file_that_is_no_checkpoint_is_refused_by_name(tmp_path, content: bytes) -> None:
    (tmp_path / "run.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"run.pt is damaged or no checkpoint. Name another file, or remove it"):
        fit(checkpoint=tmp_path / "run.pt")


def test_tensors_of_something_else_are_no_checkpoint(tmp_path) -> None:
    torch.save({"weights": torch.ones(2)}, tmp_path / "run.pt")
    with pytest.raises(ValueError, match="run.pt holds no run's state"):
        fit(checkpoint=tmp_path / "run.pt")


def test_a_schedule_that_is_told_by_its_address_has_no_checkpoint(tmp_path) -> None:
    with pytest.raises(ValueError, match="told by an address"):
        fit(cu.DAN(schedule=lambda progress: 1.0), checkpoint=tmp_path / "run.pt")


class Nameless:
    """A validator that is told by its address."""

    def score(self, source: object, target: object) -> float:
        return 0.0


def test_a_validator_that_is_told_by_its_address_has_no_checkpoint(tmp_path) -> None:
    with pytest.raises(ValueError, match="told by an address"):
        fit(validator=Nameless(), checkpoint=tmp_path / "run.pt")


@dataclass(frozen=True)
class Half:
    def __call__(self, progress: float) -> float:
        return 0.5


def test_a_schedule_of_ones_own_with_a_text_has_one(tmp_path) -> None:
    run = fit(cu.DAN(schedule=Half()), checkpoint=tmp_path / "run.pt")
    again = fit(cu.DAN(schedule=Half()), checkpoint=tmp_path / "run.pt")
    assert again.rows == run.rows


@pytest.mark.parametrize("other", ["net", "activation", "shots", "images"])
def test_a_checkpoint_of_another_net_of_other_shots_or_other_images_is_refused(tmp_path, other: str) -> None:
    path = tmp_path / "run.pt"
    pair, shots = feature_pair(shots=1), feature_pair(shots=3)
    net = cu.nets.feature_net(5, CLASSES, width=4)
    cu.fit(cu.FineTune(), pair, net=net, checkpoint=path, **FAST)
    changed = {"pair": pair, "net": net}
    if other == "net":
        torch.nn.init.zeros_(net.head.weight)
    elif other == "activation":
        net.bottleneck.append(torch.nn.Tanh())
    elif other == "shots":
        changed["pair"] = shots
    else:
        pair.source.domain.images[0] += 1
    with pytest.raises(ValueError, match="belongs to another run"):
        cu.fit(cu.FineTune(), **changed, checkpoint=path, **FAST)


# -- the oracle --------------------------------------------------------------------------------------------------------


def test_the_oracle_is_a_run_that_reads_target_labels_of_the_same_pair() -> None:
    run = fit()
    for reads in (
        cu.fit(cu.TargetOnly(), feature_pair(), **FAST),
        cu.fit(cu.FineTune(), feature_pair(shots=3), **FAST),
    ):
        assert "oracle" in run.exam(reads).index
    reads_none = cu.fit(cu.SourceOnly(), feature_pair().unseal("to see"), **FAST)
    elsewhere = cu.fit(cu.TargetOnly(), dataclasses.replace(feature_pair(), name="a -> b"), **FAST)
    for other in (reads_none, elsewhere):
        with pytest.raises(ValueError, match=r"is no oracle of .*: fit cu.TargetOnly\(\) on the same pair"):
            run.exam(other)
