"""`zhangfang bench reconcile`: a channel's file of millions of lines, from disk to breaks in the database and the books."""
