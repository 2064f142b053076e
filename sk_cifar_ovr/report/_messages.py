"""Messages of errors and warnings, with the options of the command line in place of Python parameters."""

import re

# Wordings of the advice in messages, and the same advice for the command line.
ADVICE = {
    r"on_error=['\"]skip['\"]": "--on-error skip",
    r"sixteen_bit=['\"]scale['\"]": "--sixteen-bit scale",
    r"fit='crop', 'pad' or 'stretch'": "--fit crop, pad or stretch",
    r"fit=['\"](crop|pad|stretch)['\"]": r"--fit \1",
    r"image_size=\(height, width\)|image_size=\(h, w\)": "--image-size HEIGHTxWIDTH",
    r"\bimage_size\b=?": "--image-size",
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
        text = text.split(". ")[0].rstrip(".")
        reason = f" ({text})" if text else ""
        return (
            f"There is not enough memory{reason}: use --lazy or --cache FOLDER, which keep images on disk, or a "
            "smaller --image-size."
        )
    for wording, option in ADVICE.items():
        text = re.sub(wording, option, text)
    # Messages that are worded for both.
    return re.sub(r"(--[a-z-]+(?: \w+)?) \((?:or )?\1\)", r"\1", text)
