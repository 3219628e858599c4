"""A sandbox of China Merchants Bank's cloud direct connect (招商银行云直联, CDC): its wire, its book, its clock.

It speaks the bytes of the bank's public interface documents and moves no real money.
"""
