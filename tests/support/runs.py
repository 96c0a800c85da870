"""What a run leaves in its folder, to compare it with what another leaves."""

import json
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file

from tests.support.command import Command


def placed(command: Command, name: str, *overrides: str) -> tuple[int, str]:
    ended = command.train(*overrides, f"hydra.run.dir={name}")
    return ended.code, ended.out + ended.err


def bits(folder: Path) -> dict[str, bytes]:
    return {name: a.tobytes() for name, a in load_file(folder / "model.safetensors").items()}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def records(folder: Path) -> list[dict[str, Any]]:
    lines = (json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines())
    return [{k: line[k] for k in line.keys() - {"seconds", "images_per_second"}} for line in lines]
