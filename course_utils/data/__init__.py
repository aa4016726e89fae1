"""Where images come from, and how they become batches."""

from course_utils.data.augment import Augment
from course_utils.data.augmentations import FourierStyle, RandAugment, RandomConvolution, TrivialAugment
from course_utils.data.corruptions import corrupted
from course_utils.data.domain import Domain, Part, SealedLabelsError
from course_utils.data.folder import folder
from course_utils.data.pair import DomainPair, PairError, pair
from course_utils.data.pooled import pooled
from course_utils.data.store import domain

__all__ = [
    "Augment",
    "Domain",
    "DomainPair",
    "FourierStyle",
    "PairError",
    "Part",
    "RandAugment",
    "RandomConvolution",
    "SealedLabelsError",
    "TrivialAugment",
    "corrupted",
    "domain",
    "folder",
    "pair",
    "pooled",
]
