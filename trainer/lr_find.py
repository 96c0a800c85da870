"""``python -m trainer.lr_find``."""

from trainer.cli.lr_find import main

if __name__ == "__main__":
    main()
