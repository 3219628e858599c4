"""A network that speaks EPCC-style messages, for demonstrations and tests: an approximation from public facts.

`body` bytes and XML, `keys` authority and certificates, `seal` signatures and envelopes, `fields` what a message must
hold, `codes` what an answer says, `mandates` agreements and SMS codes, `sites` the two sites with their control digits,
`messages` answers and notices, `gateway` the requests, `doors` the ports with mutual TLS, `dialect` and `parts` how
all of it is put together with what acquiring banks share, `control` the control plane for tests.
"""
