"""The rules of the money path, checked from outside: the banks' books are compared with ours."""
