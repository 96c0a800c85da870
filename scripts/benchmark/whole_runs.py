"""`scripts/bench --goal auto_freezing`: whole runs with automatic freezing, against training all.

EfficientNet-Lite0, pretrained on ImageNet, is fine-tuned on patches of photographs. Each run is a
process of its own, timed from its start to its end, with an empty compile cache. The contenders
take turns, seed by seed, with the same data and recipe; PyTorch has its own order of the images.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory

from scripts.benchmark import pytorch_photos
from scripts.benchmark.recipe_of_photos import BATCH, EPOCHS, MEAN, RATE, SIDE, STD
from scripts.make_photos import write_photos
from trainer.core import atomic_files
from trainer.core.table import table
from trainer.launch.results.paired_difference import interval

NAME = "auto_freezing"
ABOUT = "whole runs with automatic freezing against training everything: --out, --repeats; hours"
FILE = "whole_runs.jsonl"
_TRAIN, _TEST = 100, 420  # images of each of the twelve classes
_AUTO = ["phases=auto_freezing", "features=store"]
_VIEWS = [*_AUTO, "features.views=4"]
# The overrides of each contender; None: PyTorch.
CONTENDERS: dict[str, list[str] | None] = {
    "auto": [*_AUTO, "transform=plain"],
    "all": ["transform=plain"],
    "pytorch": None,
    "auto with views": [*_VIEWS, "transform=light"],
    "all with augmentation": ["transform=light"],
}
_GOALS = (("auto", "all", 1.8), ("auto", "pytorch", 1.0))
_GOALS_OF_VIEWS = (("auto with views", "all with augmentation", 1.3),)


@dataclass(frozen=True)
class Run:
    """What a run took, in seconds, and how much of the test images it got right."""

    contender: str
    seed: int
    seconds: float
    accuracy: float
    overrides: str = ""


def main(arguments: list[str]) -> None:
    """Measure what the file of results lacks, and print the comparison."""
    parser = argparse.ArgumentParser(f"scripts/bench --goal {NAME}", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help=f"folder for {FILE} and the data")
    parser.add_argument("--repeats", type=int, default=5, help="seeds (5)")
    parser.add_argument("--contenders", default=",".join(CONTENDERS), help="some of the default")
    parser.add_argument("--overrides", nargs="*", default=[], help="of all runs of the trainer")
    options = parser.parse_args(arguments)
    names = options.contenders.split(",")
    photos = _photos(options.out / "photos")
    for seed in range(options.repeats):
        for name in names:
            known = read(options.out, options.overrides)
            if not any((r.contender, r.seed) == (name, seed) for r in known):
                run = _measure(name, seed, photos, options.overrides)
                with (options.out / FILE).open("a") as file:
                    file.write(f"{json.dumps(asdict(run))}\n")
                print(run, flush=True)
    print(text(read(options.out, options.overrides)))


def read(folder: Path, overrides: Sequence[str] = ()) -> list[Run]:
    """Return the results in a folder that were measured with these overrides."""
    path, wanted = folder / FILE, " ".join(overrides)
    rows = path.read_text().splitlines() if path.exists() else []
    return [run for row in rows if (run := Run(**json.loads(row))).overrides == wanted]


def _photos(folder: Path) -> Path:
    """Return a folder of photographs with more images for the test than for training."""
    if not folder.exists():
        with atomic_files.atomic_write_folder(folder) as partial:
            write_photos(partial, _TEST)
            for path in partial.glob("train/*/*.jpg"):
                if int(path.stem) >= _TRAIN:
                    path.unlink()
    return folder


def _measure(name: str, seed: int, photos: Path, overrides: list[str]) -> Run:
    """Run a contender in a process of its own."""
    others = CONTENDERS[name]
    with TemporaryDirectory() as folder:
        place = Path(folder)
        if others is None:
            command = ["scripts.benchmark.pytorch_photos", str(photos), str(seed), str(place)]
        else:
            command = ["trainer", *_recipe(photos, seed, place), *others, *overrides]
        start = time.perf_counter()
        ended = subprocess.run(
            [sys.executable, "-m", *command], capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - start
        if ended.returncode:
            sys.exit(f"{' '.join(command)}: exit code {ended.returncode}\n{ended.stderr}")
        accuracy = _accuracy(place, is_pytorch=others is None)
        return Run(name, seed, seconds, accuracy, " ".join(overrides))


def _recipe(photos: Path, seed: int, folder: Path) -> list[str]:
    return [
        "experiment=photos_lite0",
        f"dataset.root={photos}",
        f"transform.image_resize={SIDE}",
        f"transform.mean={MEAN}",
        f"transform.std={STD}",
        "model.drop_rate=0",
        f"batch_size={BATCH}",
        f"epochs={EPOCHS}",
        f"evaluation.every_epochs={EPOCHS}",
        f"optimizer.lr={RATE}",
        "snapshot.keep=off",
        f"compile_cache.folder={folder / 'graphs'}",
        f"seed={seed}",
        f"hydra.run.dir={folder / 'run'}",
    ]


def _accuracy(folder: Path, is_pytorch: bool) -> float:
    if is_pytorch:
        return float((folder / pytorch_photos.FILE).read_text())
    return float(json.loads((folder / "run" / "result.json").read_text())["values"]["accuracy"])


def text(runs: list[Run]) -> str:
    """Return the table of all contenders, and each goal with its verdict."""
    by_name = {name: [r for r in runs if r.contender == name] for name in CONTENDERS}
    rows = [("contender", "runs", "seconds, median", "accuracy, mean")]
    for name, own in by_name.items():
        if own:
            seconds, accuracy = median(r.seconds for r in own), mean(r.accuracy for r in own)
            rows.append((name, str(len(own)), f"{seconds:.1f}", f"{100 * accuracy:.2f} %"))
    goals = [_verdict(by_name[a], by_name[b], limit) for a, b, limit in _GOALS + _GOALS_OF_VIEWS]
    return "\n".join([table(rows), *filter(None, goals)])


def _verdict(ours: list[Run], theirs: list[Run], limit: float) -> str:
    """Return how much faster the first of two contenders is, and what it costs; empty: unknown."""
    pairs = [(a, b) for a in ours for b in theirs if a.seed == b.seed]
    if not pairs:
        return ""
    ratios = sorted(b.seconds / a.seconds for a, b in pairs)
    differences = [100 * (a.accuracy - b.accuracy) for a, b in pairs]
    cost = f"accuracy {mean(differences):+.2f} points"
    if known := interval(differences):
        cost += f" (95 % interval {known.low:+.2f} to {known.high:+.2f})"
    met = "met" if median(ratios) >= limit else "MISSED"
    ratio = f"{median(ratios):.2f} times faster ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    names = f"{pairs[0][0].contender} against {pairs[0][1].contender}"
    return f"{names}: {ratio}, goal {limit:g}: {met}; {cost}"
