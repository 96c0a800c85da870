"""Errors of image data: what is wrong, where, and what was expected."""

from pathlib import Path


class DataError(ValueError):
    """Folders, tables or settings from which no list of images can be made."""


class ImageError(ValueError):
    """A file that cannot be decoded completely, or cannot be read at all.

    Attributes:
        source: the file; `None` if the image came as bytes.
        reason: what is wrong with it.
    """

    def __init__(self, source: Path | None, reason: str) -> None:
        super().__init__(f"{source or 'image'}: {reason}")
        self.source = source
        self.reason = reason

    def __reduce__(self) -> tuple[type["ImageError"], tuple[Path | None, str]]:
        return ImageError, (self.source, self.reason)
