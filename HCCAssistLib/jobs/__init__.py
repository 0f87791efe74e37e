"""Work that takes long, in its own process: a warm worker on this computer that never makes its caller wait."""
