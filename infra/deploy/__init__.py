"""``make deploy`` and ``make undeploy``: an installation on Google Cloud, from a clone to functions that run, and back.

What is done is plain data: each ``step`` is a command, why it is there, and what takes it back. ``foundation``,
``google`` and ``chart`` say which there are, ``deploying`` and ``undeploying`` their order, and ``runner`` alone runs
anything. Nothing but Python's standard library is needed.
"""
