"""``python -m trainer.predict``."""

from trainer.cli.predict import main

if __name__ == "__main__":
    main()
