"""Run the command line with ``python -m sk_cifar_ovr``."""

import sys

from .cli import main

sys.exit(main())
