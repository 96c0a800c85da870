"""Weights in several files, with an index."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.nets import TwoConvs
from tests.support.training import changed
from trainer.backend.host_copy import to_numpy
from trainer.checkpoint.pretrained import loading, source
from trainer.core import tensors
from trainer.core.errors import ConfigError
from trainer.core.tensors import Weights

FILES = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
INDEX = "model.safetensors.index.json"


def write_shards(folder: Path, weights: Weights) -> dict[str, str]:
    """Write weights into two files, in turn, and their index; return its map."""
    shard_by_name = {name: FILES[number % 2] for number, name in enumerate(weights)}
    for file in FILES:
        held = {name: weights[name] for name, shard in shard_by_name.items() if shard == file}
        tensors.write(folder / file, held)
    write_index(folder, shard_by_name)
    return shard_by_name


def write_index(folder: Path, shard_by_name: Any) -> None:
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": shard_by_name}))


@pytest.mark.parametrize("name", [".", INDEX])
def test_a_folder_or_its_index_is_read_as_one_file(name: str, tmp_path: Path) -> None:
    net, other = TwoConvs(), TwoConvs()
    write_shards(tmp_path, to_numpy(net))
    provenance = loading.load_weights(other, source.find(str(tmp_path / name)))
    assert not changed(to_numpy(net), to_numpy(other))
    assert provenance.summary() == "safetensors, 6 loaded; 2 shards"


def test_a_shard_that_is_missing_is_named(tmp_path: Path) -> None:
    write_shards(tmp_path, to_numpy(TwoConvs()))
    (tmp_path / FILES[1]).unlink()
    with pytest.raises(ConfigError, match=f"lists {FILES[1]}, which is missing"):
        source.find(str(tmp_path))


def test_a_tensor_that_its_shard_lacks_is_named(tmp_path: Path) -> None:
    names = write_shards(tmp_path, to_numpy(TwoConvs()))
    write_index(tmp_path, names | {"conv9.weight": FILES[0]})
    with pytest.raises(ConfigError, match=f"lists conv9.weight in {FILES[0]}, which lacks it"):
        source.find(str(tmp_path))


def test_a_tensor_that_the_index_lacks_is_reported(tmp_path: Path) -> None:
    names = write_shards(tmp_path, to_numpy(TwoConvs()))
    del names["fc.bias"]
    write_index(tmp_path, names)
    notes = source.find(str(tmp_path)).notes
    assert notes == ("2 shards", "1 tensors of the shards are not in the index")


@pytest.mark.parametrize(
    "shard", ["../weights.safetensors", "/etc/passwd", 3, "model.safetensors.index.json"]
)
def test_a_shard_outside_the_folder_or_another_index_is_refused(shard: Any, tmp_path: Path) -> None:
    write_index(tmp_path, {"a": shard})
    with pytest.raises(
        ConfigError, match="expected the name of a file with weights in the same folder"
    ):
        source.find(str(tmp_path))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "cannot read the index .*Expecting property name"),
        ("\udcff", "cannot read the index .*can't decode byte"),
        ("[]", "expected names by tensor under weight_map in "),
        ('{"weight_map": {}}', "expected names by tensor under weight_map in "),
    ],
)
def test_an_index_that_is_none(content: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / INDEX).write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ConfigError, match=f"init_from: {problem}"):
        source.find(str(tmp_path))


def test_of_several_indexes_none_is_guessed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.safetensors.index.json").touch()
    with pytest.raises(ConfigError, match=r"no file .*nearest: b\.safetensors\.index\.json, a\."):
        source.find(str(tmp_path))


def test_a_single_file_has_priority_over_an_index(tmp_path: Path) -> None:
    write_index(tmp_path, {})
    tensors.write(tmp_path / "model.safetensors", {"a": np.ones(2, np.float32)})
    assert set(source.find(str(tmp_path)).weights) == {"a"}


def test_pytorchs_shards(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.save({"a": torch.ones(2)}, tmp_path / "w-1.bin")
    torch.save({"b": torch.zeros(1)}, tmp_path / "w-2.bin")
    index = {"weight_map": {"a": "w-1.bin", "b": "w-2.bin"}}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    loaded = source.find(str(tmp_path))
    assert (loaded.kind, set(loaded.weights)) == (source.PYTORCH, {"a", "b"})
