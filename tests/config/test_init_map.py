from pathlib import Path

import pytest

from trainer.config import init_map

NAMES = ["fc.weight", "layer1.0.downsample.0.weight", "fc2.bias", "aux.fc.bias"]


@pytest.mark.parametrize(
    ("mapping", "became"),
    [
        (
            {"fc": "classifier"},
            ["classifier.weight", NAMES[1], "fc2.bias", "aux.classifier.bias"],
        ),
        ({"downsample.0": "shortcut"}, ["fc.weight", "layer1.0.shortcut.weight", *NAMES[2:]]),
        ({"aux": None}, [*NAMES[:3], None]),
        ({"aux": ""}, [*NAMES[:3], "fc.bias"]),
        ({r"re:^fc(\d?)\.": r"head\1."}, ["head.weight", NAMES[1], "head2.bias", "aux.fc.bias"]),
        ({"aux": None, "fc": "head"}, ["head.weight", *NAMES[1:3], None]),
        ({"fc": "head", "aux.head": "out"}, ["head.weight", *NAMES[1:3], "out.bias"]),
    ],
)
def test_whole_parts_or_a_regex_one_after_the_other(
    mapping: init_map.Renames, became: list[str | None]
) -> None:
    assert init_map.apply(mapping, NAMES) == (dict(zip(NAMES, became, strict=True)), [])


def test_what_renames_nothing_is_told_with_what_is_nearest() -> None:
    assert init_map.apply({"downsampel": "x", "re:^f$": "y"}, NAMES)[1] == [
        "init_map: expected part of a name in the file, received 'downsampel' "
        "(nearest: downsample)",
        "init_map: expected part of a name in the file, received 're:^f$' "
        "(known: 0, aux, bias, downsample, fc, fc2, layer1, weight)",
    ]


def test_a_mapping_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "names.yaml").write_text("fc: classifier\n're:^a(.)': 'b\\1'\naux: null\n")
    assert init_map.read(str(tmp_path / "names.yaml")) == {
        "fc": "classifier",
        "re:^a(.)": "b\\1",
        "aux": None,
    }
    assert init_map.read(None) == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("fc: [1]", r"expected texts \(or null to leave out\), received 'fc': \[1\]"),
        ("1: fc", "received 1: 'fc'"),
        ("'': fc", "received '': 'fc'"),
        ("'re:(': fc", r"expected a regular expression, received 're:\('"),
        ("[fc]", r"expected names by name, or a YAML file of them, received \['fc'\]"),
        ("a: b: c", r"expected a YAML file of names, received .*names.yaml \(mapping values"),
        (None, r"expected a YAML file of names, received .*names.yaml \(No such file"),
    ],
)
def test_mistakes_in_a_mapping(content: str | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "names.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=said):
        init_map.read(str(path))
