"""`zhangfang bench statements`: the statements of many merchants for one date, beside a plain SQL aggregate of the same."""
