"""Texts in figures: whatever the names of classes and files are, they can be drawn."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from trainer.core import plotting
from trainer.core.picture_grid import Picture, figure, in_rows
from trainer.core.text import ellipsis, printable

NAMES = ("$5 or $6", "$\\frac{", "Собака", "\uabc0", "a\nb", "x" * 200)


def test_any_name_is_drawn_without_a_warning(tmp_path: Path) -> None:
    pictures = [Picture(np.zeros((4, 4, 3)), ellipsis(name, 20)) for name in NAMES]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plotting.save(
            figure(in_rows([*pictures, Picture(None, "none")], 4), "$"), tmp_path / "p.png"
        )
    assert (tmp_path / "p.png").stat().st_size > 1000


def test_a_class_whose_name_no_font_has_is_called_by_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plotting, "_has", lambda path, character: ord(character) < 0x3000)
    plotting._font.cache_clear()
    try:
        assert plotting.class_title(3, "cat 猫", 20) == "class 3"
        assert plotting.class_title(3, "Собака", 20) == "Собака"
        assert plotting.class_title(3, "a name that is long", 12) == "3 a name…ong"
        assert plotting.drawable("猫$") == r"□\$"
    finally:
        plotting._font.cache_clear()


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\nb\x1b[2J", r"a\nb\x1b[2J"), ("\udcff", r"\udcff"), ("Größe 猫", "Größe 猫")],
)
def test_a_text_for_a_screen_has_nothing_that_controls_it(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_long_text_keeps_its_beginning_and_its_end() -> None:
    assert ellipsis("IMG_20240101_123456.jpg", 12) == "IMG_2024…jpg"
    assert ellipsis("short.jpg", 12) == "short.jpg"
