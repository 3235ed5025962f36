"""``python -m rmt_alpha`` is the command ``rmt-alpha``."""

import sys

from rmt_alpha.cli import main

sys.exit(main())
