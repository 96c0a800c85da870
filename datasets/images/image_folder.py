"""A folder with one folder per class, or with such folders under `train`, `val` and `test`."""

from pathlib import Path

from .errors import DataError
from .holdout import split
from .image_list import ImageList, Splits
from .scan import class_folders, scan_classes

TRAIN = "train"
VALIDATION = ("val", "valid", "validation")
TEST = "test"


def image_folder(
    root: Path,
    holdout: float | None = None,
    test_holdout: float | None = None,
    seed: int = 0,
    class_names: tuple[str, ...] | None = None,
) -> Splits:
    """Return the images of `root/CLASS`, or of `root/train/CLASS`, `val` and `test` likewise.

    A part without a folder is taken from the training images if its share is set.

    Args:
        root: the folder.
        holdout: share of the training images for validation, stratified by class.
        test_holdout: share of the training images for the test.
        seed: of the split.
        class_names: in the order of their numbers; `None` takes the folders in natural order.

    Raises:
        DataError: a class is empty or not one of training, or a share does not fit.
    """
    folder, validation, test = _part_folders(root) or ("", "", "")
    _check_shares(root, {"holdout": (holdout, validation), "test_holdout": (test_holdout, test)})
    train = scan_classes(root, folder, class_names)
    splits = split(train, holdout or 0, test_holdout or 0, seed)
    return Splits(
        splits.train,
        _scan(root, validation, train) or splits.validation,
        _scan(root, test, train) or splits.test,
    )


def _check_shares(root: Path, shares: dict[str, tuple[float | None, str]]) -> None:
    for key, (share, folder) in shares.items():
        if share and folder:
            raise DataError(
                f"{key}: expected null, because {root / folder} exists, received {share}"
            )


def _scan(root: Path, folder: str, train: ImageList) -> ImageList | None:
    return scan_classes(root, folder, train.class_names) if folder else None


def _part_folders(root: Path) -> tuple[str, str, str] | None:
    """Return the folders for training, validation and test, or `None` if classes are in `root`.

    A folder `train` that has no folders in it is a class, for example next to `bus` and `car`.
    """
    folders = class_folders(root)
    if TRAIN not in folders or not class_folders(root / TRAIN):
        return None
    validation = [name for name in VALIDATION if name in folders]
    others = set(folders) - {TRAIN, TEST, *VALIDATION}
    if others:
        raise DataError(
            f"{root}: expected only val and test next to train, because train contains folders, "
            f"received {', '.join(sorted(others))}"
        )
    if len(validation) > 1:
        raise DataError(f"{root}: expected one validation folder, received {validation}")
    return TRAIN, (validation or [""])[0], TEST if TEST in folders else ""
