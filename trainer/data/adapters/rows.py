"""Rows: samples that are mappings, such as those of Hugging Face's ``datasets``."""

from collections.abc import Iterable, Sequence

from trainer.data.adapters.values import ValueTypeError

IMAGES = ("image", "img", "pixel_values")
LABELS = ("label", "labels", "fine_label")


def image_and_label(names: Iterable[str]) -> tuple[str, str]:
    """Return the columns of the image and of the label among the names of a row.

    Raises:
        ValueTypeError: one of them is not there.
    """
    columns = list(names)
    image, label = _first(IMAGES, columns), _first(LABELS, columns)
    if image is None or label is None:
        raise ValueTypeError(
            f"expected one of the columns {', '.join(IMAGES)} and one of {', '.join(LABELS)}, "
            f"received {', '.join(columns)}; name them so, for example with "
            "rename_column('photo', 'image')"
        )
    return image, label


def _first(known: Sequence[str], names: Sequence[str]) -> str | None:
    return next((name for name in known if name in names), None)
