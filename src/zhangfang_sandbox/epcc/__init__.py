"""A network that speaks EPCC-style messages, for demonstrations and tests: an approximation from public facts.

`body` bytes and XML, `keys` authority and certificates, `seal` signatures and envelopes, `fields` what a message must
hold, `codes` what an answer says, `mandates` agreements and SMS codes, `sites` the two sites with their control digits,
`messages` what is told, `gateway` who asks, `doors` the ports with mutual TLS, `dialect` and `parts` how it is all put
together on what every acquiring bank has, `control` the plane that tests steer it by.
"""
