"""Makes what lesson 03 says of PACS, into results/frozen/: the frozen ImageNet network, read by linear probes.

    COURSE_ORIGINALS=... python3 course.py bench frozen

Once with the mean and standard deviation that the weights were made for, once with ImageNet's.
"""

from __future__ import annotations

import torch

from benchmarks.extract import with_statistics
from course_utils import frozen, nets
from course_utils.data import catalog, store
from course_utils.data.arrays import replace
from course_utils.nets import IMAGENET_MEAN, IMAGENET_STD
from course_utils.progress import progress_bar
from course_utils.provenance import code_hash


def measured(name: str) -> dict:
    """The record of a set, but for what it was made with."""
    net, domains = nets.imagenet_net(), [store.domain(row.name) for row in catalog.set_rows(name)]
    both = {"own": net, "imagenet": with_statistics(net, IMAGENET_MEAN, IMAGENET_STD)}
    return {constants: frozen.probed(asked, domains) for constants, asked in both.items()}


def made_of(name: str) -> list[str]:
    """Code and images behind a record, as hashes. What the catalog says of a domain counts as images."""
    code = code_hash(measured, but=(catalog.set_rows, store.domain, progress_bar))
    return [code, *(catalog.fingerprint(row.name) for row in catalog.set_rows(name))]


def main() -> None:
    torch.set_num_threads(1)
    frozen.FOLDER.mkdir(parents=True, exist_ok=True)
    replace(frozen.FOLDER / "pacs.json", {"made of": made_of("pacs"), "accuracies": measured("pacs")})
    table = frozen.record("pacs").groupby(["constants", "taught", "exam"], sort=False)["accuracy"]
    print(table.agg(["mean", "min", "max"]).round(3).to_string())


if __name__ == "__main__":
    from benchmarks import frozen as by_name  # hashes are taken of modules that can be found

    by_name.main()
