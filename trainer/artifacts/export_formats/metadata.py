"""Metadata: text in an exported file, under a key.

MindIR and ONNX are protocol buffers, in both of which field 14 of the model is a list of pairs of
text. Such a list goes on where another field of that number follows, so that a pair is appended.
"""

from collections.abc import Mapping
from pathlib import Path

_PAIRS = 14  # ModelProto.user_info of MindIR, ModelProto.metadata_props of ONNX
_KEY, _VALUE = 1, 2


def append(path: Path, metadata: Mapping[str, str]) -> None:
    """Append pairs of text to a MindIR or ONNX file."""
    path.chmod(0o600)  # MindSpore leaves its files read-only
    with path.open("ab") as file:
        for key, value in metadata.items():
            pair = _field(_KEY, key.encode()) + _field(_VALUE, value.encode())
            file.write(_field(_PAIRS, pair))


def _field(number: int, content: bytes) -> bytes:
    """Return a field that has a length: its number and wire type 2, the length, the content."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    """Return a number in groups of seven bits, the lowest first, each but the last one marked."""
    groups = []
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    return bytes([*groups, number])
