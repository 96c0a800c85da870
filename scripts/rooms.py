"""Draw docs/rooms.svg, the rooms of `trainer/`, from the import contract in pyproject.toml.

Command: ``python -m scripts.rooms``.
"""

import ast
from html import escape
from pathlib import Path

from importlinter.api import read_configuration

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "rooms.svg"

_ROW, _GAP, _LEFT, _TOP, _TEXT = 30, 6, 44, 56, 150  # pixels
_LETTER = 7.3  # pixels, of a sentence's average letter
_FRAME = """<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" \
viewBox="0 0 {width} {height}" font-family="Helvetica, Arial, sans-serif" font-size="13">
<rect width="{width}" height="{height}" rx="10" fill="#f6f8fa" stroke="#8c959f"/>
<text x="20" y="34" font-size="15" font-weight="bold" fill="#1f2328">trainer/: a room imports only \
from rooms below it</text>
{rows}
<path d="M24 {top} V{end} m-5 -8 l5 8 l5 -8" fill="none" stroke="#57606a" stroke-width="2"/>
</svg>
"""
_LAYER = """<rect x="{left}" y="{y}" width="{width}" height="{height}" rx="5" fill="{fill}" \
stroke="#8c959f"/>
<text x="{name_x}" y="{base}" font-family="monospace" font-weight="bold" \
fill="#0a3069">{name}</text>
<text x="{text_x}" y="{base}" fill="#1f2328">{text}</text>"""


def main() -> None:
    """Write the picture."""
    PICTURE.write_text(draw(rooms()), encoding="utf-8")
    print(f"written {PICTURE.relative_to(ROOT)}")


def rooms() -> list[tuple[str, str]]:
    """Return each room with the first line of its docstring, top layer first."""
    contracts = read_configuration(str(ROOT / "pyproject.toml"))["contracts_options"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [(str(name), _first_line(str(name))) for name in layers]


def _first_line(room: str) -> str:
    source = (ROOT / "trainer" / room / "__init__.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def draw(rooms: list[tuple[str, str]]) -> str:
    """Return the picture as SVG: one box per room, an arrow in the direction of imports."""
    step, longest = _ROW + _GAP, max(len(text) for _, text in rooms)
    width = round(_LEFT + _TEXT + longest * _LETTER) + 30
    rows = [
        _LAYER.format(
            left=_LEFT,
            y=_TOP + index * step,
            width=width - _LEFT - 16,
            height=_ROW,
            fill="#ddf4ff" if index % 2 else "#ffffff",
            name_x=_LEFT + 12,
            text_x=_LEFT + _TEXT,
            base=_TOP + index * step + 20,
            name=escape(name),
            text=escape(text),
        )
        for index, (name, text) in enumerate(rooms)
    ]
    end = _TOP + len(rooms) * step - _GAP
    return _FRAME.format(width=width, height=end + 16, rows="\n".join(rows), top=_TOP, end=end)


if __name__ == "__main__":
    main()
