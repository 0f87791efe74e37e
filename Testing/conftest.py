"""For all tests: one thread each, since small tensors gain nothing from more and waiting threads cost much."""

import os

for _name in ("OMP_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"):
    os.environ.setdefault(_name, "1")
