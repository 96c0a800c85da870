"""``python -m trainer.plan``."""

from trainer.cli.plan import main

if __name__ == "__main__":
    main()
