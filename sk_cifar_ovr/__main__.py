"""``python -m sk_cifar_ovr``."""

import sys

from .cli import main

sys.exit(main())
