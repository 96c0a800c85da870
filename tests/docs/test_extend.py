"""The examples of CONTRIBUTING.md's section Extend run as they stand, all together."""

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.support.command import CHECKOUT, Command
from trainer.config import config_folders

PAGE = (CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Extend")[2].partition("\n## ")[0]
KINDS = {
    "model",
    "dataset",
    "loss",
    "optimizer",
    "schedule",
    "metric",
    "adapter",
    "callback",
    "tracker",
    "freeze_method",
    "export_format",
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", SECTION, re.DOTALL | re.MULTILINE)


def write_files(folder: Path) -> list[Path]:
    written = []
    for block in [*blocks("python"), *blocks("yaml")]:
        name = re.match(r"# (\S+)\n", block)
        assert name, block
        path = folder / name[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block)
        written.append(path.relative_to(folder))
    return written


def test_each_kind_has_an_example() -> None:
    yaml_files = [block.partition("\n")[0].removeprefix("# ") for block in blocks("yaml")]
    assert {Path(name).parts[1] for name in yaml_files} == KINDS


def test_the_examples_train_and_export(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = command.folder
    write_files(folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(config_folders, "_user", [])
    train, export = blocks("")[0].replace("\\\n", " ").strip().splitlines()
    ended = command.train(*shlex.split(train)[3:])
    assert ended.code == 0, ended.err
    assert "by mine: body.weight, body.bias" in ended.out
    run = folder / "my_run"
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["metrics"]["error_rate"] == pytest.approx(1 - last["accuracy"])
    assert "head.1.factor" in {row["name"] for row in last["weights"]}
    assert (run / "heartbeat.txt").read_text() == "epoch 2 is over\n"
    assert len((run / "scalars.csv").read_text().splitlines()) == 3
    evaluated = command.evaluate("my_run")
    assert evaluated.code == 0, evaluated.err
    assert f"error_rate  {last['metrics']['error_rate']:.6g}" in evaluated.out
    exported = command.export(*shlex.split(export)[3:])
    assert exported.code == 0, exported.err
    assert (run / "export.npz").is_file()
