"""`python -m spindle` is `spindle`."""

import sys

from spindle.cli import main

if __name__ == "__main__":
    sys.exit(main())
