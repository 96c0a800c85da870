"""``python -m trainer.diff``."""

from trainer.cli.diff import main

if __name__ == "__main__":
    main()
