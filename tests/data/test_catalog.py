import hashlib

import numpy as np
import pytest

from course_utils.data import catalog, store
from course_utils.data.domain import SPLITS

every_domain = pytest.mark.parametrize("name", catalog.DOMAINS)
every_pair = pytest.mark.parametrize("name", catalog.PAIRS)


@every_domain
def test_a_domain_has_the_name_shape_classes_and_counts_of_its_row(built, name):
    row, domain = catalog.DOMAINS[name], built[name]
    assert domain.name == name
    assert domain.classes == row.classes
    assert domain.images.shape == (sum(row.counts.values()), row.channels, row.size, row.size)
    assert {split: len(domain.splits[split]) for split in SPLITS} == row.counts


@every_domain
def test_splits_are_disjoint_cover_every_image_and_hold_70_10_20_of_each_class(built, name):
    domain = built[name]
    assert sorted(np.concatenate(list(domain.splits.values()))) == list(range(len(domain)))
    sizes = np.bincount(domain.labels)
    for split, share in {"train": 0.7, "validation": 0.1, "test": 0.2}.items():
        in_split = np.bincount(domain.labels[domain.splits[split]], minlength=len(domain.classes))
        # glyphs come in whole fonts: 15, 2 and 4 of 21
        assert np.abs(in_split - share * sizes).max() <= (0.02 * sizes.max() if name == "glyphs" else 1)


@every_domain
def test_no_original_stands_in_two_splits(built, name):
    domain = built[name]
    seen = [set(domain.groups[domain.splits[split]]) for split in SPLITS]
    assert sum(map(len, seen)) == len(set.union(*seen))


@every_domain
def test_ids_are_unique_and_every_image_has_ink(built, name):
    domain = built[name]
    assert len(np.unique(domain.ids)) == len(domain)
    assert (np.ptp(domain.images.reshape(len(domain), -1), axis=1) > 0).all()


@every_domain
def test_two_builds_are_equal_byte_for_byte(built, name):
    again = catalog.DOMAINS[name].build()
    np.testing.assert_array_equal(again.images, built[name].images)
    np.testing.assert_array_equal(again.groups, built[name].groups)
    for split in SPLITS:
        np.testing.assert_array_equal(again.splits[split], built[name].splits[split])


@pytest.mark.skipif(store.built_with() != catalog.BUILT_WITH, reason="the hashes were made elsewhere")
@every_domain
def test_the_array_has_the_catalogued_hash(built, name):
    assert hashlib.sha256(built[name].images.tobytes()).hexdigest() == catalog.DOMAINS[name].sha256


@every_domain
def test_a_row_says_whose_the_images_are(name):
    row = catalog.DOMAINS[name]
    assert row.title
    assert row.citation
    assert row.licence
    assert len(row.card) > 60


@every_pair
def test_a_pair_names_catalogued_domains_that_both_know_its_classes_and_fit_its_channels(name):
    row = catalog.PAIRS[name]
    source, target = catalog.domain_row(row.source), catalog.domain_row(row.target)
    assert name == f"{row.source} -> {row.target}"
    for side in (source, target):
        assert set(row.classes or side.classes) <= set(side.classes)
        assert side.channels <= row.channels
        assert side.size == row.size
    assert row.classes is not None or source.classes == target.classes


def test_settings_are_chosen_on_pairs_that_only_glyphs_start():
    assert {row.source for row in catalog.PAIRS.values() if row.development} == {"glyphs"}
    assert "glyphs" not in {row.source for row in catalog.PAIRS.values() if not row.development}


def test_a_misspelt_domain_is_answered_with_the_nearest_name():
    with pytest.raises(catalog.UnknownDomainError, match=r"'mnist5k'.*Did you mean 'mnist-5k'"):
        catalog.domain_row("mnist5k")


def test_a_misspelt_pair_is_answered_with_the_nearest_name():
    with pytest.raises(catalog.UnknownPairError, match=r"Did you mean 'mnist-5k -> optdigits'"):
        catalog.pair_row("mnist-5k->optdigits")
