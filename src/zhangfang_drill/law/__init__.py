"""The law, checked from outside: the banks' books against ours."""
