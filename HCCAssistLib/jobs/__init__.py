"""Work in processes of its own, which never makes its caller wait: a warm worker for predictions, and short tasks.

Both run the same program (``child``) by the same process (``process``) and report by the same events (``events``).
"""
