"""Widgets that make a shift visible, each with three lives: live, as a page without a kernel, and on paper."""
