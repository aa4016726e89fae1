"""Card: one set on one page, with what is here of it and a sheet of samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from course_utils.data import catalog, shelf, store
from course_utils.data.domain import SPLITS, Domain
from data_scripts.cards import card_of
from data_scripts.show import state_of

CELL = 56  # pixels of one sample on the sheet


def card(name: str) -> bool:
    """The catalog's card; where the files came from; and for each domain that is ready, its classes and a sheet."""
    rows = catalog.set_rows(name)
    print(card_of(rows))
    if not rows[0].embedded:
        print(f"\nOn this machine: {state_of(rows)}.")
        known = shelf.manifest(rows[0].set)
        for file, entry in known.files.items():
            print(f"  {file}: {entry['verdict']}, from {entry['from']}, sha256 {entry['sha256']}")
        if known.folder:
            print(f"  images in {known.folder} ({known.listing['files']:,} files)")
    for row in rows:
        if row.embedded or store.is_built(row):
            domain = store.domain(row.name)
            print(f"\n{row.name}\n{_table(domain)}")
            print(f"a sheet of samples: {sheet(domain, store.root() / 'sheets')}")
    return True


def _table(domain: Domain) -> str:
    import pandas as pd

    counts = {
        split: np.bincount(domain.labels[domain.splits[split]], minlength=len(domain.classes)) for split in SPLITS
    }
    return pd.DataFrame(counts, index=domain.classes).assign(all=sum(counts.values())).to_string()


def sheet(domain: Domain, folder: Path, columns: int = 10) -> Path:
    """A PNG with one row a class: the same training images every time. Returns its path."""
    from PIL import Image, ImageDraw, ImageFont

    margin = 16 + int(max(ImageFont.load_default().getlength(name) for name in domain.classes))
    page = Image.new("RGB", (margin + columns * CELL, len(domain.classes) * CELL), "white")
    write, rng, train = ImageDraw.Draw(page), np.random.default_rng(0), domain.splits["train"]
    for label, name in enumerate(domain.classes):
        write.text((6, (label + 0.5) * CELL), name, fill="black", anchor="lm")
        of_class = train[domain.labels[train] == label]
        for column, image in enumerate(domain.images[np.sort(rng.permutation(of_class)[:columns])]):
            sample = Image.fromarray(image.squeeze(0) if len(image) == 1 else image.transpose(1, 2, 0))
            page.paste(sample.resize((CELL - 4, CELL - 4)), (margin + column * CELL + 2, label * CELL + 2))
    path = folder / f"{domain.name.replace('/', '-')}.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        page.save(path)
    except OSError as error:
        raise store.StoreError(f"The sheet of {domain.name!r} cannot be kept in {folder}: {error.strerror}.") from error
    return path
