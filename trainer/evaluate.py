"""``python -m trainer.evaluate``."""

from trainer.cli.evaluate import main

if __name__ == "__main__":
    main()
