"""``python -m impasto``: the command line."""

from impasto.cli import main

if __name__ == "__main__":
    main()
