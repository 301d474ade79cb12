"""What the chapters show of the module itself."""

import inspect
import re
from textwrap import dedent

from IPython.display import Markdown


def show_code(*functions):
    """Show functions as the module has them, without their docstrings.

    Parameters
    ----------
    *functions : callable
        Functions, methods or classes of this package.

    Returns
    -------
    IPython.display.Markdown
        Their source, cut out of the files as they are now.
    """
    sources = [dedent(inspect.getsource(function)).rstrip() for function in functions]
    sources = [re.sub(r'\n *""".*?"""', "", source, flags=re.DOTALL) for source in sources]
    return Markdown("```python\n" + "\n\n\n".join(sources) + "\n```")
