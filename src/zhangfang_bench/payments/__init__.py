"""Collections through the whole platform, beside its floors."""
