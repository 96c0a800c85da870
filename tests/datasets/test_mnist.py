from pathlib import Path

import pytest

from trainer.datasets.mnist import mnist


def test_reads_the_folder_it_is_given(idx_folder: Path) -> None:
    train, validation = mnist(batch_size=10, root=str(idx_folder))
    assert (train.get_dataset_size(), validation.get_dataset_size()) == (3, 2)


def test_looks_in_the_usual_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=f"in {tmp_path}/data/mnist: train-images") as error:
        mnist(batch_size=10)
    assert "dataset.root=FOLDER" in str(error.value)
