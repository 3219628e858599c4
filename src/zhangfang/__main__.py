"""`python -m zhangfang` is the command `zhangfang`."""

from zhangfang.cli import main

if __name__ == "__main__":
    main()
