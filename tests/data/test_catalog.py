import hashlib
import inspect
import re
from collections import Counter

import numpy as np
import pytest

from course_utils.data import catalog, store
from course_utils.data.domain import SPLITS

every_domain = pytest.mark.parametrize("name", [name for name, row in catalog.DOMAINS.items() if row.embedded])
every_row = pytest.mark.parametrize("row", catalog.DOMAINS.values(), ids=lambda row: row.name)
every_published_row = pytest.mark.parametrize(
    "row", [row for row in catalog.DOMAINS.values() if not row.embedded], ids=lambda row: row.name
)
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


@every_row
def test_a_row_says_whose_the_images_are(row):
    assert row.title
    assert row.citation
    assert row.licence
    assert len(row.card) > 60


def test_exactly_the_embedded_rows_promise_a_hash_of_their_array():
    assert all(row.embedded == bool(re.fullmatch("[0-9a-f]{64}", row.sha256)) for row in catalog.DOMAINS.values())


@every_row
def test_the_counts_of_a_rows_classes_add_up_to_its_counts(row):
    assert set(row.per_class) <= set(row.counts)
    for split, of_class in row.per_class.items():
        assert len(of_class) == len(row.classes)
        assert sum(of_class) == row.counts[split]


@every_published_row
def test_a_published_row_has_a_reader_that_takes_the_folder_of_its_files(row):
    inspect.signature(row.build).bind("folder")
    assert len(set(row.classes)) == len(row.classes)
    assert set(row.counts) in ({"all"}, {"train", "test"}, {"train", "validation", "test"})


@every_published_row
def test_checksums_have_the_length_of_checksums_and_addresses_are_addresses(row):
    assert len({original.name for original in row.originals}) == len(row.originals)
    for original in row.originals:
        assert re.fullmatch("[0-9a-f]{64}", original.sha256 or 64 * "0")
        assert re.fullmatch("[0-9a-f]{32}", original.md5 or 32 * "0")
        assert original.bytes is None or original.bytes > 0
        assert all(re.fullmatch(r"https?://[\w.-]+/\S+", url) for url in original.urls)


@every_published_row
def test_a_file_without_a_checksum_is_admitted_on_the_card(row):
    unknown = [original.name for original in row.originals if not (original.sha256 or original.md5)]
    assert bool(unknown) == ("No checksum is published" in row.card), unknown


@every_published_row
def test_a_file_that_cannot_be_fetched_is_admitted_on_the_card(row):
    without_address = [original.name for original in row.originals if not original.urls]
    assert bool(without_address) == (row.name in ("mnist-m-9k", "pcam"))
    assert ("import" in row.card) or not without_address


def test_files_of_one_name_in_one_set_are_one_file():
    of_set = {(row.set, original.name): set() for row in catalog.DOMAINS.values() for original in row.originals}
    for row in catalog.DOMAINS.values():
        for original in row.originals:
            of_set[row.set, original.name].add(original)
    assert not [key for key, different in of_set.items() if len(different) > 1]


@every_pair
def test_a_pair_names_catalogued_domains_that_both_know_its_classes_and_fit_its_channels(name):
    row = catalog.PAIRS[name]
    source, target = catalog.domain_row(row.source), catalog.domain_row(row.target)
    assert name == f"{row.source} -> {row.target}"
    for side in (source, target):
        assert set(row.classes or side.classes) <= set(side.classes)
        assert side.channels <= row.channels
    assert row.size in (source.size, target.size)
    assert row.classes is not None or source.classes == target.classes


@every_pair
def test_what_is_decoded_when_indexed_need_not_be_resized_or_picked_from(name):
    row = catalog.PAIRS[name]
    for side in (catalog.domain_row(row.source), catalog.domain_row(row.target)):
        if side.lazy:
            assert (row.size, row.channels, row.classes) == (side.size, side.channels, None)


def test_every_direction_between_the_domains_of_a_small_set_is_a_pair():
    of_set = Counter(row.source.partition("/")[0] for row in catalog.PAIRS.values())
    assert (of_set["pacs"], of_set["office-31"], of_set["office-home"]) == (12, 6, 12)


def test_settings_are_chosen_on_pairs_of_glyphs_and_edges_which_no_reported_pair_meets():
    development = {name for name, row in catalog.PAIRS.items() if row.development}
    assert development == {"glyphs -> mnist-5k", "glyphs -> optdigits", "patches/photo -> patches/edges"}
    reported = [row for row in catalog.PAIRS.values() if not row.development]
    assert not {"glyphs", "patches/edges"} & {side for row in reported for side in (row.source, row.target)}


def test_a_misspelt_domain_is_answered_with_the_nearest_name():
    with pytest.raises(catalog.UnknownDomainError, match=r"'mnist5k'.*Did you mean 'mnist-5k'"):
        catalog.domain_row("mnist5k")


def test_a_set_without_its_domain_is_answered_with_the_domains_of_that_set_alone():
    with pytest.raises(catalog.UnknownDomainError, match=r"Known: pacs/art_painting, pacs/cartoon, pacs/photo, pacs/"):
        catalog.domain_row("pacs")


def test_the_rows_of_a_set_and_of_one_domain():
    assert [row.name for row in catalog.set_rows("office-31")] == [
        "office-31/amazon",
        "office-31/dslr",
        "office-31/webcam",
    ]
    assert [row.name for row in catalog.set_rows("office-31/dslr")] == ["office-31/dslr"]
    assert [row.name for row in catalog.set_rows("mnist")] == ["mnist"]
    with pytest.raises(catalog.UnknownDomainError, match=r"No set or domain is called 'office-32'.*'office-31'"):
        catalog.set_rows("office-32")


def test_a_pair_with_a_wrong_target_is_answered_with_the_targets_of_its_source():
    with pytest.raises(catalog.UnknownPairError, match=r"Known: svhn -> mnist\.$"):
        catalog.pair_row("svhn -> usps")


def test_a_misspelt_pair_is_answered_with_the_nearest_name():
    with pytest.raises(catalog.UnknownPairError, match=r"Did you mean 'mnist-5k -> optdigits'"):
        catalog.pair_row("mnist-5k->optdigits")
