"""How long properties are searched for a counterexample."""

import os

MORE = int(os.environ.get("ZHANGFANG_SEARCH", "1"))
"""How many times as many examples as usual; `make nightly` asks for more."""
