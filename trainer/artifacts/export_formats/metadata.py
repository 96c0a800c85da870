"""Metadata: text in an exported file, under a key.

MindIR and ONNX are protocol buffers, in both of which field 14 of the model is a list of pairs of
text. Such a list goes on where another field of that number follows, so that a pair is appended.
"""

import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from trainer.core import tensors
from trainer.core.errors import ConfigError

_PAIRS = 14  # ModelProto.user_info of MindIR, ModelProto.metadata_props of ONNX
_KEY, _VALUE = 1, 2
_VARINT, _LENGTH = 0, 2  # wire types
_SIZES = {1: 8, 5: 4}  # bytes of the wire types whose values all have the same size


def append(path: Path, metadata: Mapping[str, str]) -> None:
    """Append pairs of text to a MindIR or ONNX file."""
    path.chmod(0o600)  # MindSpore leaves its files read-only
    with path.open("ab") as file:
        for key, value in metadata.items():
            pair = _field(_KEY, key.encode()) + _field(_VALUE, value.encode())
            file.write(_field(_PAIRS, pair))


def read(path: Path) -> dict[str, str]:
    """Return the metadata of an exported file; empty: it has none. No tensor is read.

    Args:
        path: a MindIR, ONNX or safetensors file.

    Raises:
        ConfigError: it does not exist, or is none of these.
    """
    if path.suffix == ".safetensors":
        return tensors.metadata(path)
    try:
        with path.open("rb") as file:
            pairs = [dict(_fields(io.BytesIO(pair))) for pair in _contents(file, _PAIRS)]
        return {pair.get(_KEY, b"").decode(): pair.get(_VALUE, b"").decode() for pair in pairs}
    except FileNotFoundError:
        raise ConfigError([f"{path}: expected a MindIR or ONNX file, received none"]) from None
    except (ValueError, OSError) as error:
        problem = f"{path}: expected a whole MindIR or ONNX file, received other content ({error})"
        raise ConfigError([problem]) from None


def _contents(file: BinaryIO, number: int) -> Iterator[bytes]:
    return (content for field, content in _fields(file, only=number) if field == number)


def _fields(file: BinaryIO, only: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Yield number and content of the fields of a message that have a length.

    Args:
        file: the message.
        only: the number of the fields to read; the others are skipped. None: all.

    Raises:
        ValueError: it is no whole message.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    while file.tell() < size:
        number, wire_type = divmod(_read_varint(file), 8)
        if number == 0 or wire_type not in (_VARINT, _LENGTH, *_SIZES):
            raise ValueError(f"field {number} has wire type {wire_type}")
        value = 0 if wire_type in _SIZES else _read_varint(file)
        length = value if wire_type == _LENGTH else _SIZES.get(wire_type, 0)
        if file.tell() + length > size:
            raise ValueError(f"it ends within field {number}")
        if wire_type == _LENGTH and only in (None, number):
            yield number, file.read(length)
        else:
            file.seek(length, os.SEEK_CUR)


def _read_varint(file: BinaryIO) -> int:
    """Return a number whose groups of seven bits come with the lowest first."""
    number = 0
    for shift in range(0, 64, 7):
        byte = file.read(1)
        if not byte:
            raise ValueError("it ends within a number")
        number |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return number
    raise ValueError("a number has more than 64 bits")


def _field(number: int, content: bytes) -> bytes:
    """Return a field that has a length: its number and wire type 2, the length, the content."""
    return _varint(number << 3 | _LENGTH) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    """Return a number in groups of seven bits, the lowest first, each but the last one marked."""
    groups = []
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    return bytes([*groups, number])
