"""Messages of errors and warnings, with the options of the command line in place of Python parameters."""

import errno
import re

# What to do about an error of the operating system.
SYSTEM_ERRORS = {
    errno.ENOSPC: "The disk is full: free space, or name a folder on another disk",
    errno.EDQUOT: "The quota of the disk is used up: free space, or name a folder on another disk",
    errno.EFBIG: "The file would be larger than is allowed here: raise the limit, or name a folder on another disk",
    errno.EACCES: "There is no permission: change it, or name another path",
    errno.EPERM: "There is no permission: change it, or name another path",
    errno.EROFS: "The disk is read-only: name a folder on another one",
    errno.EIO: "The disk reports an error: name a path on another disk",
    errno.ENOENT: "There is no such file or folder: check the path",
    errno.ENOTDIR: "A part of the path is a file: name another path",
    errno.ENAMETOOLONG: "The name is too long: use a shorter path",
    errno.EMFILE: "Too many files are open: raise the limit (ulimit -n)",
}
# Names of errors of TensorFlow, JAX and PyTorch that stand for too little memory.
OUT_OF_MEMORY = ("ResourceExhaustedError", "OutOfMemoryError")
# Wordings of the advice in messages, and the same advice for the command line.
ADVICE = {
    r"on_error=['\"]skip['\"]": "--on-error skip",
    r"sixteen_bit=['\"]scale['\"]": "--sixteen-bit scale",
    r"fit='crop', 'pad' or 'stretch'": "--fit crop, pad or stretch",
    r"fit=['\"](crop|pad|stretch)['\"]": r"--fit \1",
    r"image_size=\(height, width\)|image_size=\(h, w\)": "--image-size HEIGHTxWIDTH",
    r"(?<!')\bimage_size\b=?(?!')": "--image-size",
    r"lazy=True": "--lazy",
    r"cache=(?:FOLDER|\.\.\.)": "--cache FOLDER",
    r"\bcache=": "--cache",
    r"\broot=": "--root",
    r"\bmin_images\b": "--min-images",
    r"pass its name as a string": "name it alone",
    r"\bpath_column\b": "--path-column",
    r"\blabel_columns\b": "--label-columns",
    # tarfile's list of all compressions that it tried.
    r" \(file could not be opened successfully: .*\)\)": "",
    r" with frame\.dropna\(.*?\]\)": "",
    # Numbers of errors of the operating system, before their names.
    r"\[Errno -?\d+\] ": "",
}


def command_line_message(message: object) -> str:
    """Return a message on one line, in which Python parameters are replaced by options of the command line.

    Parameters
    ----------
    message : object
        An error, a warning or text.

    Returns
    -------
    str

    Examples
    --------
    >>> command_line_message("Restore it, or pass on_error='skip'.")
    'Restore it, or pass --on-error skip.'
    """
    text = " ".join(str(message).split())
    if isinstance(message, MemoryError):
        # Its own advice is for Python.
        return _not_enough_memory(text.split(". ")[0].rstrip("."))
    if type(message).__name__ in OUT_OF_MEMORY:
        # It tells the device and the operation, at length.
        return _not_enough_memory("")
    if isinstance(message, OSError) and message.errno is not None:
        return _of_the_system(message)
    if isinstance(message, Exception) and not text:
        text = type(message).__name__
    for wording, option in ADVICE.items():
        text = re.sub(wording, option, text)
    # Messages that are worded for both.
    return re.sub(r"(--[a-z-]+(?: \w+)?) \((?:or )?\1\)", r"\1", text)


def _not_enough_memory(reason: str) -> str:
    reason = f" ({reason})" if reason else ""
    return (
        f"There is not enough memory{reason}: use --lazy or --cache FOLDER, which keep images on disk, or a smaller "
        "--image-size."
    )


def _of_the_system(error: OSError) -> str:
    """A sentence with the path and what to do, without the number of the error."""
    advice = SYSTEM_ERRORS.get(error.errno or 0, error.strerror)
    paths = [repr(str(path)) for path in (error.filename, error.filename2) if path is not None]
    return f"{advice} ({', '.join(paths)})." if paths else f"{advice}."
