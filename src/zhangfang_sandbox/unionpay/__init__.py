"""A bank that speaks UnionPay's online gateway, ACP 5.1.0, for demonstrations and tests.

`wire` bytes and signing texts, `keys` and `seal` certificates and signatures, `fields` what a message must hold,
`codes` what an answer says, `customer` the payer's account, `book` orders, `rules` decisions, `bank` what happens,
`messages` what is told, `gateway` and `cashier` who asks, `notify` who is told, `batches` and `batchfile` many orders
in one message, `days` and `zm` the settlement day and its file, `transfers` its money, `planting` what nobody asked
for, `control` the plane that tests steer it by, `views` what it shows.
"""
