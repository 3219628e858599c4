"""Commands about files, breaks, vouchers, closing and papers."""
