"""A bank that speaks UnionPay's online gateway, ACP 5.1.0, for demonstrations and tests.

`wire` bytes and signing texts, `keys` and `seal` certificates and signatures, `fields` what a message must hold,
`codes` what an answer says, `customer` the payer's account, `book` orders, `rules` decisions, `bank` what happens,
`messages` answers, `gateway` and `cashier` the requests, `notify` notifications, `batches` and `batchfile` many orders
in one message, `days` and `zm` the settlement day and its file, `planting` orders that nobody asked for, `control` the
control plane for tests, `views` what it shows.
"""
