"""Where Keras keeps its files."""

import os
from pathlib import Path


def keras_home() -> Path:
    """The folder that Keras itself would take: `KERAS_HOME`, or one in the home folder if that can be written."""
    home = Path.home() if os.access(Path.home(), os.W_OK) else Path("/tmp")
    return Path(os.environ.get("KERAS_HOME", home / ".keras")).expanduser()
