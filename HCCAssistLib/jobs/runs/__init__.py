"""Trainings that outlive their caller: the same folder, events and commands on this computer and on a cluster.

    ROOT/packs/<digest>/           what members are trained on (``training.pack``)
    ROOT/runs/<key>/               one member: plan, settings, lease, events, checkpoints, result
    ROOT/trainings/<id>/           one training, on this computer alone

What asks and steers (``files``, ``executor``, ``events``, ``state``, ``runs``, ``trainings``) loads neither torch nor
numpy.
"""
