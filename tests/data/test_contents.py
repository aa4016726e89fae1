"""Two pairs of one name are told apart by what they hold."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from course_utils.data.contents import content_hash
from course_utils.data.pair import DomainPair
from tests.toys import toy_pair


def other_domain(pair: DomainPair, **changed: object) -> DomainPair:
    domain = dataclasses.replace(pair.source.domain, **changed)
    parts = {name: part and dataclasses.replace(part, domain=domain) for name, part in vars(pair.source).items()}
    return dataclasses.replace(pair, source=dataclasses.replace(pair.source, **parts))


def other_part(pair: DomainPair, **changed: np.ndarray) -> DomainPair:
    parts = {name: dataclasses.replace(getattr(pair.source, name), indices=rows) for name, rows in changed.items()}
    return dataclasses.replace(pair, source=dataclasses.replace(pair.source, **parts))


PAIR = toy_pair()
DOMAIN, SIDE = PAIR.source.domain, PAIR.source
TURNED = DOMAIN.labels.copy()
TURNED[0] = (TURNED[0] + 1) % 3
BRIGHT = DOMAIN.images.copy()
BRIGHT[0, 0, 0, 0] ^= 1


@pytest.mark.parametrize(
    "other",
    [
        other_domain(PAIR, images=BRIGHT),
        other_domain(PAIR, targets={"label": TURNED}),
        other_domain(PAIR, targets={"label": DOMAIN.labels, "depth": DOMAIN.labels}),
        other_domain(PAIR, classes=("zero", "two", "one")),
        other_domain(PAIR, ids=DOMAIN.ids[::-1]),
        other_part(PAIR, train=SIDE.train.indices[:20]),
        other_part(
            PAIR,
            train=np.concatenate([SIDE.train.indices, SIDE.validation.indices[:3]]),
            validation=SIDE.validation.indices[3:],
        ),
        dataclasses.replace(PAIR, source=dataclasses.replace(SIDE, train=dataclasses.replace(SIDE.train, sealed=True))),
    ],
    ids=["a pixel", "a label", "a target", "classes", "ids", "fewer", "a border moved", "sealed"],
)
def test_the_hash_changes_with_all_that_a_fit_could_see(other: DomainPair) -> None:
    (here, there), (changed, same) = content_hash(PAIR), content_hash(other)
    assert here != changed and there == same


def test_it_is_the_same_for_equal_contents_of_another_layout() -> None:
    again = other_domain(PAIR, images=np.asfortranarray(DOMAIN.images), groups=DOMAIN.groups.astype(object))
    assert content_hash(again) == content_hash(other_domain(PAIR, groups=DOMAIN.groups.astype(object).astype(str)))
