"""``python -m trainer``: train."""

from trainer.app import main

main()
