"""Features are asked for once and kept whole; other weights, images and layers have features of their own."""

from __future__ import annotations

import dataclasses
import errno
import importlib
import os
import threading

import numpy as np
import pytest
from torch import nn

from course_utils.data import alone
from course_utils.data.arrays import StoreError
from course_utils.extract import extract
from course_utils.progress import progress_bar
from tests.toys import one_by_one, toy_domain, toy_net

extraction = importlib.import_module("course_utils.extract")  # `cu.extract` is the function


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """A store of this test alone."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    return tmp_path / "features"


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """The extractions that really ran the net."""
    names, write = [], extraction._write
    monkeypatch.setattr(extraction, "_write", lambda n, d, name, *rest: (names.append(name), write(n, d, name, *rest)))
    return names


def test_the_second_time_features_are_mapped_from_the_disk(asked) -> None:
    first, again = (extract(toy_net(), toy_domain()) for _ in range(2))
    assert len(asked) == 1
    assert isinstance(again.images, np.memmap) and not again.images.flags.writeable
    np.testing.assert_array_equal(first.images, again.images)


def leaky(net):
    net.backbone[0][2] = nn.LeakyReLU()


@pytest.mark.parametrize(
    "change",
    [
        lambda net: net.head.bias.data.add_(1),
        lambda net: net.backbone[0][1].running_mean.add_(1),
        lambda net: net.std.mul_(2),
        leaky,
    ],
    ids=["a weight", "a buffer", "the pixels' scale", "an activation"],
)
def test_another_net_is_asked_anew(asked, change) -> None:
    net = toy_net()
    extract(net, toy_domain())
    change(net)
    features = extract(net, toy_domain())
    assert len(asked) == 2
    np.testing.assert_allclose(features.images, one_by_one(net, toy_domain().images), atol=1e-5)


def test_other_images_and_another_layer_are_asked_anew(asked) -> None:
    net, domain = toy_net(), toy_domain()
    images = domain.images.copy()
    images[-1, 0, 0, 0] += 1
    for other, layer in ((domain, None), (dataclasses.replace(domain, images=images), None), (domain, "stage1")):
        extract(net, other, layer)
    assert len(asked) == 3


def test_other_labels_of_the_same_images_are_not(asked) -> None:
    domain = toy_domain()
    extract(toy_net(), domain)
    turned = dataclasses.replace(domain, targets={"label": domain.labels[::-1].copy()})
    assert extract(toy_net(), turned).labels is turned.labels and len(asked) == 1


def test_a_hash_that_the_store_knows_is_not_made_again(asked, monkeypatch) -> None:
    known = dataclasses.replace(toy_domain(), sha256="a" * 64)
    monkeypatch.setattr(extraction, "images_hash", lambda images: pytest.fail("the images were read"))
    extract(toy_net(), known)
    extract(toy_net(), dataclasses.replace(known, sha256="b" * 64))
    assert len(asked) == 2


# -- whole or not at all -----------------------------------------------------------------------------------------------


def left(store) -> list[str]:
    return sorted(path.name for path in store.rglob("*") if path.suffix != ".lock")


@pytest.mark.parametrize(
    ("trouble", "raised", "words"),
    [
        (KeyboardInterrupt("now"), KeyboardInterrupt, "now"),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            StoreError,
            "The disk is full: 'toy@small_cnn'.*COURSE_DATA",
        ),
        (OSError(errno.EACCES, "Permission denied"), StoreError, "cannot be kept in .*COURSE_DATA"),
    ],
    ids=["Ctrl-C", "a full disk", "no right to write"],
)
def test_trouble_leaves_nothing_half_and_the_next_call_begins_anew(
    store, asked, monkeypatch, trouble, raised, words
) -> None:
    def broken(*arguments):
        raise trouble

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(raised, match=words):
            extract(toy_net(), toy_domain())
    assert left(store) == []
    extract(toy_net(), toy_domain())
    assert len(asked) == 2


def test_what_a_killed_process_left_is_swept_away(store) -> None:
    extract(toy_net(), toy_domain())
    (folder,) = (path for path in store.iterdir() if path.is_dir())
    folder.rename(folder.with_name(f".{folder.name}"))
    features = extract(toy_net(), toy_domain())
    np.testing.assert_allclose(features.images, one_by_one(toy_net(), toy_domain().images), atol=1e-5)
    assert left(store) == sorted(["features.npy", folder.name])


def test_a_file_that_was_cut_off_is_made_again(store, asked) -> None:
    extract(toy_net(), toy_domain())
    (file,) = store.rglob("features.npy")
    file.write_bytes(file.read_bytes()[:-1])
    extract(toy_net(), toy_domain())
    assert len(asked) == 2


def test_who_comes_second_waits_and_does_not_ask(asked, monkeypatch) -> None:
    begun, waits, write, found = threading.Event(), threading.Event(), extraction._write, []

    def slow(*arguments):
        begun.set()
        assert waits.wait(60)
        write(*arguments)

    monkeypatch.setattr(extraction, "_write", slow)
    monkeypatch.setattr(alone, "progress_bar", lambda *told: waits.set() or progress_bar(*told))
    first, second = (threading.Thread(target=lambda: found.append(extract(toy_net(), toy_domain()))) for _ in "ab")
    first.start()
    assert begun.wait(60)
    second.start()
    for thread in (first, second):
        thread.join(60)
    assert len(asked) == 1 and np.array_equal(found[0].images, found[1].images)
