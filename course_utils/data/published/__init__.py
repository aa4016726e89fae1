"""The rows of the sets that others publish: what is in them, whose they are, and where their files lie.

A size or a checksum stands here only where the publisher or a loader in wide use states it; where nobody does, the
card says so. The files are fetched or imported once, and read by `data.digits`, `data.photos` and `data.applied`.
"""

from course_utils.data.published import applied, digits, photos

ROWS = (*digits.ROWS, *photos.ROWS, *applied.ROWS)
