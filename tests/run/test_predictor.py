"""Predictor: files become rows of probabilities, whatever the model returns."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.core.errors import ConfigError
from trainer.losses.activation import Activation
from trainer.run.predictor import NOT_FINITE, Predictor

Forward = Callable[[NDArray[Any]], Any]


class Numbers:
    """Prepares text files of one number."""

    shape, dtype, mixes = (1,), np.float32, False

    def evaluate(self, path: Path, out: NDArray[Any]) -> None:
        out[:] = float(path.read_text())


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    for number, text in enumerate(("0", "1", "none", "3", "4")):
        (tmp_path / f"{number}.txt").write_text(text)
    return sorted(tmp_path.iterdir())


def predictor(
    forward: Forward,
    activation: Activation | None = None,
    names: Sequence[str] = (),
    size: int = 2,
) -> Predictor:
    return Predictor(forward, Numbers(), activation, names, size)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_all_batches_are_full_and_files_keep_their_order(files: list[Path], size: int) -> None:
    sizes = []

    def forward(rows: NDArray[Any]) -> NDArray[Any]:
        sizes.append(len(rows))
        return np.concatenate([rows, -rows], axis=1)

    rows = list(predictor(forward, size=size)(files))
    assert [row.file for row in rows] == files
    assert set(sizes) == {size}
    values = [None if row.values is None else row.values.tolist() for row in rows]
    assert values == [[0, 0], [1, -1], None, [3, -3], [4, -4]]
    assert "2.txt: could not convert string to float: 'none'" in rows[2].error


def test_one_output_of_two_classes_is_the_probability_of_the_second(files: list[Path]) -> None:
    *_, last = predictor(lambda rows: rows[:, 0], "sigmoid", ("no", "yes"))(files)
    assert last.values == pytest.approx([1 - 1 / (1 + np.exp(-4)), 1 / (1 + np.exp(-4))])


def test_outputs_that_are_not_finite_are_an_error_of_their_file(files: list[Path]) -> None:
    rows = list(predictor(lambda rows: np.where(rows > 2, np.nan, [[1.0, 2.0]]), "softmax")(files))
    assert [row.error == NOT_FINITE for row in rows] == [False, False, False, True, True]


def test_identity_expects_probabilities(files: list[Path]) -> None:
    rows = list(predictor(lambda rows: rows / 4, "identity")(files))
    assert [float(row.values[0]) for row in rows if row.values is not None] == [0, 0.25, 0.75, 1]
    for forward in (lambda rows: rows - 1, lambda rows: rows):
        with pytest.raises(ConfigError, match="activation: identity expected .* 0 to 1, received"):
            list(predictor(forward, "identity")(files))


@pytest.mark.parametrize(
    ("forward", "names", "problem"),
    [
        (lambda rows: np.zeros((len(rows), 2, 8, 8)), (), r"received outputs of shape \(2, 2, 8"),
        (lambda rows: (rows, rows), (), "received tuple"),
        (lambda rows: rows[:1], (), r"received outputs of shape \(1, 1\)"),
        (lambda rows: rows, ("a", "b", "c"), "a name for each of the model's 1 outputs"),
    ],
)
def test_other_outputs_are_refused(
    files: list[Path], forward: Forward, names: Sequence[str], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        list(predictor(forward, None, names)(files))
