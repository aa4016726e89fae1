"""Work in a folder of originals: one process at a time, and the trouble of a disk in one sentence."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from course_utils.progress import progress_bar


class OriginalError(RuntimeError):
    """Raised when an original cannot be had, kept or read; the message names the file and the next step."""


@contextlib.contextmanager
def alone(what: str, folder: Path, lock: str = ".lock") -> Iterator[None]:
    """Makes `folder`, and keeps every other process out that asks for the same `lock`, until the block ends.

    The lock of a killed process is free. Raises OriginalError for what the disk refuses within the block.
    """
    import filelock

    try:
        folder.mkdir(parents=True, exist_ok=True)
        waiting = filelock.FileLock(folder / lock)
        try:
            held = waiting.acquire(timeout=0)
        except filelock.Timeout:
            bar = progress_bar(0, f"{what}: another process is at work on it")
            held = waiting.acquire()
            bar.close("done")
        with held:
            yield
    except OSError as error:
        said = error.strerror or str(error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OriginalError(
                f"The disk is full: {what} does not fit into {folder} ({said}). Free some room, or set the "
                "environment variable COURSE_DATA to a folder on another disk; then do the same again."
            ) from error
        raise OriginalError(
            f"{what} cannot be kept in {folder}: {said}. Set the environment variable COURSE_DATA to a folder that "
            "you may write to."
        ) from error
