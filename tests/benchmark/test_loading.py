"""The loading of JPEG files, by this trainer, torchvision and mindspore.dataset."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from scripts.benchmark import contenders, from_files, jpeg_files, loading, process, report
from scripts.benchmark.case import Case
from scripts.benchmark.clock import Result
from scripts.benchmark.plan import FILES, RESNET_FILES
from scripts.benchmark.records import Record


def test_the_files_are_the_same_in_each_call(tmp_path: Path) -> None:
    contents = []
    for folder in (tmp_path / "one", tmp_path / "other"):
        jpeg_files.write(folder, 12)
        files = sorted(jpeg_files.path(folder).glob("*/*.jpg"))
        contents.append([file.read_bytes() for file in files])
        assert [file.parent.name for file in files[:3]] == ["class0", "class0", "class1"]
    assert contents[0] == contents[1]
    assert len(set(contents[0])) == 12
    with Image.open(files[0]) as image:
        assert image.size == jpeg_files.SIZE


@pytest.mark.slow
@pytest.mark.parametrize("who", loading.TITLES)
def test_a_contender_loads_two_epochs(who: str, tmp_path: Path) -> None:
    case = Case(replace(FILES, images=40, batch=8), 0, "", who, 2)
    if reason := contenders.missing(case):
        pytest.skip(reason)
    jpeg_files.write(tmp_path, 40)
    result = process.measure(case, tmp_path)
    assert isinstance(result, Result), result
    assert len(result.epochs) == 2
    assert result.parameters is None


def test_the_last_epoch_counts() -> None:
    seconds = {"loader": 2.0, "torchvision": 5.0}
    records = [
        Record("loading", 0, Case(FILES, 0, "", who, 2), Result(1.0, 0.0, [9.0, last], [], 100.0))
        for who, last in seconds.items()
    ]
    lines = report.text(records).splitlines()
    assert "JPEG files at 224x224, batch 32, 2,000 images, 2 workers, second epoch" in lines
    (loader,) = (line.split() for line in lines if line.startswith("this trainer's loader"))
    (other,) = (line.split() for line in lines if line.startswith("torchvision"))
    assert loader[-4:] == ["2.00", "1,000", "100", "1"]
    assert other[-5:] == ["5.00", "400", "2.50", "100", "1"]


@pytest.mark.slow
@pytest.mark.parity
@pytest.mark.parametrize("who", from_files.TITLES)
def test_training_reads_the_same_files(who: str, tmp_path: Path) -> None:
    jpeg_files.write(tmp_path, 32)
    case = Case(replace(RESNET_FILES, size=64, images=32), 0, "", who, 2)
    result = process.measure(case, tmp_path)
    assert not isinstance(result, str), result
    assert len(result.epochs) == 2
    assert str(case.task) == "ResNet-18 at 64x64 from JPEG files"
