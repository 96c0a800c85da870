import pytest

from trainer.core.out_of_memory import out_of_memory

REMEDIES = (
    "batch_size",
    "gradient.accumulation_steps",
    "device.recompute",
    "freeze",
    "dtype: float16",
    "features.memory_mb",
)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        MemoryError("Unable to allocate 1.2 GiB"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("Malloc for kernel output failed, Memory isn't enough, node:Conv2D"),
        RuntimeError("Device(id:0) memory isn't enough and alloc failed, kernel name: Conv2D"),
        RuntimeError("Allocate device memory failed"),
        RuntimeError("Out of memory: device 0"),
    ],
)
def test_an_allocation_that_failed_is_answered_with_what_to_change(error: Exception) -> None:
    answer = out_of_memory(error)
    assert answer is not None
    assert answer.code == 1
    assert all(remedy in str(answer) for remedy in REMEDIES)
    assert str(error).partition(",")[0] in str(answer)


@pytest.mark.parametrize(
    "error", [RuntimeError("the memory of a goldfish"), ValueError("out of memory"), OSError()]
)
def test_other_errors_are_left_alone(error: Exception) -> None:
    assert out_of_memory(error) is None
