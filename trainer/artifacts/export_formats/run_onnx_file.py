"""Runs the ONNX file next to this script: python export.onnx.py FILE...

A FILE is an image, or a .npy file with one prepared input. onnxruntime and NumPy are needed, and
Pillow for images; neither MindSpore nor the trainer is.
"""

import importlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# The preparation of images that `prepare` below repeats; its settings are in the ONNX file.
IMAGE_TRANSFORM = "trainer.datasets.images.transforms.image_transform.image_transform"
TOP = 3


def main() -> None:
    """Print the classes with the highest scores for each file; exit with 1 if one is unreadable."""
    if len(sys.argv) < 2:
        sys.exit(f"usage: python {Path(__file__).name} FILE...")
    session, metadata = load(Path(__file__).with_suffix(""))
    names = json.loads(metadata.get("class_names", "[]"))
    unreadable = 0
    for file in sys.argv[1:]:
        try:
            print(f"{file}: {described(predict(session, metadata, [file])[0], names)}")
        except OSError as error:
            unreadable += 1
            print(f"{file}: cannot be read: {error}", file=sys.stderr)
    sys.exit(bool(unreadable))


def load(path: Path) -> tuple[Any, Mapping[str, str]]:
    """Return a session that runs an ONNX file, and the metadata of the file."""
    onnxruntime = importlib.import_module("onnxruntime")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session, session.get_modelmeta().custom_metadata_map


def predict(session: Any, metadata: Mapping[str, str], files: Sequence[str]) -> NDArray[Any]:
    """Return a row for each file: probabilities if the model has classes or labels."""
    record = json.loads(metadata.get("preparation", "{}"))
    inputs = np.stack([prepare(file, record.get("transform")) for file in files])
    return as_probabilities(outputs_of(session, inputs), record.get("task"))


def outputs_of(session: Any, inputs: NDArray[Any]) -> NDArray[Any]:
    """Return the outputs; a file that accepts one batch size gets batches filled up to it."""
    accepted = session.get_inputs()[0]
    size = accepted.shape[0] if isinstance(accepted.shape[0], int) else len(inputs)
    outputs = []
    for at in range(0, len(inputs), size):
        batch = inputs[at : at + size]
        filled = np.resize(batch, (size, *batch.shape[1:]))  # repeats the batch
        outputs.append(session.run(None, {accepted.name: filled})[0][: len(batch)])
    return np.concatenate(outputs)


def as_probabilities(outputs: NDArray[Any], task: str | None) -> NDArray[Any]:
    """Return a softmax over classes, a sigmoid for each label, or the outputs as they are."""
    if task == "classes":
        powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))
    return 1 / (1 + np.exp(-outputs)) if task == "labels" else outputs


def prepare(file: str, transform: Mapping[str, Any] | None) -> NDArray[Any]:
    """Return an input [channels, height, width]: resized, cropped in the centre, normalised."""
    if file.endswith(".npy"):
        return np.asarray(np.load(file))
    if transform is None or transform["_target_"] != IMAGE_TRANSFORM:
        sys.exit(
            f"{file}: the preparation of this model is not in this script; prepare a .npy file"
        )
    pixels = np.asarray(cropped(upright(file), transform), np.float32) / 255
    mean, std = (np.array(transform[key], np.float32) for key in ("mean", "std"))
    return ((pixels - mean) / std).transpose(2, 0, 1)


def upright(file: str) -> Any:
    """Return an image of Pillow as RGB of 8 bits, turned as EXIF says, transparency on white."""
    image_module, image_ops = (importlib.import_module(f"PIL.{n}") for n in ("Image", "ImageOps"))
    image = image_ops.exif_transpose(image_module.open(file))
    if image.mode.startswith("I"):  # 16 bits: Pillow's own conversion cuts off all above 255
        levels = (np.asarray(image, np.uint32) * 255 + 32767) // 65535
        image = image_module.fromarray(levels.astype(np.uint8))
    if image.has_transparency_data:
        white = image_module.new("RGBA", image.size, "white")
        image = image_module.alpha_composite(white, image.convert("RGBA"))
    return image.convert("RGB")


def cropped(image: Any, transform: Mapping[str, Any]) -> Any:
    """Return the square in the middle of an image whose shorter side was resized."""
    side = int(transform["image_resize"] / transform["crop_pct"])
    width, height = (side * length // min(image.size) for length in image.size)
    resampling = importlib.import_module("PIL.Image").Resampling
    image = image.resize((width, height), resampling[transform["interpolation"].upper()])
    size = transform["image_resize"]
    left, top = (round((length - size) / 2) for length in image.size)
    return image.crop((left, top, left + size, top + size))


def described(row: NDArray[Any], names: Sequence[str]) -> str:
    """Return the highest values of a row with the names of the classes."""
    order = np.argsort(-row)[:TOP]
    shown = (f"{names[at] if at < len(names) else at} {row[at]:.4f}" for at in order)
    return ", ".join(shown)


if __name__ == "__main__":
    main()
