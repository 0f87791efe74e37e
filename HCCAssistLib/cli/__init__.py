"""The hccassist command: one file per subcommand."""
