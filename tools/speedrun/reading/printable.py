"""Text that anyone may have written, made fit for a terminal. Alone in a module so that it costs nothing to import."""


def printable(text: object) -> str:
    """The text on one line, without control characters (terminal escapes) or broken Unicode."""
    return "".join(c if c.isprintable() else "\ufffd" for c in " ".join(str(text).split()))
