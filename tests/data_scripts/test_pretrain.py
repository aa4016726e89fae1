"""The small net that comes with the course: how it is made, and that what came is what was made."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import numpy as np
import pytest
import torch

from course_utils import inference, nets
from course_utils.data import catalog, store
from course_utils.data.domain import SPLITS, Domain
from data_scripts import pretrain as script
from data_scripts.pretrain import Handwriting

CARD = json.loads(nets.pretrained.GLYPHS.with_suffix(".json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def glyphs() -> Domain:
    return catalog.DOMAINS["glyphs"].build()


def few(glyphs: Domain, n: int = 96) -> Domain:
    """The same domain with at most `n` images a split."""
    kept = np.sort(
        np.concatenate([np.sort(np.random.default_rng(0).permutation(glyphs.splits[s])[:n]) for s in SPLITS])
    )
    splits = {s: np.flatnonzero(np.isin(kept, glyphs.splits[s])) for s in SPLITS}
    targets = {"label": glyphs.labels[kept]}
    return dataclasses.replace(
        glyphs,
        images=glyphs.images[kept],
        targets=targets,
        splits=splits,
        ids=glyphs.ids[kept],
        groups=glyphs.groups[kept],
    )


# -- the card says what came -------------------------------------------------------------------------------------------


def test_the_card_names_the_file_that_came_and_the_code_expects_it():
    content = nets.pretrained.GLYPHS.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert digest == CARD["sha256"] == nets.pretrained.GLYPHS_SHA256
    assert len(content) == CARD["bytes"] < 1_000_000


def test_the_card_is_of_the_present_data_and_the_present_recipe():
    assert CARD["data"] == {"domain": "glyphs", "split": "train", "sha256": catalog.DOMAINS["glyphs"].sha256}
    recipe = CARD["recipe"]
    assert recipe["augment"] == repr(script.AUGMENT)
    assert (recipe["epochs"], recipe["seed"]) == (script.EPOCHS, script.SEED)


def test_the_metrics_on_the_card_are_those_of_the_file(glyphs):
    net = nets.glyph_net()
    for split, fonts in (("validation", "two"), ("test", "four")):
        rows = glyphs.splits[split]
        found = inference.outputs(net, glyphs.images, rows).logits.argmax(1).numpy()
        told = CARD["metrics"][f"accuracy on the {fonts} fonts of {split}"]
        assert (found == glyphs.labels[rows]).mean() == pytest.approx(told, abs=0.002)


def test_the_probes_on_the_card_are_those_of_the_file():
    told = CARD["metrics"]["linear probe, 5 labels a class, scored on validation (chosen by)"]
    assert script.development(nets.glyph_net()) == pytest.approx(told, abs=0.01)


# -- how it is made ----------------------------------------------------------------------------------------------------


def test_two_trainings_write_the_same_file_and_the_card_says_its_sha256(glyphs, monkeypatch, tmp_path):
    monkeypatch.setattr(
        store, "domain", lambda name, domain=store.domain: few(glyphs) if name == "glyphs" else domain(name)
    )
    monkeypatch.setattr(script, "EPOCHS", 1)
    monkeypatch.setattr(script, "development", lambda net: {})
    written = []
    for name in ("first", "second"):
        script.pretrain(tmp_path / name / "glyphs.safetensors")
        written.append((tmp_path / name / "glyphs.safetensors").read_bytes())
        card = json.loads((tmp_path / name / "glyphs.json").read_text())
        assert card["sha256"] == hashlib.sha256(written[-1]).hexdigest()
    assert written[0] == written[1]


def test_development_never_looks_at_a_test_label(glyphs, monkeypatch):
    """Every label outside training and validation is replaced, and the numbers stay."""
    monkeypatch.setattr(script, "SEEDS", range(1))
    net = nets.glyph_net()
    honest = script.development(net)

    def poisoned(name: str, domain=store.domain) -> Domain:
        found = domain(name)
        labels = found.labels.copy()
        labels[found.splits["test"]] = 0
        return dataclasses.replace(found, targets={"label": labels}) if name != "glyphs" else found

    monkeypatch.setattr(store, "domain", poisoned)
    assert script.development(net) == honest


# -- handwriting -------------------------------------------------------------------------------------------------------


def drawn(n: int = 64) -> torch.Tensor:
    """A bar, three pixels wide, on black."""
    images = torch.zeros(n, 1, 28, 28)
    images[:, :, 6:22, 12:15] = 1
    return images


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_handwriting_with_nothing_set_changes_nothing():
    still = Handwriting(bend=0, ink=0, coarse=0)(drawn(), generator())
    torch.testing.assert_close(still, drawn())


def test_every_image_is_written_in_its_own_way_and_a_seed_means_the_same_again():
    images = Handwriting()(drawn(), generator())
    assert images.shape == drawn().shape and images.min() >= 0 and images.max() <= 1
    assert len(torch.unique(images.flatten(1), dim=0)) == len(images)
    assert torch.equal(images, Handwriting()(drawn(), generator()))
    assert torch.equal(images, Handwriting()((255 * drawn()).to(torch.uint8), generator()))


def test_ink_makes_strokes_thicker_and_thinner_by_at_most_a_pixel_on_either_side():
    widths = Handwriting(bend=0, ink=1, coarse=0)(drawn(200), generator())[:, 0, 14].sum(1)
    assert widths.min() >= 1 - 1e-5 and widths.max() <= 5 + 1e-5
    assert widths.min() < 1.2 and widths.max() > 4.8


def test_bending_moves_ink_and_leaves_its_amount_about_as_it_was():
    bent = Handwriting(bend=0.1, ink=0, coarse=0)(drawn(200), generator())
    assert not torch.allclose(bent, drawn(200), atol=0.5)
    assert bent.sum((1, 2, 3)).mean() == pytest.approx(drawn(1).sum().item(), rel=0.1)


def test_a_scan_blurs_the_share_of_images_that_it_is_given():
    sharp = drawn(400)
    scanned = Handwriting(bend=0, ink=0, coarse=0.25)(sharp, generator())
    changed = (scanned - sharp).abs().amax((1, 2, 3)) > 1e-3
    assert changed.float().mean() == pytest.approx(0.25, abs=0.06)


def test_a_misspelt_setting_is_answered_with_the_nearest():
    with pytest.raises(TypeError, match="Did you mean 'bend'"):
        Handwriting(bent=1)
