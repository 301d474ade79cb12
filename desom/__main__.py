"""The command line as ``python -m desom``, where the command itself is not on the path."""

import sys

from desom.cli import main

sys.exit(main())
