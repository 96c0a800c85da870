"""Text by key at the end of a protocol buffer: appended, and read from files of any content."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.artifacts.export_formats import metadata
from trainer.core.errors import ConfigError

TENSORS = b"\x08\x96\x01\x22\x03abc\x35\x00\x00\x80\x3f\x39" + bytes(8)  # one field of each type


@settings(max_examples=20)
@given(st.dictionaries(st.text(), st.text()))
def test_what_is_appended_is_read(texts: dict[str, str]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        path.write_bytes(TENSORS)
        metadata.append(path, texts)
        assert metadata.read(path) == texts
        assert path.read_bytes().startswith(TENSORS)


@pytest.mark.parametrize(
    "content",
    [
        b"\x08",  # ends within a number
        b"\x22\x05abc",  # ends within a field
        b"\x72\xff\xff\xff\xff\x0f",  # more than there is
        b"\xff" * 20,  # a number without an end
        b"\x0b",  # a group, which neither format has
        b"\x72\x04\x0a\x02\xff\xfe",  # no text
        b"\x00\x00",
        b"PK\x03\x04 an archive",
    ],
)
def test_other_content_is_a_configuration_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"net\.onnx: expected a whole MindIR or ONNX file"):
        metadata.read(path)


@pytest.mark.parametrize("name", ["gone.onnx", "gone.safetensors", "."])
def test_no_file(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a"):
        metadata.read(tmp_path / name)
