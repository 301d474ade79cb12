# What nbgrader leaves in place of a solution, and how long a cell may run, in seconds.
c = get_config()  # noqa: F821
c.ClearSolutions.code_stub = {"python": "# Your code here: replace what stands above."}
c.ClearSolutions.text_stub = "*Your answer:*"
c.ExecutePreprocessor.timeout = 600
