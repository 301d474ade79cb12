"""Errors a user can act on: one sentence that names what was given and what is accepted."""

from difflib import get_close_matches


class InputError(ValueError):
    """Something the user gave cannot be used; the message is one sentence that says why."""


def check_name(what, given, accepted):
    """Raise unless a name is one of the accepted ones, suggesting the nearest.

    Parameters
    ----------
    what : str
        What the name stands for, as it should read in the message ("data set").
    given : str
        The name to check.
    accepted : iterable of str
        The names that exist.

    Raises
    ------
    InputError
        If ``given`` is not in ``accepted``.
    """
    accepted = sorted(accepted)
    if given in accepted:
        return
    nearest = get_close_matches(str(given), accepted, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(map(repr, nearest))}? " if nearest else ""
    raise InputError(f"unknown {what} {given!r}: {hint}The known ones are {', '.join(accepted)}.")
