"""Augmentations beyond moving and tinting (`Augment`): one idea, one file. All of them draw from a given generator."""

from course_utils.data.augmentations.base import Chain
from course_utils.data.augmentations.convolution import RandomConvolution
from course_utils.data.augmentations.fourier import FourierStyle
from course_utils.data.augmentations.policies import RandAugment, TrivialAugment

__all__ = ["Chain", "FourierStyle", "RandAugment", "RandomConvolution", "TrivialAugment"]
