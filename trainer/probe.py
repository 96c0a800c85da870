"""``python -m trainer.probe``."""

from trainer.cli.probe import main

if __name__ == "__main__":
    main()
