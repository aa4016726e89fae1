"""The published sets themselves, where COURSE_ORIGINALS holds them: they import, verify, open and train.

What is expected stands in the catalog and was counted by others; here it is counted from the arrays.
"""

import dataclasses
import os
import warnings

import numpy as np
import pytest

import course_utils as cu
from course_utils.data import arrivals, catalog, shelf, store
from course_utils.data.domain import Part
from course_utils.evaluation import probes
from tests.toys import FAST

pytestmark = pytest.mark.skipif(not os.environ.get("COURSE_ORIGINALS"), reason="COURSE_ORIGINALS is not set")
PACS = tuple(row.name for row in catalog.set_rows("pacs"))


@pytest.fixture(scope="module", autouse=True)
def _a_store_of_their_own(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DATA", str(tmp_path_factory.mktemp("store")))
        yield


def opened(name):
    """The domain, or a skip where its files are not in COURSE_ORIGINALS."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            domain = store.domain(name)
        except store.NotHereError as error:
            pytest.skip(str(error))
    # Another edition than the published one may lie there, but then all of it.
    assert {warning.category for warning in told} <= {arrivals.UnverifiedOriginalWarning}
    return domain


@pytest.mark.parametrize("name", ["mnist", "usps", "mnist-m-9k", *PACS])
def test_a_set_has_the_published_counts_of_every_class(name):
    domain, row = opened(name), catalog.domain_row(name)
    assert domain.images.shape == (sum(row.counts.values()), row.channels, row.size, row.size)
    assert domain.classes == row.classes
    of_part = {"all": np.arange(len(domain)), "test": domain.splits["test"]}
    of_part["train"] = np.concatenate([domain.splits["train"], domain.splits["validation"]])
    for part, n in row.counts.items():
        assert len(of_part[part]) == n
    for part, counts in row.per_class.items():
        assert tuple(np.bincount(domain.labels[of_part[part]])) == counts
    assert (np.ptp(domain.images.reshape(len(domain), -1), axis=1) > 0).all()


@pytest.mark.parametrize("name", ["mnist", "usps", "mnist-m-9k", "pacs"])
def test_a_set_is_in_order_when_everything_is_hashed_again(name):
    for row in catalog.set_rows(name):
        opened(row.name)
    told = list(store.verify(name))
    assert len(told) == len(catalog.set_rows(name)) + len(shelf.originals_of(catalog.set_rows(name)))
    assert all(good for _, _, good in told)


def test_pacs_has_9991_images():
    assert sum(len(opened(name)) for name in PACS) == 9991


def test_a_linear_probe_reads_photographs_from_the_features_of_the_imagenet_net():
    features = cu.extract(cu.nets.imagenet_net(), opened("pacs/photo"))
    train, test = (Part(features, split, features.splits[split]) for split in ("train", "test"))
    assert probes.accuracy(probes.linear_probe(), train, test) > 0.95


def small(side, n):
    parts = {split: getattr(side, split).take(np.arange(n)) for split in ("train", "validation", "test")}
    return dataclasses.replace(side, **parts)


def test_one_epoch_on_some_of_mnist_recognises_mnist_and_is_scored_on_usps():
    opened("mnist"), opened("usps")
    pair = cu.pair("mnist -> usps")
    assert pair.source.domain.images.shape[1:] == pair.target.domain.images.shape[1:] == (1, 28, 28)
    pair = dataclasses.replace(pair, source=small(pair.source, 640), target=small(pair.target, 320))
    exam = cu.fit(cu.SourceOnly(), pair, **FAST | {"epochs": 1}).exam()
    assert (exam["source"] > 0.6).all() and exam["target"].between(0, 1).all()


def test_mnist_leaves_out_the_digits_that_mnist_m_9k_is_made_of():
    opened("mnist"), opened("mnist-m-9k")
    pair = cu.pair("mnist -> mnist-m-9k")
    assert len(pair.source.train) == 52_500 and len(pair.source.test) == 999
    assert not np.intersect1d(pair.source.domain.groups, pair.target.domain.groups).size
