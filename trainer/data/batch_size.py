"""Batch size: whether the batches of a source have the size that the settings name."""

from trainer.data.batch_source import BatchSource

_REMEDY = (
    "its own code sets the size; to use batch_size, pass it on: '+dataset.batch_size=${batch_size}'"
)


def mismatch(batch_size: int, measured: int, source: BatchSource) -> str:
    """Return how ``batch_size`` differs from what a source yields; empty if it does not.

    Args:
        batch_size: of the settings.
        measured: samples in the first batch; fewer are right if it is the only one.
        source: of the batches.
    """
    too_few = measured < batch_size and source.batch_count > 1
    if measured > batch_size or too_few:
        return f"batch_size={batch_size} is not used: the dataset yields batches of {measured}"
    return ""


def problem(batch_size: int, measured: int, source: BatchSource) -> list[str]:
    """Return the error of a ``batch_size`` that was asked for and is not used."""
    text = mismatch(batch_size, measured, source)
    return [f"{text}; {_REMEDY}"] if text else []
