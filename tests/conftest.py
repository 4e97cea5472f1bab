"""Settings of the whole test run."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the tests' layers are so small that threads only get in the way
