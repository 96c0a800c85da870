"""Lines by which a program tells the runner something, amid whatever else it prints."""

from collections.abc import Iterator


def mark(word: str, text: str) -> None:
    """Print a text, in one line, after a word."""
    print(f"\n{word} {' '.join(text.split())}", flush=True)


def marked(output: str, word: str) -> Iterator[str]:
    """Yield the texts after a word."""
    for line in output.splitlines():
        if line.startswith(f"{word} "):
            yield line.removeprefix(f"{word} ")
