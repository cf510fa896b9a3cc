"""`python -m mtlray` is the command `mtlray`."""

from mtlray.cli import main

if __name__ == "__main__":
    main()
