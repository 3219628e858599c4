"""`zhangfang bench settlement`: the settlement of many merchants, beside a plain SQL aggregate of the same payments."""
