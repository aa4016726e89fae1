"""What several rows say."""

from __future__ import annotations

NO_CHECKSUM = "No checksum is published."
SPLITS_ARE_OURS = "No split is published: train, validation and test are drawn here, stratified, 70/10/20."
PAPERS_USE_ALL = "Papers train and score on all target images; numbers on this test part are not theirs."


def google_drive(identifier: str) -> tuple[str, ...]:
    """The addresses of a file there; the first one skips the page that asks whether a large file is wanted."""
    return (
        f"https://drive.usercontent.google.com/download?id={identifier}&export=download&confirm=t",
        f"https://drive.google.com/uc?export=download&confirm=t&id={identifier}",
    )
