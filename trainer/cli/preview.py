"""Preview: ``python -m trainer.preview``, the data as a run would see them; trains nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.cli import entry_point
from trainer.cli.plan_options import unwritable_reason
from trainer.config import overrides, schema
from trainer.core.errors import ConfigError
from trainer.run import preload

if TYPE_CHECKING:  # these import MindSpore
    from trainer.config.schema import Settings

_USAGE = """usage: python -m trainer.preview [KEY=VALUE ...] [samples=N] [views=N] [out=FOLDER]

Draws images as a run with the same overrides would train on them, next to what evaluation makes of
them; prints the number of images of each class and part, and their sizes. Trains nothing.
  samples=N   images to draw, 1 to 64; default: 8
  views=N     random versions of each, those of the first N epochs, 1 to 16; default: 4
  out=FOLDER  where preview.png goes; default: preview
Example:
  python -m trainer.preview dataset=image_folder dataset.root=photos transform=light"""

PICTURE = "preview.png"
_LIMITS = {"samples": 64, "views": 16}


@dataclass(frozen=True)
class Options:
    """The keys of this command alone."""

    samples: int = 8
    views: int = 4
    out: Path = Path("preview")


def main() -> None:
    """Print and draw the data, and exit with the code that reports how it ended."""
    with entry_point.exit_codes():
        if entry_point.printed_help(_USAGE):
            return
        options, lines, problems = read(entry_point.arguments())
        settings = _settings(lines, problems)
        print(preview(settings, options))


def read(words: Sequence[str]) -> tuple[Options, list[str], list[str]]:
    """Return the command's own options, the other words, and the problems of the options."""
    own = [word for word in words if word.startswith(("samples=", "views=", "out="))]
    values = dict(word.split("=", 1) for word in own)
    problems, numbers = [], {}
    for name, most in _LIMITS.items():
        value = values.get(name)
        if value is not None and not (value.isdecimal() and 1 <= int(value) <= most):
            problems.append(f"{name}: expected a whole number from 1 to {most}, received {value!r}")
        elif value is not None:
            numbers[name] = int(value)
    out = Path(values.get("out", "preview"))
    if why := unwritable_reason(out):
        problems.append(f"out: expected a folder to write in, received {str(out)!r} ({why})")
    return Options(**numbers, out=out), [word for word in words if word not in own], problems


def _settings(lines: Sequence[str], problems: Sequence[str]) -> "Settings":
    """Return the settings of overrides, of which only those of the data are used.

    Raises:
        ConfigError: all problems.
    """
    config, more = overrides.check(lines)
    settings, wrong = schema.read(config, [*problems, *more])
    if found := [*problems, *more, *wrong]:
        raise ConfigError(found)
    return settings


def preview(settings: "Settings", options: Options) -> str:
    """Draw the data; return what there is to say of them.

    Raises:
        ConfigError: they cannot be read, or are no images.
    """
    preload.load()
    from trainer.cli import preview_sheet, preview_tables
    from trainer.core import picture_grid, plotting
    from trainer.data.build_sources import build_sources, build_transform
    from trainer.data.run_data import first_batch

    sources = build_sources(settings)
    first_batch(settings, sources.train)  # what cannot be read is reported as a run reports it
    transform, size = build_transform(settings), (options.samples, options.views)
    rows = preview_sheet.rows(sources.train, transform, *size)
    options.out.mkdir(parents=True, exist_ok=True)
    plotting.save(picture_grid.figure(rows), options.out / PICTURE)
    tables = preview_tables.class_table(sources), preview_tables.size_text(sources.train)
    return "\n\n".join([*filter(None, tables), f"written  {options.out / PICTURE}"])
