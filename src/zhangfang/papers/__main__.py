"""`python -m zhangfang.papers csv|xlsx|pdf`: makes the paper on stdin, pickled by our parent, into a file on stdout."""

import os
import pickle
import sys

from zhangfang.papers.write import write

if __name__ == "__main__":
    os.nice(19)
    write(sys.argv[1], pickle.load(sys.stdin.buffer), sys.stdout.buffer)  # noqa: S301 - from our parent
