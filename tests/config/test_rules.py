import pytest

from trainer.config.rules import matches, problem


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("conv1", "conv1"),
        ("conv1", "conv1.weight"),
        ("layer1", "layer1.0.conv.weight"),
        ("layer1.0", "layer1.0.conv.weight"),
        ("conv*", "conv1"),
        ("conv?", "conv2.bias"),
        ("conv[12]", "conv2"),
        ("*", "anything.at.all"),
        ("*.bias", "layer1.0.conv.bias"),
        ("re:conv[12]", "conv2.weight"),
        (r"re:.*\.bias", "layer1.conv.bias"),
    ],
)
def test_takes(pattern: str, name: str) -> None:
    assert matches(pattern, name)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("conv1", "conv10"),
        ("conv1", "layer1.conv1"),
        ("conv1.weight", "conv1"),
        ("conv1", "Conv1.weight"),
        ("conv?", "conv10.weight"),
        ("*.bias", "bias"),
        ("re:conv", "conv1"),
        ("re:weight", "conv1.weight"),
        ("conv.", "conv1.weight"),
    ],
)
def test_does_not_take(pattern: str, name: str) -> None:
    assert not matches(pattern, name)


@pytest.mark.parametrize("pattern", ["conv1", "conv*", "[", "re:conv[12]", "re:.*"])
def test_sound_patterns(pattern: str) -> None:
    assert problem(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [("", "empty pattern"), ("re:", "empty pattern"), ("re:conv[", "received 're:conv\\['")],
)
def test_unsound_patterns(pattern: str, complaint: str) -> None:
    found = problem(pattern)
    assert found is not None
    assert complaint.replace("\\", "") in found
