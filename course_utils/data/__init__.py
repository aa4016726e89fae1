"""Where images come from, and how they become batches."""

from course_utils.data.augment import Augment
from course_utils.data.pair import Domain, DomainPair, PairError, Part, SealedLabelsError, pair
from course_utils.data.store import domain

__all__ = ["Augment", "Domain", "DomainPair", "PairError", "Part", "SealedLabelsError", "domain", "pair"]
