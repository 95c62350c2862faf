"""What the terminal wants: colours or none."""

import os
import sys


def wants_color(no_color: bool) -> bool:
    """Colours only on a terminal, and never against NO_COLOR."""
    return sys.stdout.isatty() and not no_color and "NO_COLOR" not in os.environ
