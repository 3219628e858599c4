"""`zhangfang bench queries`: every statement on a database with months of history in it."""
