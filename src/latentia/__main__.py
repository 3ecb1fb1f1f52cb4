"""`python -m latentia` is `latentia`; so is `torchrun -m latentia`."""

import sys

from latentia.cli import main

if __name__ == "__main__":
    sys.exit(main())
