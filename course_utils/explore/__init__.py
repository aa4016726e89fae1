"""Widgets that make a shift visible, each with three lives: live, as a page without a kernel, and on paper."""

from course_utils.explore.adversary_dial import adversary_dial
from course_utils.explore.augmentation import augmentation
from course_utils.explore.base import Explorer, load
from course_utils.explore.feature_shift import feature_shift
from course_utils.explore.kernel_dial import kernel_dial
from course_utils.explore.layer_freezer import layer_freezer
from course_utils.explore.neighbours import neighbours
from course_utils.explore.overlay import framed, mask_overlay, painted
from course_utils.explore.shift_dial import shift_dial
from course_utils.explore.stored import stored
from course_utils.explore.strategy_chooser import strategy_chooser

__all__ = [
    "Explorer",
    "adversary_dial",
    "augmentation",
    "feature_shift",
    "framed",
    "kernel_dial",
    "layer_freezer",
    "load",
    "mask_overlay",
    "neighbours",
    "painted",
    "shift_dial",
    "stored",
    "strategy_chooser",
]
