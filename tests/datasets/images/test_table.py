import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.images import MakeImages
from trainer.datasets.images.errors import DataError
from trainer.datasets.images.table import Columns, image_table

FILES = ("a.png", "in/b.png", "c.png")


@pytest.fixture
def folder(make_images: MakeImages) -> Path:
    return make_images(*FILES)


def write(folder: Path, name: str, *rows: str) -> Path:
    path = folder / name
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", ["csv", "CSV", "tsv"])
def test_classes(folder: Path, suffix: str) -> None:
    rows = ["path,label", "a.png,10", "in/b.png,2", "", "c.png,10"]
    if suffix == "tsv":
        rows = [row.replace(",", "\t") for row in rows]
    images = image_table(write(folder, f"t.{suffix}", *rows)).train
    assert images.files == FILES
    assert images.class_names == ("2", "10")
    assert images.labels.tolist() == [1, 0, 1]
    assert images.labels.dtype == np.int32


def test_excel_writes_a_byte_order_mark_and_quotes(folder: Path) -> None:
    path = folder / "t.csv"
    path.write_bytes('\ufeffpath,label\r\n"a.png","x, y"\r\n'.encode())
    assert image_table(path).train.class_names == ("x, y",)


def test_several_names_per_image(folder: Path) -> None:
    path = write(folder, "t.csv", "path,label", "a.png,cat|dog", "in/b.png,", "c.png, dog ")
    images = image_table(path, Columns(label_type="multi_label")).train
    assert images.class_names == ("cat", "dog")
    assert images.labels.tolist() == [[1, 1], [0, 0], [0, 1]]


def test_a_column_per_class(folder: Path) -> None:
    path = write(folder, "t.csv", "path,cat,dog", "a.png,1,0", "in/b.png,0,0", "c.png,1,1")
    columns = Columns(labels=("cat", "dog"), label_type="multi_label")
    images = image_table(path, columns).train
    assert images.class_names == ("cat", "dog")
    assert images.labels.tolist() == [[1, 0], [0, 0], [1, 1]]


def test_numbers(folder: Path) -> None:
    path = write(folder, "t.csv", "path,age,x", "a.png,1.5,0", "in/b.png,-2,3", "c.png,1e3,4")
    one = image_table(path, Columns(labels=("age",), label_type="number")).train
    two = image_table(path, Columns(labels=("age", "x"), label_type="number")).train
    assert one.labels.tolist() == [[1.5], [-2], [1000]]
    assert two.labels.tolist() == [[1.5, 0], [-2, 3], [1000, 4]]
    assert one.class_names == ()


def test_parquet(folder: Path) -> None:
    pa = pytest.importorskip("pyarrow", exc_type=ImportError)
    from pyarrow import parquet

    table = pa.table({"path": FILES, "label": [3, 20, 3], "tags": [["x", "y"], [], ["y"]]})
    parquet.write_table(table, folder / "t.parquet")
    images = image_table(folder / "t.parquet").train
    assert images.class_names == ("3", "20")
    assert images.labels.tolist() == [0, 1, 0]
    tags = Columns(labels=("tags",), label_type="multi_label")
    assert image_table(folder / "t.parquet", tags).train.labels.tolist() == [[1, 1], [0, 0], [0, 1]]


def test_a_file_that_is_no_parquet(folder: Path) -> None:
    pytest.importorskip("pyarrow", exc_type=ImportError)
    with pytest.raises(DataError, match="expected a Parquet table"):
        image_table(write(folder, "t.parquet", "path,label"))


@pytest.mark.parametrize(
    ("module", "hint"),
    [
        ("raise ModuleNotFoundError('No module named pyarrow')", "pip install pyarrow, or write"),
        (
            "raise ImportError('pyarrow requires NumPy 2.0 or newer, found 1.26.4')",
            "found 1.26.4; with NumPy 1 pip install 'pyarrow<26', or write",
        ),
    ],
)
def test_pyarrow_that_is_missing_or_too_new_for_numpy(
    folder: Path, monkeypatch: pytest.MonkeyPatch, module: str, hint: str
) -> None:
    (folder / "pyarrow.py").write_text(module)
    monkeypatch.syspath_prepend(folder)
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(DataError, match=hint):
        image_table(write(folder, "t.parquet", "path,label"))


def test_root_and_absolute_paths(folder: Path) -> None:
    path = write(folder, "t.csv", "path,label", "b.png,1", f"{folder / 'a.png'},1")
    images = image_table(path, root=folder / "in").train
    assert images.path(0) == folder / "in/b.png"
    assert images.path(1) == folder / "a.png"


def test_a_column_splits(folder: Path) -> None:
    path = write(
        folder, "t.csv", "path,label,fold", "a.png,x,train", "in/b.png,y,val", "c.png,x,test"
    )
    parts = image_table(path, Columns(split="fold"))
    assert {name: part.files for name, part in parts.items()} == {
        "train": ("a.png",),
        "validation": ("in/b.png",),
        "test": ("c.png",),
    }
    assert parts.validation and parts.validation.labels.tolist() == [1]
    with pytest.raises(DataError, match="holdout: expected null.* because column 'fold'"):
        image_table(path, Columns(split="fold"), holdout=0.1)


def test_shares_split(folder: Path) -> None:
    path = write(folder, "t.csv", "path,label", *(f"{file},x" for file in FILES))
    parts = image_table(path, holdout=0.3, test_holdout=0.3)
    assert [len(part) for _, part in parts.items()] == [1, 1, 1]


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        (["path;label", "a.png;x"], {}, "column 'path'.* cells of .csv are separated by ','"),
        (["path,label,label", "a.png,x,y"], {}, "each column once, received 'label' several times"),
        (["pth,label", "a.png,x"], {}, "expected a column 'path'.*nearest is 'pth'"),
        (["path;label", "a.png;x"], {}, r"column 'path', received \['path;label'\]"),
        (["path,label"], {}, "expected at least one row"),
        ([], {}, "expected a column 'path'"),
        (["path,label", "a.png"], {}, "row 1: expected 2 cells"),
        (["path,label", "a.png,"], {}, "row 1: expected a label"),
        (["path,label", "a.png,x", "a.png,y"], {}, "row 2: expected each file once"),
        (["path,label", "a.png,x", "z.png,y"], {}, "row 2: .* 'z.png'.*1 of 2 files are missing"),
        (["path,label", "a.png,old"], {"label_type": "number"}, "row 1: expected a number.*'old'"),
        (["path,label", "a.png,nan"], {"label_type": "number"}, "row 1: expected a number"),
        (["path,label", "a.png,"], {"label_type": "multi_label"}, "at least one row"),
        (["path,x,y", "a.png,1,2"], {"labels": ("x", "y")}, "expected one label column"),
        (
            ["path,x,y", "a.png,1,2"],
            {"labels": ("x", "y"), "label_type": "multi_label"},
            "row 1: expected 0 or 1 in column 'y', received 2",
        ),
        (["path,label", "a.png,x"], {"split": "label"}, "row 1: expected train, .* received 'x'"),
        (["path,label", "a.png,val"], {"split": "label"}, "expected images for training"),
        (["path,label", 'a.png,"x'], {}, "expected a table"),
    ],
)
def test_errors(folder: Path, rows: list[str], columns: dict[str, Any], message: str) -> None:
    path = write(folder, "t.csv", *rows)
    with pytest.raises(DataError, match=message):
        image_table(path, Columns(**columns))


def test_unknown_kinds(folder: Path) -> None:
    with pytest.raises(DataError, match="expected a table that ends in .parquet, .csv"):
        image_table(write(folder, "t.xlsx", "path,label"))
    with pytest.raises(DataError, match="label_type: expected class, multi_label, number"):
        Columns(label_type="clas")
    with pytest.raises(DataError, match="expected a table, received"):
        image_table(folder / "nowhere.csv")
