"""Program: selects the device as the trainer does, computes on it, and prints what it found."""

import json
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from scripts.ascend_check_steps.marked_lines import mark
from trainer.backend import device
from trainer.config.groups import Device
from trainer.core.errors import ConfigError

_PACKAGES = ("mindspore", "numpy", "hydra-core", "pydantic", "safetensors", "freeze-trainer")


def main() -> None:
    """Print the result; exit with 2 if the device cannot be used."""
    versions = {"Python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}}
    mark("VERSIONS", json.dumps(versions))
    options = settings(*sys.argv[1:3])
    device.prepare(options)
    try:
        line = device.select(options)
    except ConfigError as error:
        mark("ERROR", "; ".join(error.problems))
        sys.exit(2)
    count = _device_count(options.target)
    name = line if options.target == "ascend" else "cpu"
    found = {"device": name, "device_count": count, "errors": _errors()}
    mark("PROBE", json.dumps(found))


def settings(target: str, device_id: str) -> Device:
    """Return the settings of the device; convolutions are plain because none counts here."""
    options = {"jit_level": "O0"} if target == "ascend" else {"convolutions": "plain"}
    return Device.model_validate({"target": target, "device_id": int(device_id), **options})


def _device_count(target: str) -> int:
    """Return the number of ranks that can have a device; on the CPU two."""
    import mindspore as ms

    return int(ms.device_context.ascend.device_count()) if target == "ascend" else 2


def _errors() -> dict[str, float]:
    """Return the largest errors of two operators, relative to the largest value."""
    import numpy as np
    from mindspore import Tensor, ops

    from scripts.ascend_check_steps.nets import Convolution

    random = np.random.default_rng(0)
    left, right = (random.normal(size=(64, 64)).astype(np.float32) for _ in range(2))
    kernel = left[:3, :3]
    windows = np.lib.stride_tricks.sliding_window_view(right, (3, 3))
    convolved = Convolution()(Tensor(right[None, None]), Tensor(kernel[None, None]))
    pairs = {
        "a matrix product": (ops.matmul(Tensor(left), Tensor(right)), left @ right),
        "a compiled convolution": (convolved[0, 0], (windows * kernel).sum((2, 3))),
    }
    return {
        name: float(abs(received.asnumpy() - expected).max() / abs(expected).max())
        for name, (received, expected) in pairs.items()
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    main()
