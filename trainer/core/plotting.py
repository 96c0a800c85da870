"""Figures: colours, texts that can be drawn, and pictures written whole. Needs no MindSpore."""

from functools import cache
from pathlib import Path

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text

from trainer.core import atomic_files
from trainer.core.text import ellipsis, printable

FROZEN = "#3b6ea5"
PALE = "#d6e4f0"
_FONT = "DejaVu Sans"  # Matplotlib's own
_MISSING = "\N{WHITE SQUARE}"


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole; the fonts are those that have all of its characters."""
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    fonts = [_font(character) for text in texts for character in sorted(set(text.get_text()))]
    families = list(dict.fromkeys([_FONT, *filter(None, fonts)]))
    if len(families) > 1:
        for text in texts:
            text.set_fontfamily(families)
    with atomic_files.atomic_write(path) as partial:
        figure.savefig(partial, format="png")


def drawable(text: str) -> str:
    """Return a text as a figure can draw it: a square for what no installed font has.

    A dollar sign is itself: Matplotlib would take two of them for a formula.
    """
    lines = text.replace("$", r"\$").split("\n")
    known = ("".join(c if _font(c) else _MISSING for c in printable(line)) for line in lines)
    return "\n".join(known)


def class_title(number: int, name: str, limit: int) -> str:
    """Return the name of a class above a picture, with its number if the name has to be cut.

    It is the number alone if no installed font has all characters of the name.
    """
    line = printable(name)
    if not all(map(_font, line)):
        return f"class {number}"
    return line if len(line) <= limit else ellipsis(f"{number} {line}", limit)


@cache
def _font(character: str) -> str | None:
    """Return the family of a font that has a character; None: no installed font has it."""
    if character.isspace() or _has(font_manager.findfont(_FONT), character):
        return _FONT
    fonts = sorted(font_manager.fontManager.ttflist, key=lambda font: font.name)
    fonts = [font for font in fonts if not font.name.startswith("Last Resort")]  # has boxes only
    return next((font.name for font in fonts if _has(font.fname, character)), None)


def _has(path: str, character: str) -> bool:
    try:
        return bool(font_manager.get_font(path).get_char_index(ord(character)))
    except (OSError, RuntimeError):  # a font that was removed, or is damaged
        return False
