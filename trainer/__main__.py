"""``python -m trainer``: train."""

from trainer.cli.train import main

main()
