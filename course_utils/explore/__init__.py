"""Widgets that make a shift visible, each with three lives: live, as a page without a kernel, and on paper."""

from course_utils.explore.base import Explorer, load

__all__ = ["Explorer", "load"]
