"""Sample error: a sample of a map-style dataset that cannot be read or prepared."""

from typing import Any

from trainer.core.errors import TrainerExit
from trainer.data.adapters.user_errors import describe_error


class SampleError(Exception):
    """What is wrong with one sample.

    Args:
        index: of the sample in its dataset.
        reason: names the file, if the dataset knows it.
    """

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(reason)
        self.index = index

    @classmethod
    def of(cls, index: int, error: Exception, dataset: Any) -> "SampleError":
        """Return the error of a sample whose reading has raised another one."""
        if isinstance(error, TrainerExit):
            return cls(index, str(error).removeprefix("dataset: "))
        files = getattr(dataset, "files", None)
        text = str(error) or type(error).__name__
        name = str(files[index]) if files else f"sample {index}"
        where = "" if name in text else f"{name}: "
        if not isinstance(error, ValueError | OSError):  # it may be in the user's own code
            text = describe_error(error)
        return cls(index, f"{where}{text}")
