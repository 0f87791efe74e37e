"""Work in processes of its own, which never makes its caller wait: a warm worker, short tasks, trainings.

The first two run the same program (``child``) by the same process (``process``) and report by the same events
(``events``). Trainings outlive whoever began them (``runs``).
"""
