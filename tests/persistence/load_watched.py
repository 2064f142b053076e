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

PREFIXES = ("socket.", "subprocess.", "shutil.", "urllib.", "ftplib.", "http.", "ctypes.", "winreg.")
EVENTS = {
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.link",
    "os.mkdir",
    "os.posix_spawn",
    "os.putenv",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.spawn",
    "os.symlink",
    "os.system",
    "os.truncate",
    "os.chmod",
    "os.chown",
    "pty.spawn",
    "tempfile.mkstemp",
    "tempfile.mkdtemp",
    "marshal.loads",
    "pickle.find_class",
}
# Modules that are imported for the first time.
CODE = (sys.prefix, sys.base_prefix, sysconfig.get_paths()["stdlib"], os.environ.get("PACKAGE_SOURCE", sys.prefix))


def main(folder, usual):
    from sk_cifar_ovr import load
    from sk_cifar_ovr.exceptions import SavedFileError

    warnings.simplefilter("ignore")
    for path in usual * 2:
        load(path)
    seen, watched = [], [False]

    def hook(event, arguments):
        if not watched[0]:
            return
        if event == "open" and not str(arguments[0]).startswith((folder, *CODE)):
            seen.append(f"open {arguments[0]}")
        elif event in EVENTS or event.startswith(PREFIXES):
            seen.append(f"{event} {str(arguments)[:80]}")

    sys.addaudithook(hook)
    results = {}
    for name in sorted(os.listdir(folder)):
        seen.clear()
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
        watched[0] = True
        try:
            load(os.path.join(folder, name))
            outcome = "loaded"
        except SavedFileError as error:
            outcome = f"refused: {error}"
        except BaseException as error:
            outcome = f"failed: {type(error).__name__}: {error}"
        watched[0] = False
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        results[name] = [outcome[:200], list(seen), round(grown, 1), round(time.perf_counter() - start, 3)]
    print("RESULTS" + json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
