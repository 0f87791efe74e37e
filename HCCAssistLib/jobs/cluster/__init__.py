"""Training on a Slurm cluster, over SSH and SFTP: nothing runs on it but Slurm and one folder of the user's.

A profile (``profile``) says where and with what; ``connection`` keeps one SSH connection, ``sftp_files`` reads and
writes the folder, ``slurm`` submits, asks and cancels, ``install`` brings the library there, ``check`` says what is
missing. Nothing here imports torch or numpy.
"""
