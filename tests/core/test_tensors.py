"""What tells arrays apart, and their files."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from trainer.core import tensors
from trainer.core.errors import ConfigError
from trainer.core.tensors import change, largest_change, same_bits, sha256


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ([1.0, 2.0], [1.0, 2.0], True),
        ([1.0], [1.0000001], False),
        ([0.0], [-0.0], False),
        ([np.nan], [np.nan], True),
        (3.0, 3.0, True),
        ([], [], True),
    ],
)
def test_same_bits(before: object, after: object, same: bool) -> None:
    pair = (np.array(values, np.float32) for values in (before, after))
    assert same_bits(*pair) is same


@pytest.mark.parametrize("kind", ["?", "u1", "f2", "f4", "f8", "c16", "S3"])
def test_bits_of_numbers_of_any_size(kind: str) -> None:
    before, after = np.ones((2, 3), kind), np.ones((2, 3), kind)
    assert same_bits(before, after)
    after[1, 2] = 0
    assert not same_bits(before, after)


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", "c16"])
@pytest.mark.parametrize("place", [0, 1_023, 1_024, 2_500, 4_999])
def test_one_changed_value_anywhere_in_a_long_array_is_seen(place: int, kind: str) -> None:
    before, after = np.zeros(5_000, kind), np.zeros(5_000, kind)
    assert same_bits(before, after)
    after[place] = -0.0 if kind != "c16" else 1
    assert not same_bits(before, after)


def test_zeros_of_another_size_have_other_bits() -> None:
    assert not same_bits(np.zeros(2, np.float32), np.zeros(2, np.float64))


@pytest.mark.parametrize(
    ("before", "after", "largest"),
    [([1.0, 2.0], [1.5, 0.0], 2.0), ([1.0], [np.inf], np.inf), ([], [], 0.0), ([3], [4], 1.0)],
)
def test_largest_change(before: list[float], after: list[float], largest: float) -> None:
    assert largest_change(np.array(before), np.array(after)) == largest


def test_largest_change_of_what_was_infinite_before() -> None:
    assert np.isnan(largest_change(np.array([np.inf]), np.array([np.inf])))


def test_sha256_is_that_of_the_bytes_in_c_order() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert sha256(array) == sha256(np.asfortranarray(array))
    assert sha256(array) == sha256(array.copy()) != sha256(array.T.copy())
    assert sha256(np.array(1.0, np.float32)) == sha256(np.ones(1, np.float32))


def test_change_is_the_largest_and_the_mean() -> None:
    assert change(np.array([1.0, 2.0]), np.array([1.5, 0.0])) == (2.0, 1.25)
    assert change(np.zeros(0), np.zeros(0)) == (0.0, 0.0)


SIZE = 2 * 32_768 + 5  # two whole blocks and a part of one


@pytest.mark.parametrize("place", [0, 32_767, 32_768, 65_535, 65_536, SIZE - 1])
def test_change_is_found_in_every_block(place: int) -> None:
    before, after = np.zeros(SIZE, np.float32), np.zeros(SIZE, np.float32)
    after[place] = -3.0
    assert change(before, after) == pytest.approx((3.0, 3 / SIZE))
    after[place] = np.nan
    assert np.isnan(change(before, after)).all()


def test_change_of_several_blocks_is_the_largest_and_the_mean_of_all() -> None:
    before, after = np.zeros((SIZE, 1), np.float32), np.zeros((SIZE, 1), np.float32)
    after[[5, 40_000, -1]] = [[2.0], [-4.0], [1.0]]
    assert change(before, after) == pytest.approx((4.0, 7 / SIZE))


def test_only_some_are_read(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    tensors.write(path, {"a": np.ones(2, np.float32), "b": np.array(3, np.int64)})
    assert sorted(tensors.names(path)) == ["a", "b"]
    assert sorted(tensors.read(path)) == ["a", "b"]
    only = tensors.read(path, {"b", "c"})
    assert (list(only), only["b"].shape, int(only["b"])) == (["b"], (), 3)


def test_arrays_of_any_memory_order_are_written_with_their_values(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    orders = {"C": array, "F": np.asfortranarray(array), "T": array.T, "step": array[:, ::2, ::-1]}
    tensors.write(tmp_path / "w.safetensors", orders)
    read = tensors.read(tmp_path / "w.safetensors")
    for name, values in orders.items():
        np.testing.assert_array_equal(read[name], values, strict=True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "received none"),
        (b"", "a whole safetensors file"),
        (b"x" * 90, "a whole safetensors"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_mistake_that_names_it(
    content: bytes | None, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "w.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"w\.safetensors: expected .*{said}"):
        tensors.read(path)


def test_a_type_that_numpy_has_not_is_told(tmp_path: Path) -> None:
    header = b'{"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}'
    path = tmp_path / "w.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0\0")
    with pytest.raises(ConfigError, match="expected types that NumPy has"):
        tensors.read(path)


_BUSY_THREADS = """
import time
from pathlib import Path
import numpy as np
from trainer.core.tensors import norm

def busy():
    tasks = [t for t in Path("/proc/self/task").iterdir() if t.name != str(main)]
    return any(t.joinpath("stat").read_text().rpartition(") ")[2][0] == "R" for t in tasks)

main = Path("/proc/self").resolve().name
weights = np.ones(1_000_000, np.float32)
deadline = time.monotonic() + 5
while busy() and time.monotonic() < deadline:  # as long as it takes threads to start
    time.sleep(0.01)
norm(weights)
print(any([busy() for _ in range(20)]))
"""


def test_a_norm_leaves_no_thread_busy() -> None:
    code = [sys.executable, "-c", _BUSY_THREADS]
    environment = dict(os.environ)  # as Python knows it: MindSpore limits a child's threads in C
    run = subprocess.run(code, env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
