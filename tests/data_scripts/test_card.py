"""The card of one set on this machine."""

import numpy as np
import pytest

from course_utils.data import store
from data_scripts.card import CELL, sheet


def test_a_card_says_where_the_files_came_from_and_counts_every_class(run, published, tmp_path):
    run("import", "made", published)
    run("prepare", "made")
    status, printed, _ = run("card", "made")
    assert status == 0
    assert "### made" in printed and "Licence: none." in printed and "On this machine: ready." in printed
    assert f"made-images.bin: published, from {published / 'made-images.bin'}, sha256 " in printed
    domain = store.domain("made")
    for label, name in enumerate(domain.classes):
        (line,) = [line for line in printed.splitlines() if line.startswith(name)]
        counts = [int((domain.labels[domain.splits[split]] == label).sum()) for split in domain.splits]
        assert [int(n) for n in line.split()[1:]] == [*counts, 20]
    assert (tmp_path / "store" / "sheets" / "made.png").exists()


def test_a_card_of_a_set_that_is_not_here_is_the_catalogs(run, published, tmp_path):
    status, printed, _ = run("card", "shapes")
    assert status == 0 and "On this machine: to import, " in printed and "sheet" not in printed
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("name", ["made", "shapes/drawn"])
def test_a_sheet_has_one_row_of_training_images_a_class(published, run, tmp_path, name):
    from PIL import Image

    run("import", name, published)
    domain = store.domain(name)
    path = sheet(domain, tmp_path / "sheets", columns=4)
    drawn = np.asarray(Image.open(path).convert("RGB"))
    assert drawn.shape[0] == 2 * CELL
    train = domain.splits["train"]
    for label in range(2):
        cells = drawn[label * CELL : (label + 1) * CELL, -4 * CELL :]
        of_class = domain.images[train[domain.labels[train] == label]]
        grown = {bytes(np.asarray(_grown(image))) for image in of_class}
        for column in range(4):
            assert bytes(np.ascontiguousarray(cells[2:-2, column * CELL + 2 : (column + 1) * CELL - 2])) in grown


def _grown(image):
    from PIL import Image

    pixels = np.repeat(image, 3, axis=0) if len(image) == 1 else image
    return Image.fromarray(pixels.transpose(1, 2, 0)).resize((CELL - 4, CELL - 4))
