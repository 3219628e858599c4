"""Pages of what people decide about money in the books: adjustments, freezes, the register, own money."""
