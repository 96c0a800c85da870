"""``python -m trainer.preview``."""

from trainer.cli.preview import main

if __name__ == "__main__":
    main()
