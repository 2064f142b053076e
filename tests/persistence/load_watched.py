"""Load files one after the other, and write down what each did: run as a script, ``load_watched.py FOLDER USUAL...``.

Files in FOLDER are loaded after the usual ones, which warm the process up.
"""

import json
import os
import resource
import sys
import sysconfig
import time
import warnings

PREFIXES = (
    "socket.",
    "subprocess.",
    "shutil.",
    "urllib.",
    "ftplib.",
    "http.",
    "ctypes.",
    "winreg.",
    "pty.",
    "tempfile.",
)
EVENTS = """
os.chmod os.chown os.exec os.fork os.forkpty os.link os.mkdir os.posix_spawn os.putenv os.remove os.rename os.rmdir
os.spawn os.symlink os.system os.truncate pickle.find_class
""".split()
# Modules that are imported for the first time.
PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CODE = (sys.prefix, sys.base_prefix, sysconfig.get_paths()["stdlib"], os.path.join(PACKAGE, "sk_cifar_ovr"))


class Watch:
    """A context in which files, sockets, processes and foreign code are written down.

    Parameters
    ----------
    folder : str
        Files in it do not count, and neither does the code of libraries.

    Attributes
    ----------
    events : list of str
        Of the last use.
    """

    def __init__(self, folder):
        self._own, self._active, self.events = (str(folder), *CODE), False, []
        sys.addaudithook(self._heard)

    def _heard(self, event, arguments):
        if not self._active:
            return
        if event == "open" and not str(arguments[0]).startswith(self._own):
            self.events.append(f"open {arguments[0]}")
        elif event in EVENTS or event.startswith(PREFIXES):
            self.events.append(f"{event} {str(arguments)[:80]}")

    def __enter__(self):
        self.events, self._active = [], True
        return self

    def __exit__(self, *_):
        self._active = False


def main(folder, usual):
    from sk_cifar_ovr import load
    from sk_cifar_ovr.exceptions import SavedFileError

    warnings.simplefilter("ignore")
    for path in usual * 2:
        load(path)
    watch, results = Watch(folder), {}
    for name in sorted(os.listdir(folder)):
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
        try:
            with watch:
                load(os.path.join(folder, name))
            outcome = "loaded"
        except SavedFileError as error:
            outcome = f"refused: {error}"
        except BaseException as error:
            outcome = f"failed: {type(error).__name__}: {error}"
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        results[name] = [outcome[:200], watch.events, round(grown, 1), round(time.perf_counter() - start, 3)]
    print("RESULTS" + json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
